package ratelimit

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/internal/tier"
)

// login is a call with a user name.
func login(body string) call { return call{what: "POST /login", body: body} }

// What a key says is the same is counted together, and nothing else is.
func TestMoreKeys(t *testing.T) {
	personal := func(id string) *reqctx.Identity {
		return &reqctx.Identity{Subject: "ada", Roles: []string{"user"}, Kind: reqctx.KindPerson, Session: id, TokenID: id}
	}
	service := func(id string) *reqctx.Identity {
		return &reqctx.Identity{Subject: "bot", Roles: []string{"user"}, Kind: reqctx.KindService, TokenID: id}
	}
	renewed := person("ada")
	renewed.TokenID = "another"
	for key, c := range map[string]struct {
		first       call
		same, other []call
	}{
		"client/24/48": {call{from: "192.0.2.1"}, []call{{from: "192.0.2.200"}}, []call{{from: "192.0.3.1"}, {from: "2001:db8::1"}}},
		"client/32/48": {call{from: "2001:db8:1::1"}, []call{{from: "2001:db8:1:ffff::1"}}, []call{{from: "2001:db8:2::1"}}},
		"token": {call{who: personal("p1")}, []call{{who: personal("p1"), from: "192.0.2.2"}},
			[]call{{who: personal("p2")}, {who: service("p1x")}, {who: person("ada")}}},
		"token host":   {call{who: person("ada")}, []call{{who: renewed}}, []call{{who: person("eve")}}},
		"country":      {call{country: "DE"}, []call{{country: "DE", from: "192.0.2.2"}}, []call{{country: "FR"}, {}}},
		"header:x-api": {call{headers: []string{"X-Api: a"}}, []call{{headers: []string{"x-api: a"}, from: "192.0.2.2"}}, []call{{headers: []string{"X-Api: b"}}, {headers: []string{"X-Api: a", "X-Api: b"}}, {}}},
		"json:/username": {login(`{"username":"ada"}`),
			[]call{login(`{"username":"ADA"}`), login(`{"username":" ada\n"}`), login(`{"username":"ａⓓa\u3000"}`), login(`{"x":[1],"username":"\u0061da"}`)},
			[]call{login(`{"username":"eve"}`), login(`{"user":"ada"}`)}},
		"host": {call{host: "chat.example"}, []call{{host: "CHAT.example"}, {host: "chat.example:443"}, {host: "chat.example:1"}, {host: "chat.example:x"}, {host: "chat.example:"}, {host: "chat.example."}},
			[]call{{host: "chat.example.org"}, {host: "[2001:db8::1]"}}},
		"host global":  {call{host: "[2001:db8::1]"}, []call{{host: "[2001:DB8::1]:99"}}, []call{{host: "[2001:db8::2]"}}},
		"json:/id":     {login(`{"id":"ida"}`), []call{login(`{"id":"İDA"}`)}, nil},
		"json:/a~1b/1": {login(`{"a/b":["x",7]}`), []call{login(`{"a/b":["y","7"]}`)}, []call{login(`{"a/b":["x",8]}`)}},
		"json:/username client": {login(`{"username":"ada"}`), []call{login(`{"username":"ada"}`)},
			[]call{{what: "POST /login", body: `{"username":"ada"}`, from: "192.0.2.2"}, login(`{"username":"eve"}`)}},
	} {
		t.Run(key, func(t *testing.T) {
			h := mustLoad(t, zone("key "+key+"\nrate 1/1h"), nil)
			if code := c.first.code(t, h); code != 204 {
				t.Fatalf("the first is %d", code)
			}
			for _, s := range c.same {
				if s.code(t, h) != 429 {
					t.Errorf("%+v is counted apart", s)
				}
			}
			for _, o := range c.other {
				if o.code(t, h) != 204 {
					t.Errorf("%+v is counted together", o)
				}
			}
		})
	}
}

// A route is the pattern that the zone matches by, not the path, of which a client can make any number.
func TestRouteKey(t *testing.T) {
	h := mustLoad(t, zone("match /rooms/*/files\nmatch /rooms/*\nkey route\nrate 1/1h"), nil)
	for _, c := range []struct {
		path string
		code int
	}{{"/rooms/1/files", 204}, {"/rooms/2/files", 429}, {"/rooms/1", 204}, {"/rooms/2/x", 429}, {"/other", 204}, {"/other", 204}} {
		if code := (call{what: "GET " + c.path}).code(t, h); code != c.code {
			t.Errorf("%s is %d", c.path, code)
		}
	}
}

// Zones that count by their own routes don't share what is counted because their keys are spelled alike.
func TestRouteKeyOfTwoZones(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n defaults off\n zone a {\n match /a/*\n key route\n rate 5/1h\n}\n zone b {\n match /a/b\n key route\n rate 5/1h\n}\n}", nil)
	(call{what: "GET /a/b"}).send(t, h)
	if h.requests[0].spec == h.requests[1].spec {
		t.Error("one subject serves both")
	}
}

func TestTierKey(t *testing.T) {
	s := store.NewMemory(0)
	t.Cleanup(func() { _ = s.Close() })
	h := mustLoad(t, zone("key tier\nrate 1/1h"), s)
	h.ground.Tiers = tier.New(time.Now)
	h.ground.Tiers.Set("ada", "premium")
	h.ground.Tiers.Set("eve", "premium")
	for i, c := range []struct {
		call
		code int
	}{{call{who: person("ada")}, 204}, {call{who: person("eve")}, 429}, {call{who: person("nobody")}, 204}, {call{}, 429}, {call{from: "192.0.2.2"}, 204}} {
		if code := c.call.code(t, h); code != c.code {
			t.Errorf("%d is %d", i, code)
		}
	}
}

func TestClientPrefix(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n defaults off\n client_prefix 16 32\n zone z {\n rate 1/1h\n}\n zone narrow {\n match /x\n key client/32/128\n rate 1/1h\n}\n}", nil)
	for i, c := range []struct {
		from string
		code int
	}{{"192.0.2.1", 204}, {"192.0.99.1", 429}, {"2001:db8:1::1", 204}, {"2001:db8:ffff::1", 429}, {"2001:db9::", 204}} {
		if code := (call{from: c.from}).code(t, h); code != c.code {
			t.Errorf("%d is %d", i, code)
		}
	}
	if len(h.specs) != 2 {
		t.Errorf("%d keys", len(h.specs))
	}
}

// A body that back ends may read in different ways is counted with all such bodies, whoever sends them, so that nobody evades the count of a name.
func TestAmbiguousBodiesShareACount(t *testing.T) {
	bad := map[string]string{
		"twice": `{"username":"x","username":"ada"}`, "case": `{"username":"x","Username":"ada"}`, "no JSON": "username=ada", "cut": `{"username":"ada"`, "more": `{"username":"x"}{"username":"ada"}`,
		"UTF-16": "\xff\xfe{\x00", "BOM": "\ufeff{\"username\":\"ada\"}", "list": `{"username":["ada"]}`, "object": `{"username":{"$ne":""}}`, "fraction": `{"username":1.0}`, "huge": `{"username":1e400}`,
		"large": `{"username":"ada","x":"` + strings.Repeat("x", maxDocument) + `"}`, "long": `{"username":"` + strings.Repeat("x", maxMember+1) + `"}`,
		"many": `{"username":"ada","x":[` + strings.Repeat("1,", maxValues) + `1]}`, "deep": strings.Repeat("[", 1000), "surrogate": `{"username":"\ud800"}`, "gzip": "\x1f\x8b\x08\x00",
	}
	for name, body := range bad {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s chunked %t", name, chunked), func(t *testing.T) {
				h := mustLoad(t, zone("key json:/username\nrate 1/1h"), nil)
				if code := login(`{"username":1.5}`).code(t, h); code != 204 {
					t.Fatal(code)
				}
				c := login(body)
				c.from, c.chunked = "192.0.2.77", chunked
				if code := c.code(t, h); code != 429 {
					t.Errorf("%d: it is counted apart", code)
				}
				if code := login(`{"username":"ada"}`).code(t, h); code != 204 {
					t.Errorf("%d: it was counted as ada", code)
				}
			})
		}
	}
}

// What was read for a key is read again by whoever comes next, whole, and with its error.
func TestTheBodyIsReadAgain(t *testing.T) {
	h := mustLoad(t, zone("key json:/username\nrate 1000/1s"), nil)
	for _, body := range []string{`{"username":"ada"}`, "x", strings.Repeat("x", maxDocument), strings.Repeat("x", maxDocument+1), strings.Repeat("x", 5*maxDocument)} {
		for _, chunked := range []bool{false, true} {
			c := login(body)
			c.chunked = chunked
			c.next = func(w http.ResponseWriter, r *http.Request) error {
				got, err := io.ReadAll(r.Body)
				if err != nil || string(got) != body {
					t.Errorf("%d bytes (chunked: %t): %d came, %v", len(body), chunked, len(got), err)
				}
				return r.Body.Close()
			}
			c.send(t, h)
		}
	}
}

// fails is a body that breaks off.
type fails struct{ io.Reader }

func (f fails) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
func (fails) Close() error { return nil }

func TestABrokenBodyStaysBroken(t *testing.T) {
	r, err := http.NewRequest("POST", "/", fails{strings.NewReader(`{"username":"ada"}`)})
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = -1
	d := readDocument(httptest.NewRecorder(), r, time.Minute)
	if !d.invalid {
		t.Error("it is taken for whole")
	}
	if got, err := io.ReadAll(r.Body); err != io.ErrUnexpectedEOF || string(got) != `{"username":"ada"}` {
		t.Errorf("%q %v", got, err)
	}
}

// A client that begins a body and sends no more of it holds nothing for long, and evades no count.
func TestAStalledBody(t *testing.T) {
	got := make(chan document, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- readDocument(w, r, 50*time.Millisecond)
		if _, err := io.ReadAll(r.Body); err == nil {
			t.Error("what comes next finds it whole")
		}
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{\"username\":"); err != nil {
		t.Fatal(err)
	}
	select {
	case d := <-got:
		if !d.invalid {
			t.Error("it is taken for whole")
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it is waited for")
	}
}

func BenchmarkDocument(b *testing.B) {
	body := []byte(`{"username":"ursula","password":"correct horse battery staple","delivery":"body"}`)
	b.ReportAllocs()
	for b.Loop() {
		d := parseDocument(body)
		if v, ok := d.member([]string{"username"}); !ok || v != "ursula" {
			b.Fatal(v)
		}
	}
}

// What is taken from a body is what a lenient reader takes from it.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{`{"username":"ada"}`, `{"username":"x","username":"y"}`, `{"Username":1}`, `{"username":null}`, `{"username":-12}`, `[]`, "\x00", `{"a":{"username":true},"username":"\u0061"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d := parseDocument(body)
		if d.root == nil || d.invalid {
			return
		}
		value, ok := d.member([]string{"username"})
		var lenient struct{ Username any }
		dec := json.NewDecoder(strings.NewReader(string(body)))
		dec.UseNumber()
		err := dec.Decode(&lenient)
		switch {
		case d.invalid:
		case !ok:
			if err == nil && lenient.Username != nil {
				t.Errorf("%q: nothing is seen of %v", body, lenient.Username)
			}
		default:
			said, _ := json.Marshal(lenient.Username)
			if text, isText := lenient.Username.(string); isText {
				said = []byte(text)
			}
			if err != nil || fold(string(said)) != value {
				t.Errorf("%q: %q is seen of %q, %v", body, value, said, err)
			}
		}
	})
}

func TestBadKeys(t *testing.T) {
	for key, part := range map[string]string{
		"ip": "it is one of client", "client/24": "8 to 32 bits", "client/24/200": "8 to 32 bits", "client/0/64": "8 to 32 bits", "client/x/64": "8 to 32 bits", "user/3/4": "it is one of",
		"client/24/48/1": "8 to 32 bits", "header:": "no such header", `header:a;b`: "no such header", "header:host": "it is the word host", "header": "it is one of", "json:": "it names a member",
		"json:a": "begins with /", "json:/a~2": "~ is written ~0", "global:x": "it is one of", "client client/32/64": "is there twice", "header:a header:A": "is there twice",
		"route": "the zone has none", "user session role tier token host country client global": "at most 8",
	} {
		if _, _, err := load(t, zone("rate 1/s\nkey "+key), nil); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, _, err := load(t, zone("rate 1/s\nmessages\nkey json:/x"), nil); err == nil || !strings.Contains(err.Error(), "it is of requests") {
		t.Error(err)
	}
}

// unread fails the test that reads it.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, io.EOF
}

func (unread) Close() error { return nil }

// A flood that another zone refuses anyway costs no reading of bodies, and no waiting for them. Who is admitted has theirs read.
func TestRefusedBodiesAreNotRead(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			h := mustLoad(t, "gw_rate_limit {\n defaults off\n zone many {\n rate 2/1h\n}\n zone names {\n key json:/username\n rate 1/1h\n}\n}", s)
			for i, want := range []int{204, 429, 204, 429} { // by name, by name, and by client: the last asks Redis
				name := []string{"ada", "ada", "eve", "eva"}[i]
				if code := login(`{"username":"`+name+`"}`).code(t, h); code != want {
					t.Fatalf("%d is %d", i, code)
				}
			}
			for range 10 {
				r := httptest.NewRequest("POST", "/login", unread{t})
				r.ContentLength = 100
				r, rc := reqctx.Ensure(r)
				rc.Client.IP = netip.MustParseAddr("192.0.2.1")
				w := httptest.NewRecorder()
				_ = h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
					t.Error("it is admitted")
					return nil
				}))
				if w.Code != 429 || !strings.Contains(w.Body.String(), `"many"`) {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
			}
			if code := (call{what: "POST /login", body: `{"username":"bob"}`, from: "192.0.2.9"}).code(t, h); code != 204 {
				t.Errorf("another client is %d", code)
			}
		})
	}
}
