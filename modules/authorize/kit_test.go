package authorize

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/internal/tier"
	_ "github.com/convosphere/gateway/modules/policy"
	"github.com/convosphere/gateway/test/golden"
	"github.com/convosphere/gateway/test/listen"
)

func init() {
	caddy.RegisterModule(testGateway{})
	caddy.RegisterModule(testIdentity{})
	httpcaddyfile.RegisterHandlerDirective("test_identity", func(httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) { return testIdentity{}, nil })
	httpcaddyfile.RegisterDirectiveOrder("test_identity", httpcaddyfile.Before, "encode")
}

// testGateway stands for the app gateway: a ground in a folder.
type testGateway struct {
	Dir string `json:"dir"`

	ground *ground.Ground
}

// buses are the open ones by folder: a reload keeps them, as it does with the real app.
var buses sync.Map

func busOf(dir string) (*event.Bus, error) {
	if b, ok := buses.Load(dir); ok {
		return b.(*event.Bus), nil
	}
	b, err := event.Open(event.Options{Dir: filepath.Join(dir, "events")})
	if err == nil {
		buses.Store(dir, b)
	}
	return b, err
}

// grounds are the open ones by folder, so that tests can break them.
var grounds sync.Map

func (testGateway) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gateway", New: func() caddy.Module { return new(testGateway) }}
}

func (g *testGateway) Provision(ctx caddy.Context) error {
	path := filepath.Join(g.Dir, "g.db")
	if err := dbtest.Place(path); err != nil {
		return err
	}
	db, err := database.Open(ctx, database.Config{SQLite: path})
	if err != nil {
		return err
	}
	feed, err := database.NewFeed(ctx, db)
	if err != nil {
		return err
	}
	keys, err := keyring.Open(filepath.Join(g.Dir, "keys"))
	if err != nil {
		return err
	}
	events, err := busOf(g.Dir)
	if err != nil {
		return err
	}
	s := store.NewMemory(0)
	g.ground = ground.New(&ground.Ground{DataDir: g.Dir, DB: db, Feed: feed, Keys: keys, Events: events, Store: s, Tiers: tier.New(time.Now)}, func() {
		feed.Close()
		_, _ = db.Close(), s.Close() // a test may have closed it
	})
	grounds.Store(g.Dir, g.ground)
	return nil
}

func (g *testGateway) Ground() *ground.Ground { return g.ground }
func (*testGateway) Start() error             { return nil }
func (*testGateway) Stop() error              { return nil }
func (g *testGateway) Cleanup() error {
	if g.ground != nil {
		g.ground.Release()
	}
	return nil
}

// testIdentity stands for gw_authenticate: the header Test-User is "name/role", with "/mfa" behind it for a recent second factor,
// "/old" for a login of a while ago, "/remembered" for one on a device whose second factor is remembered.
type testIdentity struct{}

func (testIdentity) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.test_identity", New: func() caddy.Module { return new(testIdentity) }}
}

// seen is what the last request's values were when it had ended.
var seen struct {
	sync.Mutex
	rc *reqctx.Request
}

func (testIdentity) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	r, rc := reqctx.Ensure(r)
	rc.Client = reqctx.Client{IP: netip.MustParseAddr("192.0.2.1")}
	if user := r.Header.Get("Test-User"); user != "" {
		p := strings.Split(user, "/")
		rc.Identity = &reqctx.Identity{Subject: "id-" + p[0], Name: p[0], Roles: []string{p[1]}, Session: "s", Methods: []string{"pwd"}, AuthTime: time.Now()}
		switch p = append(p, ""); p[2] {
		case "mfa":
			rc.Identity.MFATime, rc.Identity.ACR = time.Now(), reqctx.ACRMulti
		case "old":
			rc.Identity.AuthTime = time.Now().Add(-time.Minute)
		case "remembered":
			rc.Identity.Trusted = true
		}
		r.Header.Del("Test-User")
	}
	err := next.ServeHTTP(w, r)
	seen.Lock()
	seen.rc = rc
	seen.Unlock()
	return err
}

func lastSeen() *reqctx.Request {
	seen.Lock()
	defer seen.Unlock()
	return seen.rc
}

// env is a running gateway with a back end behind it.
type env struct {
	t    testing.TB
	dir  string
	addr string
	url  string
	back *httptest.Server

	mu      sync.Mutex
	handler http.HandlerFunc // the back end's
	got     []*http.Request
}

// newEnv starts a gateway with the body of a gw_authorize block. policy is the JSON of the app gw_policy, "" the default.
func newEnv(t testing.TB, block, policy string) *env {
	t.Helper()
	e := &env{t: t, dir: t.TempDir()}
	e.back = httptest.NewServer(http.HandlerFunc(e.serveBack))
	t.Cleanup(e.back.Close)
	var err error
	if e.addr, err = listen.Free(); err != nil {
		t.Fatal(err)
	}
	e.url = "http://" + e.addr
	if err := e.load(block, policy); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
		if b, ok := buses.LoadAndDelete(e.dir); ok {
			_ = b.(*event.Bus).Close() // a test may have closed it
		}
	})
	return e
}

// load runs, or reloads, the configuration.
func (e *env) load(block, policy string) error {
	e.t.Helper()
	out, err := golden.Adapt(fmt.Sprintf("{\n\tservers {\n\t\tprotocols h1 h2c\n\t}\n}\nhttp://%s {\n\ttest_identity\n\tgw_authorize {\n%s\n\t}\n\treverse_proxy %s\n}\n", e.addr, block, e.back.Listener.Addr()))
	if err != nil {
		return err
	}
	var config map[string]any
	if err := json.Unmarshal(out, &config); err != nil {
		return err
	}
	config["admin"] = map[string]any{"disabled": true, "config": map[string]any{"persist": false}}
	config["logging"] = map[string]any{"logs": map[string]any{"default": map[string]any{"level": "PANIC"}}}
	apps := config["apps"].(map[string]any)
	apps["gateway"] = map[string]any{"dir": e.dir}
	if policy == "" {
		policy = "{}"
	}
	apps["gw_policy"] = json.RawMessage(policy)
	raw, err := json.Marshal(config)
	if err != nil {
		return err
	}
	if err := caddy.Load(raw, true); err != nil {
		return err
	}
	return listen.Alone(e.addr)
}

func (e *env) ground() *ground.Ground {
	g, _ := grounds.Load(e.dir)
	return g.(*ground.Ground)
}

func (e *env) serveBack(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	e.got = append(e.got, r.Clone(context.Background()))
	h := e.handler
	e.mu.Unlock()
	if h != nil {
		h(w, r)
		return
	}
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, "hello from the back end")
}

// backend sets what the back end does.
func (e *env) backend(h http.HandlerFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.handler, e.got = h, nil
}

// answers makes the back end answer so.
func (e *env) answers(status int, contentType, body string) {
	e.backend(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("X-Inside", "secret")
		w.Header().Set("Etag", `"e"`)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// reached returns the requests that came to the back end since it was set.
func (e *env) reached() []*http.Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]*http.Request(nil), e.got...)
}

type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request as it stands, byte by byte; user is "name/role" or "".
func (e *env) do(method, path, user string, headers ...string) reply {
	e.t.Helper()
	return e.send(method, path, user, "", headers...)
}

func (e *env) send(method, path, user, body string, headers ...string) reply {
	e.t.Helper()
	conn, err := net.Dial("tcp", e.addr)
	if err != nil {
		e.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil { // what is never answered fails, and says where
		e.t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, e.addr)
	if user != "" {
		b.WriteString("Test-User: " + user + "\r\n")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", headers[i], headers[i+1])
	}
	if !slices.Contains(headers, "Connection") {
		b.WriteString("Connection: close\r\n")
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	if _, err := io.WriteString(conn, b.String()+"\r\n"+body); err != nil {
		e.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		e.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		e.t.Fatalf("%s %s: reading the answer: %v", method, path, err)
	}
	return reply{resp.StatusCode, resp.Header, string(got)}
}

// expect sends a request and checks the status.
func (e *env) expect(status int, method, path, user string) reply {
	e.t.Helper()
	r := e.do(method, path, user)
	if r.status != status {
		e.t.Errorf("%s %s as %q: %d, want %d: %s", method, path, user, r.status, status, r.body)
	}
	return r
}

func (r reply) problem() (typ string) {
	var p struct{ Type string }
	_ = json.Unmarshal([]byte(r.body), &p) // "" where it is none
	return strings.TrimPrefix(p.Type, "urn:gateway:problem:")
}

// importChat is the block of the example that is shipped.
func importChat(t testing.TB) string {
	t.Helper()
	file, err := filepath.Abs("../../caddyfiles/chat-routes.caddy")
	if err != nil {
		t.Fatal(err)
	}
	return "audience chat\nprotected\nimport " + file
}

// newGround is one that lends nothing.
func newGround() *ground.Ground { return ground.New(new(ground.Ground), func() {}) }
