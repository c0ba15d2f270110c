package foreign

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/token"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/test/issuer"
)

type claims = map[string]any

func newVerifier(t testing.TB, more ...Issuer) *Verifier {
	t.Helper()
	v, err := New(t.Context(), more, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func TestForeignToken(t *testing.T) {
	idp := issuer.New(t)
	v := newVerifier(t, Issuer{
		URL: idp.URL, As: "corp", Audience: []string{"chat", "other"}, Roles: []string{"user"}, Scopes: true,
		Map: []Mapping{{"groups", "staff", []string{"moderator"}}, {"/realm_access/roles", "gw-admin", []string{"admin", "user"}}}, SecondFactor: &Match{"amr", []string{"mfa", "hwk"}},
	})
	auth := time.Now().Add(-time.Minute).Truncate(time.Second).UTC()
	raw := idp.Token(t, "Ada|1", "chat", claims{
		"groups": []string{"x", "staff"}, "realm_access": claims{"roles": []string{"gw-admin"}}, "amr": []string{"pwd", "mfa"}, "auth_time": auth.Unix(), "scope": "read write", "acr": "whatever",
	})
	if !v.Claims(raw) {
		t.Fatal("not by the issuer")
	}
	if _, ok := v.Known(raw); ok {
		t.Error("known before")
	}
	id, err := v.Verify(t.Context(), raw, nil)
	if err != nil {
		t.Fatal(err)
	}
	if id.Subject != "%41da%7C1@corp" || id.Name != id.Subject || !slices.Equal(id.Roles, []string{"user", "moderator", "admin"}) || id.Kind != reqctx.KindForeign ||
		id.Issuer != idp.URL || id.Session != "" || id.ACR != reqctx.ACRMulti || !id.AuthTime.Equal(auth) || !id.MFATime.Equal(auth) ||
		!slices.Equal(id.Scopes, []string{"read", "write"}) || !slices.Equal(id.Methods, []string{"pwd", "mfa"}) || id.Cookie || id.TokenID == "" {
		t.Errorf("%+v", id)
	}
	if again, ok := v.Known(raw); !ok || again != id {
		t.Error("not known after")
	}
	plain, err := v.Verify(t.Context(), idp.Token(t, "bob", "other", claims{"acr": "aal2", "mfa_time": auth.Unix()}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if plain.ACR != reqctx.ACRSingle || !plain.MFATime.IsZero() || !plain.AuthTime.IsZero() || plain.Scopes == nil || len(plain.Scopes) != 0 || !slices.Equal(plain.Roles, []string{"user"}) {
		t.Errorf("%+v", plain)
	}
}

func TestForeignRefused(t *testing.T) {
	idp, other := issuer.New(t), issuer.New(t)
	v := newVerifier(t,
		Issuer{URL: idp.URL, As: "corp", Audience: []string{"chat"}, Roles: []string{"user"}, Require: []Match{{"azp", []string{"web", "app"}}, {"tenant", []string{"t1"}}}},
		Issuer{URL: other.URL, As: "other", Audience: []string{"chat"}, Map: []Mapping{{"groups", "staff", []string{"user"}}}})
	good := claims{"azp": "app", "tenant": "t1"}
	with := func(more claims) claims {
		c := claims{}
		for _, m := range []claims{good, more} {
			for k, x := range m {
				c[k] = x
			}
		}
		return c
	}
	if _, err := v.Verify(t.Context(), idp.Token(t, "ada", "chat", good), nil); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	thumb := sha256.Sum256([]byte("certificate"))
	for name, raw := range map[string]string{
		"another audience":      idp.Token(t, "ada", "mail", good),
		"audience a part":       idp.Token(t, "ada", "chat2", good),
		"no audience":           idp.Token(t, "ada", "chat", with(claims{"aud": nil})),
		"audience of numbers":   idp.Token(t, "ada", "chat", with(claims{"aud": []any{"chat", 1}})),
		"expired":               idp.Token(t, "ada", "chat", with(claims{"exp": now - 1})),
		"no exp":                idp.Token(t, "ada", "chat", with(claims{"exp": nil})),
		"exp a text":            idp.Token(t, "ada", "chat", with(claims{"exp": "9999999999"})),
		"not yet":               idp.Token(t, "ada", "chat", with(claims{"nbf": now + 100})),
		"issued in the future":  idp.Token(t, "ada", "chat", with(claims{"iat": now + 100})),
		"auth_time a text":      idp.Token(t, "ada", "chat", with(claims{"auth_time": "now"})),
		"an ID token":           idp.Token(t, "ada", "chat", with(claims{"typ": "JWT"})),
		"no typ":                idp.Token(t, "ada", "chat", with(claims{"typ": nil})),
		"a logout token":        idp.Token(t, "ada", "chat", with(claims{"typ": "logout+jwt"})),
		"no subject":            idp.Token(t, "", "chat", good),
		"subject a number":      idp.Token(t, "ada", "chat", with(claims{"sub": 1})),
		"subject too long":      idp.Token(t, strings.Repeat("a", 129), "chat", good),
		"claim missing":         idp.Token(t, "ada", "chat", claims{"azp": "app"}),
		"claim of another":      idp.Token(t, "ada", "chat", with(claims{"azp": "evil"})),
		"bound to a DPoP key":   idp.Token(t, "ada", "chat", with(claims{"cnf": claims{"jkt": "x"}})),
		"bound to another cert": idp.Token(t, "ada", "chat", with(claims{"cnf": claims{"x5t#S256": base64.RawURLEncoding.EncodeToString(make([]byte, 32))}})),
		"bound to two":          idp.Token(t, "ada", "chat", with(claims{"cnf": claims{"jkt": "x", "x5t#S256": base64.RawURLEncoding.EncodeToString(thumb[:])}})),
		"cnf no object":         idp.Token(t, "ada", "chat", with(claims{"cnf": "x"})),
		"issuer of the other":   idp.Token(t, "ada", "chat", with(claims{"iss": other.URL, "groups": "staff"})),
		"issuer unknown":        idp.Token(t, "ada", "chat", with(claims{"iss": "https://evil.example"})),
		"longer than 8 KiB":     idp.Token(t, "ada", "chat", with(claims{"x": strings.Repeat("x", 8<<10)})),
	} {
		if id, err := v.Verify(t.Context(), raw, []byte("certificate")); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: %+v %v", name, id, err)
		}
		if _, ok := v.Known(raw); ok {
			t.Errorf("%s: known", name)
		}
	}
	if _, err := v.Verify(t.Context(), other.Token(t, "ada", "chat", claims{"groups": []string{"Staff", "staff "}}), nil); !errors.Is(err, ErrNoRole) {
		t.Errorf("no role: %v", err)
	}
}

// A token that is bound to a certificate is good on a connection with it, and remembering it opens no other.
func TestBoundToken(t *testing.T) {
	idp := issuer.New(t)
	v := newVerifier(t, Issuer{URL: idp.URL, As: "corp", Audience: []string{"chat"}, Roles: []string{"user"}})
	thumb := sha256.Sum256([]byte("certificate"))
	raw := idp.Token(t, "ada", "chat", claims{"cnf": claims{"x5t#S256": base64.RawURLEncoding.EncodeToString(thumb[:])}})
	for range 2 {
		if _, err := v.Verify(t.Context(), raw, []byte("certificate")); err != nil {
			t.Error(err)
		}
		for _, cert := range [][]byte{nil, []byte("another")} {
			if _, err := v.Verify(t.Context(), raw, cert); !errors.Is(err, token.ErrInvalid) {
				t.Errorf("with %q: %v", cert, err)
			}
		}
		if _, ok := v.Known(raw); ok {
			t.Error("a bound token is known without its certificate")
		}
	}
}

func TestNamesStayApart(t *testing.T) {
	seen := map[string]string{}
	for _, s := range []string{"bob", "Bob", "BOB", "bob ", " bob", "b%6Fb", "b%6fb", "bob@corp", "bob%40corp", "b\u043eb", "bo\u200bb", "b:b", "b/b", "b\nb", "*", "..", "\uff42ob"} {
		got := spell(s)
		if was, ok := seen[got]; ok {
			t.Errorf("%q and %q both become %q", was, s, got)
		}
		seen[got] = s
		if strings.ContainsAny(got, "@:/*\r\n ,") {
			t.Errorf("%q becomes %q", s, got)
		}
	}
}

func TestRotationForgets(t *testing.T) {
	idp := issuer.New(t)
	var mu sync.Mutex
	now := time.Now()
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	v, err := New(t.Context(), []Issuer{{URL: idp.URL, As: "corp", Audience: []string{"chat"}, Roles: []string{"user"}}}, clock)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	raw := idp.Token(t, "ada", "chat", claims{"exp": now.Add(24 * time.Hour).Unix()})
	if _, err := v.Verify(t.Context(), raw, nil); err != nil {
		t.Fatal(err)
	}
	idp.Rotate(t)
	mu.Lock()
	now = now.Add(11 * time.Minute)
	mu.Unlock()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, ok := v.Known(raw); !ok {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a token of a withdrawn key stays known")
		}
	}
	if _, err := v.Verify(t.Context(), raw, nil); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("and verifies: %v", err)
	}
	idp.Down(true)
	mu.Lock()
	now = now.Add(2 * time.Hour)
	mu.Unlock()
	if _, err := v.Verify(t.Context(), raw, nil); err == nil || errors.Is(err, token.ErrInvalid) {
		t.Errorf("an issuer that can't be asked: %v", err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	idp := issuer.New(t)
	v := newVerifier(t, Issuer{URL: idp.URL, As: "corp", Audience: []string{"chat"}, Roles: []string{"user"}})
	v.cache = newCache(8)
	for range 50 {
		raw := idp.Token(t, "ada", "chat", nil)
		if _, err := v.Verify(t.Context(), raw, nil); err != nil {
			t.Fatal(err)
		}
		if _, ok := v.Known(raw); !ok {
			t.Fatal("the newest is not known")
		}
		if n := len(v.cache.m); n > 8 {
			t.Fatalf("%d entries", n)
		}
	}
}

func TestCheck(t *testing.T) {
	good := Issuer{URL: "https://idp.example.com", Audience: []string{"chat"}, Roles: []string{"user"}}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Issuer){
		"must be https":         func(i *Issuer) { i.URL = "http://idp.example.com" },
		"no address":            func(i *Issuer) { i.URL = "corp" },
		"audience is missing":   func(i *Issuer) { i.Audience = nil },
		"audience is empty":     func(i *Issuer) { i.Audience = []string{""} },
		"roles are missing":     func(i *Issuer) { i.Roles = nil },
		"is no role":            func(i *Issuer) { i.Roles = []string{"Admin"} },
		`"HS256" is none of`:    func(i *Issuer) { i.Algorithms = []string{"HS256"} },
		`"none" is none of`:     func(i *Issuer) { i.Algorithms = []string{"ES256", "none"} },
		"is no label":           func(i *Issuer) { i.As = "a@b" },
		"map needs":             func(i *Issuer) { i.Map = []Mapping{{Claim: "groups"}} },
		"require and":           func(i *Issuer) { i.Require = []Match{{Claim: "azp"}} },
		"second_factor need":    func(i *Issuer) { i.SecondFactor = &Match{Claim: "amr"} },
		"must be https (http o": func(i *Issuer) { i.JWKS = "ftp://x" },
	} {
		i := good
		change(&i)
		if err := i.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, two := range [][]Issuer{{good, good}, {good, {URL: "https://idp.example.com/realms/b", Audience: []string{"chat"}, Roles: []string{"user"}}}} {
		if _, err := New(context.Background(), two, time.Now); err == nil {
			t.Errorf("%v pass", two)
		}
	}
}

func BenchmarkKnown(b *testing.B) {
	idp := issuer.New(b)
	v := newVerifier(b, Issuer{URL: idp.URL, As: "corp", Audience: []string{"chat"}, Roles: []string{"user"}})
	raw := idp.Token(b, "ada", "chat", nil)
	if _, err := v.Verify(b.Context(), raw, nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, ok := v.Known(raw); !ok {
			b.Fatal("not known")
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	idp := issuer.New(b)
	v := newVerifier(b, Issuer{URL: idp.URL, As: "corp", Audience: []string{"chat"}, Roles: []string{"user"}})
	raw := idp.Token(b, "ada", "chat", nil)
	for b.Loop() {
		if _, err := v.Verify(b.Context(), raw, nil); err != nil {
			b.Fatal(fmt.Errorf("verifying: %w", err))
		}
	}
}
