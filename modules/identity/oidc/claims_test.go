package oidc

import (
	"slices"
	"testing"
	"time"
)

func claimsOf(t *testing.T, raw string) Claims {
	t.Helper()
	c, ok := parseClaims([]byte(raw))
	if !ok {
		t.Fatalf("%s is refused", raw)
	}
	return c
}

func TestCurrent(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for raw, want := range map[string]bool{
		`{"exp":1700000001}`:                   true,
		`{"exp":1700000001.9}`:                 true,
		`{"exp":1700000000}`:                   false,
		`{}`:                                   false,
		`{"exp":null}`:                         false,
		`{"exp":"1700000001"}`:                 false,
		`{"exp":true}`:                         false,
		`{"exp":-1}`:                           false,
		`{"exp":1e300}`:                        false,
		`{"exp":9223372036854775807}`:          false,
		`{"exp":[1700000001]}`:                 false,
		`{"exp":1700000001,"nbf":1700000030}`:  true,
		`{"exp":1700000099,"nbf":1700000031}`:  false,
		`{"exp":1700000099,"iat":1700000031}`:  false,
		`{"exp":1700000099,"iat":"yesterday"}`: false,
		`{"exp":1700000099,"nbf":null}`:        false,
	} {
		if _, ok := claimsOf(t, raw).Current(now); ok != want {
			t.Errorf("%s: %v", raw, ok)
		}
	}
}

func TestClaims(t *testing.T) {
	c := claimsOf(t, `{"aud":["a","b"],"sub":"s","scope":"x y","realm":{"roles":["r1",2,"r2"],"a/b":"c"},"https://x/y":"z","ok":true,"one":"x y"}`)
	for at, want := range map[string][]string{
		"aud": {"a", "b"}, "scope": {"x", "y"}, "/realm/roles": {"r1", "r2"}, "/realm/a~1b": {"c"}, "https://x/y": {"z"}, "ok": {"true"}, "one": {"x y"},
		"realm": nil, "/realm/none/x": nil, "/": nil, "AUD": nil, "realm.roles": nil,
	} {
		if got := c.Texts(at); !slices.Equal(got, want) {
			t.Errorf("%s: %q", at, got)
		}
	}
	for raw, want := range map[string]int{`{"aud":"a"}`: 1, `{"aud":["a","b"]}`: 2, `{"aud":["a",1]}`: 0, `{"aud":{"a":1}}`: 0, `{}`: 0, `{"aud":[]}`: 0} {
		if got := claimsOf(t, raw).Audience(); len(got) != want {
			t.Errorf("%s: %q", raw, got)
		}
	}
	for _, raw := range []string{`{"sub":""}`, `{"sub":1}`, `{"sub":" "}`, `{"sub":"a\u0000b"}`, `{"sub":null}`, `{}`} {
		if s := claimsOf(t, raw).Subject(); s != "" {
			t.Errorf("%s: %q", raw, s)
		}
	}
}
