package authorize

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func testRouter(t testing.TB, lines ...string) *router {
	t.Helper()
	var routes []Route
	for _, l := range lines {
		method, p, _ := strings.Cut(l, " ")
		routes = append(routes, Route{Methods: parseMethods(method), Path: p, Rule: Rule{Permission: "p"}})
	}
	rt, err := compileRoutes(routes, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

func TestRouterPicksTheMostSpecific(t *testing.T) {
	rt := testRouter(t, "GET /", "GET /a", "* /a", "GET,POST /a/{x}", "GET /a/b", "GET /a/{x}/c", "GET /a/b/{y}", "* /a/{rest...}", "DELETE /{x}/{y}", "GET /Mixed/x")
	for in, want := range map[string]string{
		"GET /": "GET /", "POST /": "", "GET /a": "GET /a", "HEAD /a": "GET /a", "PUT /a": "* /a", "GET /a/b": "GET /a/b", "POST /a/b": "GET,POST /a/{x}",
		"GET /a/x": "GET,POST /a/{x}", "PUT /a/x": "* /a/{rest...}", "GET /a/b/c": "GET /a/b/{y}", "GET /a/x/c": "GET /a/{x}/c", "GET /a/x/d": "* /a/{rest...}",
		"GET /a/x/c/d": "* /a/{rest...}", "DELETE /a/b": "* /a/{rest...}", "DELETE /z/b": "DELETE /{x}/{y}", "GET /z": "", "GET /z/b": "", "GET /Mixed/x": "GET /Mixed/x",
		"GET /mixed/x": "case", "GET /A": "case", "POST /A/b": "case", "GET /MIXED/X": "case", "GET /Z": "", "DELETE /Z/B": "DELETE /{x}/{y}", "GET /a/B": "case",
	} {
		method, p, _ := strings.Cut(in, " ")
		segs, err := segments(&url.URL{Path: p})
		if err != nil {
			t.Fatal(err)
		}
		r, err := rt.find(method, segs)
		got := ""
		switch {
		case errors.Is(err, errPathCase):
			got = "case"
		case r != nil:
			got = r.name
		}
		if got != want {
			t.Errorf("%s is %q, want %q", in, got, want)
		}
	}
}

func TestVariables(t *testing.T) {
	p, err := parsePattern("/rooms/{room}/files/{id}/{rest...}")
	if err != nil {
		t.Fatal(err)
	}
	segs := []string{"rooms", "a/b{id}", "files", "7"}
	for name, want := range map[string]string{"room": "a/b{id}", "id": "7"} {
		if got, ok := p.value(name, segs); !ok || got != want || !p.has(name) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if _, ok := p.value("rest", segs); ok || p.has("rest") {
		t.Error("the rest names a thing")
	}
	// A value is never read as a template.
	o, err := parseObject("room:{room}", p.has)
	if err != nil {
		t.Fatal(err)
	}
	r := &route{pattern: p}
	if got, err := o.fill(r.vars(segs, new(sent))); err != nil || got.String() != "room:a/b{id}" {
		t.Error(got, err)
	}
}

// What passes the check is read the same by whoever decodes, cleans or splits it.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"/", "/a/b", "/a/%2e%2e/b", "/a;x/b", "/%c3%a9", "//a", "/a%252fb", "/a\\b", "/a.", "/A/", "/%"} {
		f.Add(s)
	}
	rt := testRouter(f, "GET /a", "GET /a/{x}", "* /b/{rest...}", "GET /open/{x}/y")
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.ParseRequestURI(raw)
		if err != nil {
			return
		}
		segs, err := segments(u)
		if err != nil {
			return
		}
		sent := u.EscapedPath()
		decoded, err := url.PathUnescape(sent)
		if err != nil || !utf8.ValidString(decoded) {
			t.Fatalf("%q can't be decoded: %v", sent, err)
		}
		plain := strings.TrimSuffix(decoded, "/")
		if plain != "" && path.Clean(plain) != plain {
			t.Fatalf("%q cleans to %q", decoded, path.Clean(plain))
		}
		if got := "/" + strings.Join(segs, "/"); got != plain && !(len(segs) == 0 && plain == "") {
			t.Fatalf("%q has the segments %q", decoded, segs)
		}
		if strings.ContainsAny(decoded, "\\;\x00\r\n") {
			t.Fatalf("%q was let through", decoded)
		}
		if twice, err := url.PathUnescape(decoded); err == nil && twice != decoded {
			t.Fatalf("%q decodes again to %q", decoded, twice)
		}
		r, err := rt.find("GET", segs)
		if err != nil {
			return
		}
		// A server that does not tell case finds the same route.
		if again, err := rt.find("GET", lower(segs)); err != nil || again != r {
			t.Fatalf("%q: %v in lower case, %v as it is", segs, again, r)
		}
	})
}

func TestAsserterReusesForHalfTheLife(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1700000000, 500)
	kid := "k1"
	a := &asserter{issuer: "i", audience: "a", signer: func() (string, *ecdsa.PrivateKey) { return kid, key }, now: func() time.Time { return now }}
	get := func(id *reqctx.Identity) string {
		t.Helper()
		s, err := a.assert(id)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	ursula := &reqctx.Identity{Subject: "1", Name: "ursula", Roles: []string{"user"}}
	first := get(ursula)
	now = now.Add(lifetime/2 - time.Second)
	if get(ursula) != first {
		t.Error("made anew within half its life")
	}
	now = now.Add(time.Second)
	second := get(ursula)
	if second == first {
		t.Error("used beyond half its life")
	}
	kid = "k2"
	if get(ursula) == second {
		t.Error("used after the key was changed")
	}
	others := map[string]bool{get(ursula): true, get(nil): true}
	for _, id := range []reqctx.Identity{
		{Subject: "1", Name: "ursula", Roles: []string{"user", "admin"}}, {Subject: "2", Name: "ursula", Roles: []string{"user"}}, {Subject: "1", Name: "petra", Roles: []string{"user"}},
	} {
		others[get(&id)] = true
	}
	if len(others) != 5 {
		t.Error("two people share an assertion")
	}
	for i := range 3 * maxAssertions {
		a.remember(assertionKey{subject: fmt.Sprint(i)}, assertion{})
	}
	if n := len(a.young) + len(a.old); n > 2*maxAssertions {
		t.Errorf("%d are remembered", n)
	}
}

func TestForwardLeavesTheRequestAlone(t *testing.T) {
	r, err := http.NewRequestWithContext(context.Background(), "GET", "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Connection", "keep-alive, X-User-Id, Upgrade")
	spelled := http.Header{}
	for _, k := range []string{"X_User.Name", "x-user-id"} { // as they come from a client that means to be overlooked
		spelled[k], r.Header[k] = []string{"root"}, []string{"root"}
	}
	out := forward(r, &reqctx.Identity{Subject: "1", Name: "ursula", Roles: []string{"a", "b"}}, "token")
	for k := range spelled {
		if r.Header[k] == nil || out.Header[k] != nil {
			t.Errorf("%s: %v becomes %v", k, r.Header[k], out.Header[k])
		}
	}
	if r.Header.Get("X-Gateway-Assertion") != "" {
		t.Error("an access log further out would see the assertion")
	}
	if out.Header.Get("Connection") != "keep-alive, Upgrade" || out.Header.Get("X-User-Roles") != "a,b" {
		t.Errorf("%v", out.Header)
	}
}

func BenchmarkRoute(b *testing.B) {
	rt := testRouter(b, "GET /api/rooms", "GET /api/rooms/{room}/messages", "DELETE /api/rooms/{room}/messages/{id}", "* /api/{rest...}")
	u := &url.URL{Path: "/api/rooms/general/messages"}
	b.ReportAllocs()
	for b.Loop() {
		segs, err := segments(u)
		if err != nil {
			b.Fatal(err)
		}
		if r, err := rt.find("GET", segs); r == nil || err != nil {
			b.Fatal(err)
		}
	}
}
