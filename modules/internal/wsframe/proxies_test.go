package wsframe_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/goleak"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
	_ "github.com/convosphere/gateway/modules/standard/xconnect"
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
	addr    string
	secure  bool
	version int                  // of HTTP, that sockets are opened by; 0 is 1.1
	timeout time.Duration        // of Caddy's server, for reading and for writing
	ended   chan *reqctx.Request // one for each request that is over
	opened  atomic.Int32
	closed  atomic.Int32
	conns   chan *wsframe.Conn
	join    reqctx.Joining // of the requests that come
	stop    func()
}

// wrap is the handler in front of the proxy: what handlers of the path do, once for each of two.
func (g *gate) wrap(attach func(*wsframe.Tap), next func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		r, rc := reqctx.Ensure(r)
		rc.Join = g.join
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
	"caddy, HTTP/2": func(t testing.TB, g *gate, a func(*wsframe.Tap), b string) {
		g.version, g.secure = 2, true
		caddyProxy(t, g, a, b, false)
	},
	"caddy, HTTP/2 in the clear, with log": func(t testing.TB, g *gate, a func(*wsframe.Tap), b string) {
		g.version = 2
		caddyProxy(t, g, a, b, true)
	},
	"caddy, HTTP/3": func(t testing.TB, g *gate, a func(*wsframe.Tap), b string) {
		g.version, g.secure = 3, true
		caddyProxy(t, g, a, b, false)
	},
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
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wsframe.Extended(r) {
			_ = wsframe.FromConnect(w, r, wsframe.Stream{Body: r.Body}, h)
			return
		}
		_ = h(w, r)
	}))
	srv.EnableHTTP2 = g.version == 2
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

func (tapModule) Provision(ctx caddy.Context) error {
	host.KeepConn(ctx)
	return nil
}

func (m tapModule) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if wsframe.Extended(r) {
		return host.FromConnect(m, w, r, next)
	}
	return current.gate.wrap(current.attach, next.ServeHTTP)(w, r)
}

func init() { caddy.RegisterModule(tapModule{}) }

func caddyProxy(t testing.TB, g *gate, attach func(*wsframe.Tap), backend string, accessLog bool) {
	current.gate, current.attach = g, attach
	g.addr = startCaddy(t, g, backend, accessLog, "")
	g.stop = func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	}
}

// startCaddy runs a Caddy in front of a back end and returns its address; with a gate it has the tap, and serves what the gate asks for.
func startCaddy(t testing.TB, g *gate, backend string, accessLog bool, extra string) string {
	t.Helper()
	addr := ""
	if g != nil {
		addr = g.addr // a reload's
	}
	if addr == "" {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr = ln.Addr().String()
		ln.Close()
	}
	handlers := `{"handler":"reverse_proxy","upstreams":[{"dial":"` + backend + `"}]` + extra + `}`
	server, tlsApp := `"protocols":["h1"],`, ""
	if g != nil {
		handlers = `{"handler":"wsframe_test"},` + handlers
		server = `"protocols":["h1","h2","h2c","h3"],`
		if g.timeout > 0 {
			server += fmt.Sprintf(`"read_timeout":%[1]d,"write_timeout":%[1]d,"read_idle_timeout":%[1]d,"write_idle_timeout":%[1]d,"read_min_rate":1000,`, g.timeout)
		}
		if g.secure {
			server += `"tls_connection_policies":[{}],`
			tlsApp = `"tls":{"certificates":{"load_pem":[` + certificate() + `]}},`
		}
	}
	if accessLog {
		server += `"logs":{},`
	}
	cfg := fmt.Sprintf(`{"admin":{"disabled":true,"config":{"persist":false}},"logging":{"logs":{"default":{"level":"PANIC"}}},
		"apps":{%s"http":{"servers":{"s":{%s"automatic_https":{"disable":true},"listen":["%s"],"routes":[{"handle":[%s]}]}}}}}`, tlsApp, server, addr, handlers)
	var c caddy.Config
	if err := json.Unmarshal([]byte(cfg), &c); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Run(&c); err != nil {
		t.Fatal(err)
	}
	return addr
}

// certificate is one for localhost, as Caddy loads it.
var certificate = sync.OnceValue(func() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(24 * time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		log.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		log.Fatal(err)
	}
	b, err := json.Marshal(map[string]string{
		"certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})),
		"key":         string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	})
	if err != nil {
		log.Fatal(err)
	}
	return string(b)
})

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
			if time.Since(start) > 30*time.Second {
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
	case <-time.After(30 * time.Second):
		t.Fatal("no socket opened")
	}
	return nil
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}
