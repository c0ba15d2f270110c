package wsframe_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/goleak"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "wsframe")
	if err != nil {
		log.Fatal(err)
	}
	os.Setenv("XDG_DATA_HOME", dir)
	os.Setenv("XDG_CONFIG_HOME", dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// gate is a proxy with the tap in front of a back end.
type gate struct {
	addr   string
	secure bool
	ended  chan *reqctx.Request // one for each request that is over
	opened atomic.Int32
	closed atomic.Int32
	conns  chan *wsframe.Conn
	stop   func()
}

// wrap is the handler in front of the proxy: what handlers of the path do, once for each of two.
func (g *gate) wrap(attach func(*wsframe.Tap), next func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		r, rc := reqctx.Ensure(r)
		defer func() { g.ended <- rc }()
		if !wsframe.IsHandshake(r) {
			return next(w, r)
		}
		w, r, tap := wsframe.Attach(w, r)
		if attach != nil {
			attach(tap)
		}
		_, _, tap = wsframe.Attach(w, r)
		tap.OnOpen(func(c *wsframe.Conn) func() {
			g.opened.Add(1)
			g.conns <- c
			return func() { g.closed.Add(1) }
		})
		return next(w, r)
	}
}

// proxies are what the tap must work before: Go's own, Caddy's, and Caddy's with an access log, which wraps the connection itself.
var proxies = map[string]func(t testing.TB, g *gate, attach func(*wsframe.Tap), backend string){
	"httputil":        func(t testing.TB, g *gate, a func(*wsframe.Tap), b string) { httputilProxy(t, g, a, b, false) },
	"httputil, TLS":   func(t testing.TB, g *gate, a func(*wsframe.Tap), b string) { httputilProxy(t, g, a, b, true) },
	"caddy":           func(t testing.TB, g *gate, a func(*wsframe.Tap), b string) { caddyProxy(t, g, a, b, false) },
	"caddy, with log": func(t testing.TB, g *gate, a func(*wsframe.Tap), b string) { caddyProxy(t, g, a, b, true) },
}

func newGate() *gate {
	return &gate{ended: make(chan *reqctx.Request, 100), conns: make(chan *wsframe.Conn, 100)}
}

func httputilProxy(t testing.TB, g *gate, attach func(*wsframe.Tap), backend string, secure bool) {
	target, err := url.Parse("http://" + backend)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport, ErrorLog: log.New(io.Discard, "", 0)}
	g.serve(attach, func(w http.ResponseWriter, r *http.Request) error { proxy.ServeHTTP(w, r); return nil }, secure)
	stop := g.stop
	g.stop = func() {
		transport.CloseIdleConnections()
		stop()
	}
}

// serve runs a handler behind the tap.
func (g *gate) serve(attach func(*wsframe.Tap), h func(http.ResponseWriter, *http.Request) error, secure bool) {
	h = g.wrap(attach, h)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _ = h(w, r) }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	g.secure = secure
	if secure {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	g.addr, g.stop = srv.Listener.Addr().String(), srv.Close
}

// tapModule stands where the gateway's handlers do.
type tapModule struct{}

var current struct {
	gate   *gate
	attach func(*wsframe.Tap)
}

func (tapModule) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.wsframe_test", New: func() caddy.Module { return new(tapModule) }}
}

func (tapModule) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return current.gate.wrap(current.attach, next.ServeHTTP)(w, r)
}

func init() { caddy.RegisterModule(tapModule{}) }

func caddyProxy(t testing.TB, g *gate, attach func(*wsframe.Tap), backend string, accessLog bool) {
	current.gate, current.attach = g, attach
	g.addr = startCaddy(t, backend, true, accessLog, "")
	g.stop = func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	}
}

// startCaddy runs a Caddy in front of a back end and returns its address.
func startCaddy(t testing.TB, backend string, tapped, accessLog bool, extra string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	handlers := `{"handler":"reverse_proxy","upstreams":[{"dial":"` + backend + `"}]` + extra + `}`
	if tapped {
		handlers = `{"handler":"wsframe_test"},` + handlers
	}
	logs := ""
	if accessLog {
		logs = `"logs":{},`
	}
	cfg := fmt.Sprintf(`{"admin":{"disabled":true,"config":{"persist":false}},"logging":{"logs":{"default":{"level":"PANIC"}}},
		"apps":{"http":{"servers":{"s":{%s"automatic_https":{"disable":true},"protocols":["h1"],"listen":["%s"],"routes":[{"handle":[%s]}]}}}}}`, logs, addr, handlers)
	var c caddy.Config
	if err := json.Unmarshal([]byte(cfg), &c); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Run(&c); err != nil {
		t.Fatal(err)
	}
	return addr
}

// through runs a test through each proxy, and holds that nothing is left of it afterwards.
func through(t *testing.T, backend func(t *testing.T) string, attach func(*wsframe.Tap), test func(t *testing.T, g *gate)) {
	for name, start := range proxies {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			g := newGate()
			t.Cleanup(func() { // last of all
				if t.Failed() {
					return
				}
				if o, c := g.opened.Load(), g.closed.Load(); o != c {
					t.Errorf("%d sockets opened, %d ended", o, c)
				}
				goleak.VerifyNone(t, before,
					goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.(*Cache).maintainAssets"),
					goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"))
			})
			start(t, g, attach, backend(t))
			t.Cleanup(func() { g.stop() })
			test(t, g)
		})
	}
}

// over waits for the end of the one socket and returns what is recorded of it.
func (g *gate) over(t *testing.T, within time.Duration) *reqctx.Socket {
	t.Helper()
	select {
	case rc := <-g.ended:
		if rc.Socket == nil {
			t.Fatal("nothing recorded")
		}
		for start := time.Now(); g.closed.Load() != g.opened.Load(); time.Sleep(time.Millisecond) {
			if time.Since(start) > time.Second {
				t.Fatal("onEnd was not called")
			}
		}
		return rc.Socket
	case <-time.After(within):
		t.Fatalf("not over after %s", within)
	}
	return nil
}

// conn waits for the socket to open.
func (g *gate) conn(t *testing.T) *wsframe.Conn {
	t.Helper()
	select {
	case c := <-g.conns:
		return c
	case <-time.After(5 * time.Second):
		t.Fatal("no socket opened")
	}
	return nil
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}
