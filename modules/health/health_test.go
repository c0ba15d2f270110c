package health

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/health"
	"github.com/convosphere/gateway/test/golden"
)

func TestCaddyfiles(t *testing.T) { golden.Caddyfiles(t) }

// handler is one over parts in these states.
func handler(t *testing.T, configured Handler, parts map[string]health.State) *Handler {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	h := &configured
	if err := h.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	if parts != nil {
		set := new(health.Set)
		for name, state := range parts {
			set.Add(name, func(context.Context) (health.State, string) { return state, "why " + name })
		}
		h.ground = ground.New(&ground.Ground{Health: set}, func() {})
	}
	if err := h.Validate(); err != nil {
		t.Fatal(err)
	}
	return h
}

func get(t *testing.T, h *Handler, r *http.Request) (*httptest.ResponseRecorder, health.Summary) {
	t.Helper()
	w := httptest.NewRecorder()
	passed := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusTeapot)
		return nil
	})
	if err := h.ServeHTTP(w, r, passed); err != nil {
		t.Fatal(err)
	}
	var s health.Summary
	if w.Code != http.StatusTeapot && r.Method != http.MethodHead {
		if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
	}
	return w, s
}

func from(peer, method, path string) *http.Request {
	r := httptest.NewRequest(method, "http://gateway.internal"+path, nil)
	r.RemoteAddr = peer
	return r
}

func TestReadiness(t *testing.T) {
	for _, c := range []struct {
		name   string
		h      Handler
		parts  map[string]health.State
		status int
		says   string
	}{
		{"all well", Handler{}, map[string]health.State{"store": health.OK, "database": health.OK}, 200, "ready"},
		{"degraded by design", Handler{}, map[string]health.State{"store": health.Degraded, "database": health.OK}, 200, "degraded"},
		{"failed", Handler{}, map[string]health.State{"store": health.OK, "database": health.Failed}, 503, "not ready"},
		{"degraded, but required", Handler{Require: []string{"store"}}, map[string]health.State{"store": health.Degraded}, 503, "not ready"},
		{"required, and not there", Handler{Require: []string{"scanner"}}, map[string]health.State{"store": health.OK}, 503, "not ready"},
		{"no gateway app", Handler{}, nil, 200, "ready"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, s := get(t, handler(t, c.h, c.parts), from("192.0.2.7:1234", "GET", "/readyz"))
			if w.Code != c.status || s.Status != c.says || s.Ready != (c.status == 200) || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%d %+v %v", w.Code, s, w.Header())
			}
		})
	}
}

// A process whose parts have failed is alive: who ends it for that mends nothing.
func TestAliveWhateverFails(t *testing.T) {
	h := handler(t, Handler{}, map[string]health.State{"database": health.Failed})
	if w, s := get(t, h, from("192.0.2.7:1234", "GET", "/healthz")); w.Code != 200 || s.Status != "alive" || s.Parts != nil {
		t.Fatal(w.Code, s)
	}
}

func TestPathsAndMethods(t *testing.T) {
	h := handler(t, Handler{Ready: "/-/ready"}, map[string]health.State{"database": health.OK})
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/-/ready", 200}, {"HEAD", "/-/ready", 200}, {"POST", "/-/ready", 405}, {"DELETE", "/healthz", 405},
		{"GET", "/readyz", 418}, {"GET", "/-/ready/x", 418}, {"GET", "/", 418}, {"POST", "/", 418},
	} {
		w, _ := get(t, h, from("192.0.2.7:1234", c.method, c.path))
		if w.Code != c.status || c.method == "HEAD" && w.Body.Len() > 0 {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
	}
}

// Strangers learn whether it is ready, and nothing of the inside; what a proxy on this machine passes on comes from strangers.
func TestDetailsAreForThisMachine(t *testing.T) {
	parts := map[string]health.State{"database": health.Failed, "store": health.OK}
	unix := from("@", "GET", "/readyz")
	unix = unix.WithContext(context.WithValue(unix.Context(), http.LocalAddrContextKey, &net.UnixAddr{Name: "/run/x.sock", Net: "unix"}))
	claims := from("192.0.2.7:1234", "GET", "/readyz")
	claims.Header.Set("X-Forwarded-For", "127.0.0.1")
	proxied := from("127.0.0.1:1234", "GET", "/readyz")
	proxied.Header.Set("X-Forwarded-For", "192.0.2.7")
	for _, c := range []struct {
		name string
		r    *http.Request
		open bool // details is set
		told bool
	}{
		{"loopback", from("127.0.0.1:1234", "GET", "/readyz"), false, true},
		{"loopback, IPv6", from("[::1]:1234", "GET", "/readyz"), false, true},
		{"unix socket", unix, false, true},
		{"elsewhere", from("192.0.2.7:1234", "GET", "/readyz"), false, false},
		{"elsewhere, claims loopback", claims, false, false},
		{"by a proxy on loopback", proxied, false, false},
		{"no address", from("", "GET", "/readyz"), false, false},
		{"elsewhere, and details is set", from("192.0.2.7:1234", "GET", "/readyz"), true, true},
	} {
		w, s := get(t, handler(t, Handler{Details: c.open}, parts), c.r)
		if told := len(s.Parts) == 2 && s.Parts[0].Reason == "why database"; told != c.told || w.Code != 503 || !c.told && strings.Contains(w.Body.String(), "database") {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
}

func TestWhatCantBe(t *testing.T) {
	for _, h := range []Handler{
		{Live: "healthz"}, {Live: "/x", Ready: "/x"}, {Ready: "/ready*"}, {Ready: "/a?b"},
		{Require: []string{"store"}}, // no gateway app
	} {
		ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
		if err := h.Provision(ctx); err != nil {
			t.Fatal(err)
		}
		if err := h.Validate(); err == nil {
			t.Errorf("%+v is valid", h)
		}
		cancel()
	}
	h := Handler{Live: "/a", Ready: "/b", Require: []string{"No Part"}, ground: new(ground.Ground)}
	if err := h.Validate(); err == nil {
		t.Error("an odd name is valid")
	}
}
