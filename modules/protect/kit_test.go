package protect

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
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/keyset"
	"github.com/convosphere/gateway/modules/internal/master"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/classify"
	"github.com/convosphere/gateway/test/golden"
	"github.com/convosphere/gateway/test/listen"
)

func init() {
	caddy.RegisterModule(testGateway{})
	caddy.RegisterModule(testPolicy{})
	caddy.RegisterModule(testDecision{})
	httpcaddyfile.RegisterHandlerDirective("test_decision", func(httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) { return testDecision{}, nil })
	httpcaddyfile.RegisterDirectiveOrder("test_decision", httpcaddyfile.Before, "encode")
}

// testGateway stands for the app gateway: a ground in a folder.
type testGateway struct {
	Dir string `json:"dir"`

	ground *ground.Ground
}

// grounds are the open ones by folder, so that tests can break them, and a reload keeps them.
var grounds sync.Map

func (testGateway) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gateway", New: func() caddy.Module { return new(testGateway) }}
}

func (g *testGateway) Provision(caddy.Context) error {
	found, ok := grounds.Load(g.Dir)
	if !ok {
		return fmt.Errorf("no ground in %s", g.Dir)
	}
	g.ground = found.(*ground.Ground)
	return nil
}

func (g *testGateway) Ground() *ground.Ground { return g.ground }
func (*testGateway) Start() error             { return nil }
func (*testGateway) Stop() error              { return nil }

// newGround opens what the gateway app lends: a database and key sets in it.
func newGround(t testing.TB, dir string) *ground.Ground {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "g.db")
	must(dbtest.Place(path))
	db, err := database.Open(t.Context(), database.Config{SQLite: path})
	must(err)
	feed, err := database.NewFeed(t.Context(), db)
	must(err)
	keys, err := keyring.Open(filepath.Join(dir, "keys"))
	must(err)
	events, err := event.Open(event.Options{Dir: filepath.Join(dir, "events")})
	must(err)
	sets, err := keyset.Open(t.Context(), keyset.Options{DB: db, Feed: feed, Events: events, Now: time.Now, Master: master.FromRing(keys)})
	must(err)
	g := ground.New(&ground.Ground{DataDir: dir, DB: db, Feed: feed, Keys: keys, Events: events, DataKeys: sets}, func() {})
	grounds.Store(dir, g)
	t.Cleanup(func() {
		grounds.Delete(dir)
		_ = sets.Close()
		feed.Close()
		_, _ = events.Close(), db.Close()
	})
	return g
}

// testPolicy stands for the app gw_policy: a table of classes.
type testPolicy struct {
	Fields_ json.RawMessage `json:"fields"` //nolint:revive // the method has the name

	table *classify.Table
}

func (testPolicy) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gw_policy", New: func() caddy.Module { return new(testPolicy) }}
}

func (p *testPolicy) Provision(caddy.Context) (err error) {
	p.table, err = tableOf(string(p.Fields_))
	return err
}

func (p *testPolicy) Fields() *classify.Table { return p.table }
func (*testPolicy) Start() error              { return nil }
func (*testPolicy) Stop() error               { return nil }

// tableOf reads data.fields; secret is the class that is encrypted, open the one that is not.
func tableOf(text string) (*classify.Table, error) {
	if text == "" {
		text = "{}"
	}
	var fields any
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		return nil, err
	}
	return classify.New(fields, map[string]any{"secret": map[string]any{"encrypted": true}, "open": map[string]any{}})
}

// testDecision stands for gw_authorize: it allows, but for who sends Test-Undecided.
type testDecision struct{}

func (testDecision) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.test_decision", New: func() caddy.Module { return new(testDecision) }}
}

func (testDecision) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	r, rc := reqctx.Ensure(r)
	rc.Client = reqctx.Client{IP: netip.MustParseAddr("192.0.2.1")}
	rc.Identity = &reqctx.Identity{Subject: "id-ursula", Name: "ursula", Roles: []string{"user"}}
	if r.Header.Get("Test-Undecided") == "" {
		rc.Decision = &reqctx.Decision{Allow: true, Encrypt: r.Header.Values("Test-Encrypt")}
	}
	return next.ServeHTTP(w, r)
}

// env is a running gateway with a back end behind it.
type env struct {
	t      testing.TB
	dir    string
	addr   string
	back   *httptest.Server
	ground *ground.Ground

	mu      sync.Mutex
	handler http.HandlerFunc
	got     []got
}

// got is a request as the back end had it.
type got struct {
	*http.Request
	body string
	err  error
}

// newEnv starts a gateway with the body of a gw_protect block, and the JSON of data.fields.
func newEnv(t testing.TB, block, fields string) *env {
	t.Helper()
	e := &env{t: t, dir: t.TempDir()}
	e.ground = newGround(t, e.dir)
	e.back = httptest.NewServer(http.HandlerFunc(e.serveBack))
	t.Cleanup(e.back.Close)
	var err error
	if e.addr, err = listen.Free(); err != nil {
		t.Fatal(err)
	}
	if err := e.load(block, fields); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeAll(e); err != nil {
			t.Error(err)
		}
	})
	return e
}

// closeAll ends the gateway.
func closeAll(*env) error {
	http.DefaultClient.CloseIdleConnections()
	return caddy.Stop()
}

// load runs, or reloads, the configuration.
func (e *env) load(block, fields string) error {
	e.t.Helper()
	out, err := golden.Adapt(fmt.Sprintf("{\n\tservers {\n\t\tprotocols h1 h2c\n\t}\n}\nhttp://%s {\n\ttest_decision\n\tgw_protect {\n%s\n\t}\n\treverse_proxy %s\n}\n", e.addr, block, e.back.Listener.Addr()))
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
	if fields == "" {
		fields = "{}"
	}
	apps["gw_policy"] = map[string]any{"fields": json.RawMessage(fields)}
	raw, err := json.Marshal(config)
	if err != nil {
		return err
	}
	if err := caddy.Load(raw, true); err != nil {
		return err
	}
	return listen.Alone(e.addr)
}

func (e *env) serveBack(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	e.mu.Lock()
	e.got = append(e.got, got{r.Clone(context.Background()), string(body), err})
	h := e.handler
	e.mu.Unlock()
	if err != nil {
		w.WriteHeader(http.StatusBadRequest) // as servers do with what is not whole
		return
	}
	if h != nil {
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		h(w, r)
		return
	}
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
		w.Header().Set("Etag", `"e"`)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// reached returns the requests that came to the back end since it was set.
func (e *env) reached() []got {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.got)
}

// stored is the body of the last request that the back end had.
func (e *env) stored() string {
	e.t.Helper()
	all := e.reached()
	if len(all) == 0 {
		e.t.Fatal("nothing reached the back end")
	}
	return all[len(all)-1].body
}

type reply struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

func (e *env) post(path, body string) reply { return e.send("POST", path, "application/json", body) }
func (e *env) get(path string) reply        { return e.send("GET", path, "", "") }

// send sends a request as it stands, byte by byte.
func (e *env) send(method, path, contentType, body string, headers ...string) reply {
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
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method, path, e.addr)
	for i := 0; i+1 < len(headers); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", headers[i], headers[i+1])
	}
	if contentType != "" {
		fmt.Fprintf(&b, "Content-Type: %s\r\n", contentType)
	}
	if body != "" && !slices.Contains(headers, "Transfer-Encoding") {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	if _, err := io.WriteString(conn, b.String()+"\r\n"+body); err != nil {
		e.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		e.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(text), err}
}

// pointer is the one of the first error of a 422.
func (r reply) pointer() string {
	var p struct{ Errors []struct{ Pointer string } }
	if err := json.Unmarshal([]byte(r.body), &p); err != nil || len(p.Errors) == 0 {
		return "none"
	}
	return p.Errors[0].Pointer
}

// events waits for nothing: closing the bus writes what was emitted.
func (e *env) events() string {
	e.t.Helper()
	if err := e.ground.Events.Close(); err != nil {
		e.t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(e.dir, "events", "*"))
	if err != nil {
		e.t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		all.WriteString(read(e.t, f))
	}
	return all.String()
}
