package ratelimit

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/redistest"
	"github.com/convosphere/gateway/modules/internal/store"
)

func openRedis(t testing.TB, s *redistest.Server) store.Store {
	t.Helper()
	r, err := store.OpenRedis(context.Background(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// The shipped zones, over each kind of store.
func TestLoginZone(t *testing.T) {
	stores := map[string]store.Store{"none": nil, "memory": store.NewMemory(0), "redis": openRedis(t, redistest.Start(t))}
	for name, s := range stores {
		t.Run(name, func(t *testing.T) {
			h := mustLoad(t, "gw_rate_limit", s)
			for i := range 20 {
				w, rc := ask(t, h, "POST /auth/api/login", "192.0.2.1", "")
				if w.Code != 204 || rc.Limited != "" {
					t.Fatalf("attempt %d: %d", i+1, w.Code)
				}
				policy, state := w.Header().Get("RateLimit-Policy"), w.Header().Get("RateLimit")
				if policy != `"login";q=20;w=120, "client";q=500;w=5, "user";q=250;w=5` {
					t.Fatal(policy)
				}
				if !strings.HasPrefix(state, fmt.Sprintf(`"login";r=%d;t=`, 19-i)) || strings.Count(state, ", ") != 2 {
					t.Fatal(state)
				}
			}
			for range 2 { // the second one is remembered, where there is a Redis
				w, rc := ask(t, h, "POST /auth/api/login", "192.0.2.1", "")
				if w.Code != 429 || rc.Limited != "login" || rc.Problem != "quota-exceeded" || rc.LimitedKey != "client" || !slices.Equal(rc.LimitedBy, []string{"login"}) {
					t.Fatalf("attempt 21: %d %+v", w.Code, rc)
				}
				after, err := strconv.Atoi(w.Header().Get("Retry-After"))
				if err != nil || after < 5 || after > 6 {
					t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
				}
				if state := w.Header().Get("RateLimit"); !strings.HasPrefix(state, fmt.Sprintf(`"login";r=0;t=%d`, after)) {
					t.Error(state)
				}
				var body struct {
					Type     string   `json:"type"`
					Status   int      `json:"status"`
					Violated []string `json:"violated-policies"`
				}
				if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Type != "https://iana.org/assignments/http-problem-types#quota-exceeded" || body.Status != 429 || !slices.Equal(body.Violated, []string{"login"}) {
					t.Errorf("%s %v", w.Body, err)
				}
			}
			if w, _ := ask(t, h, "POST /auth/api/login", "192.0.2.2", ""); w.Code != 204 {
				t.Error("another client is refused")
			}
			if w, _ := ask(t, h, "GET /auth/login", "192.0.2.1", ""); w.Code != 204 {
				t.Error("the page is refused")
			}
			if w, _ := ask(t, h, "POST /auth/api/refresh", "192.0.2.1", ""); w.Code != 204 {
				t.Error("refresh has no zone of its own")
			}
			if w, _ := ask(t, h, "POST /auth/api/mfa/totp", "192.0.2.1", ""); w.Code != 204 {
				t.Error("the second factor has no zone of its own")
			}
		})
	}
}

func TestSpellingsOfAPath(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n zone spelling {\n match POST /Auth/api/login/\n key global\n rate 1/1h\n}\ndefaults off\n}", nil)
	ask(t, h, "POST /auth/api/login", "192.0.2.1", "")
	for _, target := range []string{
		"/auth/api/login", "/AUTH/api/Login", "/auth/api/login/", "/auth//api/login", "/auth/./api/login", "/auth/x/../api/login", "/%61uth/api/login", "/auth%2fapi%2flogin",
		"/auth/api/login;x=1", "/auth;a/api/login", `/auth%5capi%5clogin`, "/auth/api/login?x", "/auth/api/login/.", "//auth/api/login", "/../auth/api/login",
	} {
		if w, _ := ask(t, h, "POST "+target, "192.0.2.1", ""); w.Code != 429 {
			t.Errorf("%s is %d", target, w.Code)
		}
	}
	for _, target := range []string{"POST /auth/api/login2", "POST /auth/api", "POST /auth/api/login/x", "GET /auth/api/login", "POST /"} {
		if w, _ := ask(t, h, target, "192.0.2.1", ""); w.Code != 204 {
			t.Errorf("%s is %d", target, w.Code)
		}
	}
}

func TestRoutes(t *testing.T) {
	for pattern, paths := range map[string]map[string]bool{
		"/a/*":       {"/a": true, "/a/b": true, "/a/b/c": true, "/ab": false, "/": false},
		"/a/*/c":     {"/a/b/c": true, "/a/c": false, "/a/b/c/d": false, "/a/b/d": false},
		"/a/*/c/*":   {"/a/b/c": true, "/a/b/c/d/e": true, "/a/b": false},
		"/*":         {"/": true, "/a": true, "/a/b": true},
		"/":          {"/": true, "/a": false},
		"/rooms/*/x": {"/rooms//x": false, "/rooms/1/x": true},
	} {
		r := Route{Path: pattern}
		if err := r.validate(); err != nil {
			t.Fatal(err)
		}
		for p, want := range paths {
			if r.matches("GET", p) != want {
				t.Errorf("%s matches %s: %t", pattern, p, !want)
			}
		}
	}
	for _, r := range []Route{{Path: "a"}, {Path: "/a*"}, {Path: "/a?b"}, {Methods: []string{"post"}, Path: "/"}, {Methods: []string{""}, Path: "/"}, {Path: ""}} {
		if r.validate() == nil {
			t.Errorf("%+v is valid", r)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, p := range []string{"/a/b", "//A/../b;x/", `\a`, "", "/%", "a/..", "/.a", "/a/.."} {
		f.Add(p)
	}
	r := Route{Path: "/a/*/c"}
	f.Fuzz(func(t *testing.T, p string) {
		c := clean(p)
		if c == "" || c[0] != '/' || clean(c) != c {
			t.Errorf("%q is %q, then %q", p, c, clean(c))
		}
		if plain(p) && c != p {
			t.Errorf("%q is plain and becomes %q", p, c)
		}
		r.matches("GET", c)
	})
}

func TestKeys(t *testing.T) {
	type who struct{ target, from, user string }
	for key, cases := range map[string]struct {
		first       who
		same, other []who
	}{
		"client":  {who{"GET /", "2001:db8::1", "u"}, []who{{"GET /", "2001:db8::2", "v"}}, []who{{"GET /", "2001:db8:0:1::1", "u"}}},
		"user":    {who{"GET /", "192.0.2.1", "u"}, []who{{"GET /", "192.0.2.2", "u"}}, []who{{"GET /", "192.0.2.1", "v"}, {"GET /", "192.0.2.1", ""}}},
		"session": {who{"GET /", "192.0.2.1", ""}, []who{{"GET /", "192.0.2.1", ""}}, []who{{"GET /", "192.0.2.2", ""}, {"GET /", "192.0.2.1", "u"}}},
		"role":    {who{"GET /", "192.0.2.1", "u"}, []who{{"GET /", "192.0.2.2", "v"}}, []who{{"GET /", "192.0.2.1", ""}}},
		"host":    {who{"GET http://a.example/", "192.0.2.1", ""}, []who{{"GET http://A.example/", "192.0.2.2", "u"}}, []who{{"GET http://b.example/", "192.0.2.1", ""}}},
		"global":  {who{"GET /", "192.0.2.1", ""}, []who{{"POST http://b.example/x", "192.0.2.2", "u"}}, nil},
		"user host": {who{"GET http://a.example/", "192.0.2.1", "u"}, []who{{"GET http://a.example/", "192.0.2.2", "u"}},
			[]who{{"GET http://b.example/", "192.0.2.1", "u"}, {"GET http://a.example/", "192.0.2.1", "v"}}},
	} {
		t.Run(key, func(t *testing.T) {
			h := mustLoad(t, "gw_rate_limit {\n defaults off\n zone z {\n key "+key+"\n rate 1/1h\n}\n}", nil)
			code := func(w who) int { res, _ := ask(t, h, w.target, w.from, w.user); return res.Code }
			if code(cases.first) != 204 {
				t.Fatal("the first is refused")
			}
			for _, w := range cases.same {
				if code(w) != 429 {
					t.Errorf("%+v is counted apart", w)
				}
			}
			for _, w := range cases.other {
				if code(w) != 204 {
					t.Errorf("%+v is counted together", w)
				}
			}
		})
	}
}

// A user can't be named so that they are counted as an address.
func TestUserIsNoAddress(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n defaults off\n zone z {\n key user\n rate 1/1h\n}\n}", nil)
	ask(t, h, "GET /", "192.0.2.9", "")
	if w, _ := ask(t, h, "GET /", "192.0.2.1", "192.0.2.9"); w.Code != 204 {
		t.Error("a user shares an address's limit")
	}
}

func TestWithoutClientHandler(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n defaults off\n zone z {\n rate 1/1h\n}\n}", nil)
	code := func(addr string) int {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = addr
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error { return nil })); err != nil {
			t.Fatal(err)
		}
		return w.Code
	}
	for _, c := range []struct {
		addr string
		code int
	}{{"192.0.2.50:1", 200}, {"192.0.2.50:2", 429}, {"[::ffff:192.0.2.50]:3", 429}, {"[2001:db8:5::1%eth0]:1", 200}, {"[2001:db8:5::2]:1", 429}, {"@", 200}, {"", 429}} {
		if got := code(c.addr); got != c.code {
			t.Errorf("%s is %d", c.addr, got)
		}
	}
}

// One zone's refusal charges no other zone.
func TestOtherZonesAreNotCharged(t *testing.T) {
	for name, s := range map[string]store.Store{"memory": nil, "redis": openRedis(t, redistest.Start(t))} {
		t.Run(name, func(t *testing.T) {
			h := mustLoad(t, "gw_rate_limit {\n defaults off\n zone wide {\n rate 5/1h\n}\n zone tight {\n match /x\n rate 1/1h\n}\n}", s)
			for i := range 10 {
				if w, _ := ask(t, h, "GET /x", "198.51.100.1", ""); (w.Code == 204) != (i == 0) {
					t.Fatal(i, w.Code)
				}
			}
			for i := range 5 {
				if w, _ := ask(t, h, "GET /y", "198.51.100.1", ""); (w.Code == 204) != (i < 4) {
					t.Error(i, w.Code)
				}
			}
		})
	}
}

func TestNothingIsEverAdmitted(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n defaults off\n zone none {\n rate 0/1m\n on_failure open\n}\n}", nil)
	w, _ := ask(t, h, "GET /", "192.0.2.1", "")
	if w.Code != 429 || w.Header().Get("Retry-After") != "" || w.Header().Get("RateLimit") != `"none";r=0` {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestRedisLost(t *testing.T) {
	s := redistest.Start(t)
	h := mustLoad(t, `gw_rate_limit {
		defaults off
		zone a { 
			match /open
			rate 1/1h
			on_failure open
		}
		zone b {
			match /closed
			rate 1/1h
			on_failure closed
		}
		zone c {
			match /local
			rate 2/1h
		}
	}`, openRedis(t, s))
	for _, p := range []string{"/open", "/closed", "/local"} {
		if w, _ := ask(t, h, "GET "+p, "203.0.113.1", ""); w.Code != 204 {
			t.Fatal(p, w.Code)
		}
	}
	s.Kill()
	start := time.Now()
	for i := range 10 {
		if w, _ := ask(t, h, "GET /open", "203.0.113.1", ""); w.Code != 204 || w.Header().Get("RateLimit") != "" {
			t.Error("open", w.Code)
		}
		if w, rc := ask(t, h, "GET /closed", "203.0.113.1", ""); w.Code != 503 || w.Header().Get("Retry-After") != "1" || rc.Problem != "unavailable" || rc.Limited != "b" {
			t.Error("closed", w.Code)
		}
		if w, _ := ask(t, h, "GET /local", "203.0.113.1", ""); (w.Code == 204) != (i < 2) {
			t.Error("local", i, w.Code)
		}
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestReload(t *testing.T) {
	const directive = "gw_rate_limit {\n defaults off\n zone reload {\n rate 2/1h\n}\n}"
	old, unload, err := load(t, directive, nil)
	if err != nil {
		t.Fatal(err)
	}
	code := func(h *Handler) int { w, _ := ask(t, h, "GET /", "203.0.113.9", ""); return w.Code }
	if code(old) != 204 {
		t.Fatal("refused")
	}
	if _, _, err := loadJSON(t, []byte(`{"zones":[{"name":"reload","burst":3}]}`), nil); err == nil {
		t.Fatal("a zone without a rate was accepted")
	}
	if code(old) != 204 || code(old) != 429 {
		t.Fatal("a failed reload changed the counters")
	}
	next, unloadNext, err := load(t, directive, nil)
	if err != nil {
		t.Fatal(err)
	}
	unload()
	if code(next) != 429 {
		t.Error("a reload gave a new burst")
	}
	if code(old) != 429 {
		t.Error("a request that the reload overtook is not limited")
	}
	unloadNext()
	if _, ok := states.References(stateKey); ok {
		t.Error("the counters stay without a user")
	}
}

func TestLoadErrors(t *testing.T) {
	for directive, part := range map[string]string{
		"gw_rate_limit {\n zone x {\n burst 1\n}\n}":                         "zone x: it has no rate",
		"gw_rate_limit {\n zone x off\n}":                                    "no such default zone",
		"gw_rate_limit {\n defaults off\n zone login {\n burst 3\n}\n}":      "zone login: it has no rate",
		"gw_rate_limit {\n zone x {\n rate 1/400d\n burst 9\n}\n}":           "takes longer than",
		"gw_rate_limit {\n zone x {\n rate 9000000/s\n}\n}":                  "over 1,000,000 a second",
		"gw_rate_limit {\n zone x {\n rate 1/s\n key user client user\n}\n}": "key user is there twice",
	} {
		if _, _, err := load(t, directive, nil); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v", directive, err)
		}
	}
}

func TestDefaultsAreChanged(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n zone login {\n burst 3\n}\n zone client {\n rate 1000/s\n}\n zone user off\n}", nil)
	got := map[string]string{}
	for _, z := range append(h.requests, h.messages...) {
		got[z.Name] = z.limit.Policy
	}
	if got["login"] != `"login";q=3;w=18` || got["client"] != `"client";q=1000;w=1` || got["user"] != "" || got["mfa"] == "" || got["messages"] == "" {
		t.Error(got)
	}
}

func BenchmarkHandler(b *testing.B) {
	for name, s := range map[string]store.Store{"memory": nil, "redis": openRedis(b, redistest.Start(b))} {
		b.Run(name, func(b *testing.B) {
			h := mustLoad(b, "gw_rate_limit {\n zone client {\n rate 1000000/s\n}\n zone user {\n rate 1000000/s\n}\n}", s)
			next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest("GET", "/api/rooms/general/messages", nil)
				if err := h.ServeHTTP(httptest.NewRecorder(), r, next); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
