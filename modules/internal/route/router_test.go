package route

import (
	"errors"
	"net/url"
	"path"
	"strings"
	"testing"
	"unicode/utf8"
)

func testRouter(t testing.TB, lines ...string) *Router[string] {
	t.Helper()
	rt := &Router[string]{}
	for _, l := range lines {
		methods, p, _ := strings.Cut(l, " ")
		parsed, err := ParsePattern(p)
		if err != nil {
			t.Fatal(err)
		}
		list := ParseMethods(methods)
		if list == nil {
			list = []string{""}
		}
		for _, m := range list {
			if err := rt.Add(m, parsed, l, l); err != nil {
				t.Fatal(err)
			}
		}
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
		segs, err := Segments(&url.URL{Path: p})
		if err != nil {
			t.Fatal(err)
		}
		r, err := rt.Find(method, segs)
		got := ""
		switch {
		case errors.Is(err, ErrCase):
			got = "case"
		default:
			got = r
		}
		if got != want {
			t.Errorf("%s is %q, want %q", in, got, want)
		}
	}
}

func TestVariables(t *testing.T) {
	p, err := ParsePattern("/rooms/{room}/files/{id}/{rest...}")
	if err != nil {
		t.Fatal(err)
	}
	segs := []string{"rooms", "a/b{id}", "files", "7"}
	for name, want := range map[string]string{"room": "a/b{id}", "id": "7"} {
		if got, ok := p.Value(name, segs); !ok || got != want || !p.Has(name) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if _, ok := p.Value("rest", segs); ok || p.Has("rest") {
		t.Error("the rest names a thing")
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
		segs, err := Segments(u)
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
		r, err := rt.Find("GET", segs)
		if err != nil {
			return
		}
		// A server that does not tell case finds the same route.
		if again, err := rt.Find("GET", lower(segs)); err != nil || again != r {
			t.Fatalf("%q: %v in lower case, %v as it is", segs, again, r)
		}
	})
}

func BenchmarkRoute(b *testing.B) {
	rt := testRouter(b, "GET /api/rooms", "GET /api/rooms/{room}/messages", "DELETE /api/rooms/{room}/messages/{id}", "* /api/{rest...}")
	u := &url.URL{Path: "/api/rooms/general/messages"}
	b.ReportAllocs()
	for b.Loop() {
		segs, err := Segments(u)
		if err != nil {
			b.Fatal(err)
		}
		if r, err := rt.Find("GET", segs); r == "" || err != nil {
			b.Fatal(err)
		}
	}
}

func TestHostname(t *testing.T) {
	for in, want := range map[string]string{
		"Chat.Example.com": "chat.example.com", "a.b.:443": "a.b", "[::1]:80": "::1", "a:80": "a", "": "",
		"Example.COM.": "example.com", "example.com.:8443": "example.com", "EXAMPLE.com:8443": "example.com", "[2001:DB8::1]:443": "2001:db8::1",
	} {
		if got := Hostname(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}
