package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/coder/websocket"
	dto "github.com/prometheus/client_model/go"

	"github.com/convosphere/gateway/modules/internal/ban"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// banning is a handler that knows bans. events reads what was recorded, and ends it.
func banning(t *testing.T, bans ...string) (h *Handler, events func() string) {
	t.Helper()
	db, err := database.Open(t.Context(), dbtest.NewSQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	feed, err := database.NewFeed(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	bus, err := event.Open(event.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	book, err := ban.Open(t.Context(), ban.Sources{DB: db, Feed: feed, Events: bus, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = book.Close()
		feed.Close()
		_ = bus.Close()
		_ = db.Close()
	})
	h = newHandler()
	h.ground = ground.New(&ground.Ground{Bans: book.View(ban.Options{}), Events: bus}, func() {})
	for _, b := range bans {
		addBan(t, h, b)
	}
	for range 500 {
		if h.ground.Bans.Size() == len(bans) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return h, func() string {
		_ = bus.Close()
		raw, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
}

func addBan(t *testing.T, h *Handler, prefix string) {
	t.Helper()
	if err := h.ground.Bans.Force(t.Context(), ban.Ban{Prefix: netip.MustParsePrefix(prefix), Source: ban.Operator, Reason: "said by an operator"}); err != nil {
		t.Fatal(err)
	}
}

func from(peer, ip string, trusted bool) *http.Request {
	r := httptest.NewRequest("POST", "/", strings.NewReader("x"))
	r.RemoteAddr = peer + ":99"
	return withVars(r, ip, trusted)
}

func turnedAway(t *testing.T) float64 {
	t.Helper()
	var m dto.Metric
	if err := refused.WithLabelValues("banned").Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

func TestABannedClientIsTurnedAway(t *testing.T) {
	h, events := banning(t, "192.0.2.0/24")
	before := turnedAway(t)
	const requests = 50
	for range requests {
		r, rc := reqctx.Ensure(from("192.0.2.7", "192.0.2.7", false))
		got, w, err := pass(h, r)
		if got != nil || err != nil || w.Code != http.StatusForbidden || !rc.Banned {
			t.Fatal(got, err, w.Code)
		}
		if w.Header().Get("Connection") != "close" || strings.Contains(w.Body.String(), "operator") {
			t.Fatalf("%v %s", w.Header(), w.Body)
		}
		var p map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p["type"] != "urn:gateway:problem:banned" {
			t.Fatal(err, w.Body)
		}
	}
	if n := turnedAway(t) - before; n != requests {
		t.Errorf("%v counted", n)
	}
	if got, _, _ := pass(h, from("192.0.3.7", "192.0.3.7", false)); got == nil {
		t.Error("the neighbour is turned away")
	}
	// A flood does not fill the log.
	if all := events(); strings.Count(all, "banned-client-refused") != 1 || strings.Contains(all, "said by an operator") {
		t.Errorf("%s", all)
	}
}

// Behind a trusted proxy stand others: the client is banned, the proxy never, and its connection stays.
func TestBansBehindAProxy(t *testing.T) {
	h, _ := banning(t, "192.0.2.0/24", "10.0.0.0/8")
	got, w, _ := pass(h, from("10.0.0.1", "192.0.2.7", true))
	if got != nil || w.Code != http.StatusForbidden || w.Header().Get("Connection") != "" {
		t.Error(w.Code, w.Header())
	}
	if got, _, _ := pass(h, from("10.0.0.1", "203.0.113.7", true)); got == nil {
		t.Error("others behind the proxy are banned with it")
	}
	if got, _, _ := pass(h, from("10.0.0.1", "10.0.0.1", true)); got == nil {
		t.Error("the proxy itself is banned")
	}
	if got, _, _ := pass(h, from("10.0.0.1", "10.0.0.1", false)); got != nil {
		t.Error("one that nobody trusts is not banned")
	}
	if got, _, _ := pass(h, from("@", "", false)); got == nil {
		t.Error("a client without an address is banned")
	}
}

// sockets puts the handler in front of a back end that takes sockets. dial opens one of an address and, where it is not "", a person, whom a handler further
// in finds out.
func sockets(t *testing.T, h *Handler) (dial func(ip, user string) *websocket.Conn) {
	t.Helper()
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		_, _, _ = c.Read(context.Background())
		_ = c.CloseNow()
	}))
	t.Cleanup(back.Close)
	to, err := url.Parse(back.URL)
	if err != nil {
		t.Fatal(err)
	}
	h.MaxHeaderBytes = 10_000
	proxy := httputil.NewSingleHostReverseProxy(to)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := r.URL.Query()
		_ = h.ServeHTTP(w, withVars(r, v.Get("ip"), false), caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			if user := v.Get("user"); user != "" {
				reqctx.From(r.Context()).Identity = &reqctx.Identity{Subject: user, Session: "of-" + user}
			}
			proxy.ServeHTTP(w, r)
			return nil
		}))
	}))
	t.Cleanup(front.Close)
	return func(ip, user string) *websocket.Conn {
		t.Helper()
		c, _, err := websocket.Dial(t.Context(), strings.Replace(front.URL, "http", "ws", 1)+"/?"+url.Values{"ip": {ip}, "user": {user}}.Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.CloseNow() })
		return c
	}
}

// An open socket is closed too, also when it is silent; others stay.
func TestASocketEndsWithABan(t *testing.T) {
	h, events := banning(t)
	dial := sockets(t, h)
	bad, good := dial("192.0.2.7", ""), dial("192.0.3.7", "")
	addBan(t, h, "192.0.2.0/24")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, _, err := bad.Read(ctx); websocket.CloseStatus(err) != websocket.StatusPolicyViolation || !strings.Contains(err.Error(), "banned") {
		t.Error(err)
	}
	if err := good.Ping(good.CloseRead(t.Context())); err != nil { // somebody must read the answer
		t.Error("another's socket ended:", err)
	}
	if n := strings.Count(events(), "banned-client-refused"); n != 1 {
		t.Errorf("%d events", n)
	}
}

// The connection of a banned client ends with its answer, over HTTP/2 too; others go on with theirs.
func TestTheConnectionOfABannedClientEnds(t *testing.T) {
	h, _ := banning(t, "192.0.2.0/24")
	h.MaxHeaderBytes = 10_000
	for _, version := range []int{1, 2} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = h.ServeHTTP(w, withVars(r, r.URL.Query().Get("ip"), false), caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil }))
		}))
		s.EnableHTTP2 = version == 2
		s.StartTLS()
		reused := func(ip string) (again bool) {
			t.Helper()
			var got bool
			for range 2 {
				trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { got = c.Reused }}
				r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", s.URL+"/?ip="+ip, nil)
				if err != nil {
					t.Fatal(err)
				}
				res, err := s.Client().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if res.ProtoMajor != version {
					t.Fatal(res.Proto)
				}
			}
			return got
		}
		if !reused("192.0.3.7") {
			t.Errorf("HTTP/%d: others lose their connection", version)
		}
		if version == 1 && reused("192.0.2.7") {
			t.Error("HTTP/1: the connection stays")
		}
		if version == 2 { // GOAWAY is on its way beside the answer
			ended := false
			for range 200 {
				if ended = !reused("192.0.2.7"); ended {
					break
				}
			}
			if !ended {
				t.Error("HTTP/2: the connection stays")
			}
		}
		s.Close()
	}
}
