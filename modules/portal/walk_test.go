package portal

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// walk visits every method of every route. with gives a handler whose identity and policy are p: one for all, since each opens files.
func walk(t *testing.T, f func(t *testing.T, method, path string, rt route, with func(p *people) *Handler)) {
	t.Helper()
	h := newHandler(t, &people{})
	h.SecurityText = &SecurityText{Contacts: []string{"mailto:security@example.com"}}
	with := func(p *people) *Handler {
		h.identity, h.policy = p, p
		return h
	}
	if len(routes) < 30 {
		t.Fatalf("there are %d routes: the test has lost its table", len(routes))
	}
	for _, name := range slices.Sorted(maps.Keys(routes)) {
		rt := routes[name]
		for _, method := range slices.Sorted(maps.Keys(rt.methods)) {
			t.Run(method+" "+name, func(t *testing.T) { f(t, method, strings.ReplaceAll(name, "{id}", "4711"), rt, with) })
		}
	}
}

func unsafe(method string) bool { return method != "GET" && method != "HEAD" && method != "OPTIONS" }

// foreignPages are the ways in which a browser says that another site's page has sent a request, and in which an attacker blurs it.
var foreignPages = map[string]http.Header{
	"another site":             {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}},
	"a neighbouring host":      {"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://blog.gw.example"}},
	"a neighbouring port":      {"Origin": {"https://gw.example:8443"}},
	"another scheme and site":  {"Origin": {"http://evil.example"}},
	"an old browser":           {"Origin": {"https://evil.example"}},
	"a sandboxed frame":        {"Origin": {"null"}},
	"a file":                   {"Origin": {"file://"}},
	"a name that begins alike": {"Origin": {"https://gw.example.evil.example"}},
	"a name that ends alike":   {"Origin": {"https://evilgw.example"}},
	"a user before the host":   {"Origin": {"https://gw.example@evil.example"}},
	"two origins":              {"Origin": {"https://gw.example", "https://evil.example"}},
	"two origins in one":       {"Origin": {"https://gw.example, https://evil.example"}},
	"origin and fetch at odds": {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://gw.example"}},
	"two fetch headers":        {"Sec-Fetch-Site": {"same-origin", "cross-site"}},
	"a fetch header in caps":   {"Sec-Fetch-Site": {"CROSS-SITE"}, "Origin": {"https://evil.example"}},
	"an unknown fetch header":  {"Sec-Fetch-Site": {"x"}, "Origin": {"https://evil.example"}},
	"an empty origin":          {"Sec-Fetch-Site": {"cross-site"}, "Origin": {""}},
}

// doWith is do with a request that change has had in its hands.
func doWith(t *testing.T, h *Handler, id *reqctx.Identity, method, path, body string, change func(*http.Request)) answered {
	t.Helper()
	r := httptest.NewRequest(method, "https://gw.example"+path, strings.NewReader(body))
	change(r)
	r, rc := reqctx.Ensure(r)
	rc.Identity, rc.LoginURL = id, "/auth/login"
	a := answered{ResponseRecorder: httptest.NewRecorder(), rc: rc}
	if err := h.ServeHTTP(&a, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		a.passed = true
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	return a
}

// sent is do with headers that may come several times.
func sent(t *testing.T, h *Handler, id *reqctx.Identity, method, path, body string, header http.Header) answered {
	t.Helper()
	return doWith(t, h, id, method, path, body, func(r *http.Request) { maps.Copy(r.Header, header) })
}

// No page of another site makes its visitor do anything: whatever it calls that changes something is refused before its handler runs, with
// the visitor's cookies and without, whatever the body claims to be.
func TestNothingChangesForAnotherSite(t *testing.T) {
	changing := 0
	walk(t, func(t *testing.T, method, path string, rt route, with func(*people) *Handler) {
		if !unsafe(method) {
			return
		}
		changing++
		for name, header := range foreignPages {
			for _, kind := range []string{"application/json", "text/plain", "application/x-www-form-urlencoded", ""} {
				for _, id := range []*reqctx.Identity{ursula, nil} {
					p := &people{}
					h := header.Clone()
					h.Set("Content-Type", kind)
					h.Set("Cookie", "__Secure-gw_refresh=R; __Host-gw_session=R; __Secure-gw_device=D")
					a := sent(t, with(p), id, method, path, `{"username":"ursula"}`, h)
					if a.Code != http.StatusForbidden || a.kind() != "cross-site" || len(p.asked) > 0 || len(a.Header()["Set-Cookie"]) > 0 {
						t.Fatalf("%s, %q: %d %s, asked %q, cookies %q", name, kind, a.Code, a.kind(), p.asked, a.Header()["Set-Cookie"])
					}
				}
			}
		}
		// The portal's own pages get further.
		a := sent(t, with(&people{}), ursula, method, path, `{}`, http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"https://gw.example"}})
		if a.kind() == "cross-site" {
			t.Error("the own page is refused")
		}
	})
	if changing < 20 {
		t.Errorf("%d routes change something: the test has lost its table", changing)
	}
}

// No other method does what a route's methods do, however it is spelled or asked for; and what changes something is no GET.
func TestMethodsAreWhatTheySay(t *testing.T) {
	walk(t, func(t *testing.T, method, path string, rt route, with func(*people) *Handler) {
		for _, other := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "post", "PoSt"} {
			if _, ok := rt.methods[other]; ok || other == "HEAD" && rt.methods["GET"] != nil {
				continue
			}
			p := &people{}
			a := do(t, with(p), ursula, other, path, "", "X-HTTP-Method-Override", method, "X-HTTP-Method", method, "X-Method-Override", method)
			if a.Code != http.StatusMethodNotAllowed || a.Header().Get("Allow") == "" || len(p.asked) > 0 {
				t.Errorf("%s: %d, asked %q", other, a.Code, p.asked)
			}
		}
		if method != "GET" {
			return
		}
		if len(rt.methods) == 1 {
			return
		}
		p := &people{}
		do(t, with(p), ursula, "GET", path+"?_method=DELETE&method=POST", "")
		for _, asked := range p.asked {
			for _, verb := range []string{"login", "logout", "remove", "delete", "end", "forget", "new", "confirm", "password", "renew", "rename", "erase"} {
				if strings.HasPrefix(asked, verb) {
					t.Errorf("a GET asks for %q", asked)
				}
			}
		}
	})
}

// What is for who is signed in is closed to everybody else, for tokens that others issued or a program carries, and where the policy says
// nothing; a page then leads to the login, an API call does not.
func TestAccountRoutesAreClosed(t *testing.T) {
	walk(t, func(t *testing.T, method, path string, rt route, with func(*people) *Handler) {
		p := &people{}
		if rt.permission != public {
			if a := do(t, with(p), nil, method, path, ""); a.Code != http.StatusUnauthorized || len(p.asked) > 0 {
				t.Errorf("nobody: %d, asked %q", a.Code, p.asked)
			}
			for name, id := range map[string]*reqctx.Identity{
				"a token of another issuer": {Subject: "1", Name: "ursula", Roles: []string{"admin"}, Issuer: "https://idp.example", Expires: ursula.Expires},
				"a service":                 {Subject: "1", Name: "job", Roles: []string{"admin"}, Kind: "service", Session: "S", Expires: ursula.Expires},
				"a personal token":          {Subject: "1", Name: "ursula", Roles: []string{"user"}, Kind: "personal", Session: "pt_1", Scopes: []string{"message:read"}, Expires: ursula.Expires},
			} {
				if a := do(t, with(p), id, method, path, ""); a.Code != http.StatusForbidden || len(p.asked) > 0 {
					t.Errorf("%s: %d, asked %q", name, a.Code, p.asked)
				}
			}
		}
		closed := &people{decide: func(*engine.Input) engine.Decision { return engine.Decision{} }}
		if a := do(t, with(closed), ursula, method, path, ""); a.Code != http.StatusForbidden || len(closed.asked) > 0 {
			t.Errorf("refused by the policy: %d, asked %q", a.Code, closed.asked)
		}
	})
}

// Whatever is answered, it is not stored, not framed, not sniffed, and scripts come from here alone.
func TestEveryAnswerIsGuarded(t *testing.T) {
	walk(t, func(t *testing.T, method, path string, rt route, with func(*people) *Handler) {
		for name, id := range map[string]*reqctx.Identity{"known": ursula, "unknown": nil} {
			a := do(t, with(&people{}), id, method, path, "")
			h := a.Header()
			csp := h.Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} {
				if !strings.Contains(csp, want) {
					t.Errorf("%s: %q lacks %s", name, csp, want)
				}
			}
			if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") || strings.Contains(csp, "data:") && !strings.Contains(csp, "img-src") {
				t.Errorf("%s: %q", name, csp)
			}
			if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") == "" || len(h["Access-Control-Allow-Origin"]) != 0 {
				t.Errorf("%s: %v", name, h)
			}
			forAll := strings.HasPrefix(path, "/auth/assets/") || path == "/.well-known/jwks.json" || path == securityPath
			if stored := h.Get("Cache-Control"); !strings.Contains(stored, "no-store") && !forAll && a.Code == 200 {
				t.Errorf("%s: it may be stored (%q)", name, stored)
			}
		}
	})
}

// Paths that a proxy, a cache or the policy could read in another way than the portal are none of its routes.
func TestOtherSpellingsOfRoutesDoNothing(t *testing.T) {
	walk(t, func(t *testing.T, method, path string, rt route, with func(*people) *Handler) {
		if rt.permission == public {
			return
		}
		for _, other := range []string{strings.ToUpper(path), path + "/", path + "//", path + "/.", path + ";x", path + "%20", path + ".css", path + "/x.js", path + "/x.js/..", "/" + path, strings.Replace(path, "/auth/", "/auth//", 1),
			strings.Replace(path, "/auth/", "/auth/./", 1), strings.Replace(path, "/auth/", "/auth/x/../", 1)} {
			p := &people{}
			a := doWith(t, with(p), ursula, method, "/auth", "", func(r *http.Request) { r.URL.Path = other })
			if len(p.asked) > 0 || a.Code == http.StatusOK && !a.passed {
				t.Errorf("%q: %d, asked %q", other, a.Code, p.asked)
			}
		}
	})
}
