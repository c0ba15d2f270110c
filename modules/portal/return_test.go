package portal

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	whatwg "github.com/nlnwa/whatwg-url/url"
)

func unmarshalStrict(raw []byte, v any) error { return json.Unmarshal(raw, v) }

func TestSafeReturn(t *testing.T) {
	for in, want := range map[string]string{
		"/":                              "/",
		"/rooms":                         "/rooms",
		"/rooms?a=b&c=d":                 "/rooms?a=b&c=d",
		"/a%20b":                         "/a%20b",
		"/ümlaut":                        "/%C3%BCmlaut",
		"/rooms#x":                       "/rooms",
		"/a//b":                          "/a//b",
		"/auth/account":                  "/auth/account",
		"/a?next=https://b.c":            "/a?next=https://b.c",
		"":                               "/home",
		"/auth/oidc/corp/start":          "/home",
		"/auth/oauth/revoke":             "/home",
		"/a/../auth/oidc/corp/start":     "/home",
		"/a/%2E%2e/auth/oidc/corp/start": "/home",
		"/auth/./oidc/corp/start":        "/home",
		"/auth/x/.%2e/login":             "/home",
		"/a/..":                          "/home",
		"/a/..b/.c":                      "/a/..b/.c",
		"rooms":                          "/home",
		"//evil.example":                 "/home",
		"///evil.example":                "/home",
		`/\evil.example`:                 "/home",
		`\/evil.example`:                 "/home",
		`/\/evil.example`:                "/home",
		"/\t/evil.example":               "/home",
		"/\n/evil.example":               "/home",
		"\t//evil.example":               "/home",
		" //evil.example":                "/home",
		"/ /evil.example":                "/home",
		"https://evil.example":           "/home",
		"https:evil.example":             "/home",
		"http:/evil.example":             "/home",
		"javascript:alert(1)":            "/home",
		"/%5cevil.example":               "/home",
		"/%2f/evil.example":              "/home",
		"/%2fevil.example":               "/home",
		"/\u0085/evil.example":           "/home",
		"/\x00":                          "/home",
		"/a\r\nSet-Cookie: x=y":          "/home",
		"/\xff":                          "/home",
		"/%zz":                           "/home",
		"@evil.example":                  "/home",
		"?x":                             "/home",
		"#x":                             "/home",
		"/auth/login":                    "/home",
		"/auth/login?return_to=/x":       "/home",
		"/auth/api/session":              "/home",
		"/" + strings.Repeat("a", 3000):  "/home",
	} {
		if got := safeReturn(in, "/home"); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Wherever it leads, a browser (the WHATWG's reading of addresses) and Go agree that it is this site.
func FuzzReturn(f *testing.F) {
	for _, s := range []string{"/rooms?a=b", "//evil.example", `/\evil.example`, "/%5c%5cevil.example", "/..//evil.example", "/.//evil.example", "/a/../..//evil.example", "/;@evil.example"} {
		f.Add(s)
	}
	const base = "https://gw.example/auth/login"
	f.Fuzz(func(t *testing.T, s string) {
		to := safeReturn(s, "/home")
		u, err := whatwg.ParseRef(base, to)
		if err != nil {
			t.Fatalf("%q becomes %q, which no browser reads: %v", s, to, err)
		}
		if u.Protocol() != "https:" || u.Host() != "gw.example" || u.Username() != "" {
			t.Errorf("%q becomes %q and leads to %s", s, to, u.Href(false))
		}
		b, _ := url.Parse(base)
		if g, err := b.Parse(to); err != nil || g.Host != "gw.example" || g.Scheme != "https" {
			t.Errorf("%q becomes %q: %v", s, to, g)
		}
		if again := safeReturn(to, "/home"); again != to {
			t.Errorf("%q becomes %q and then %q", s, to, again)
		}
	})
}
