package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	dto "github.com/prometheus/client_model/go"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
)

func init() { caddy.RegisterModule(testGateway{}) }

// testGateway stands for the app gateway: a ground in a folder.
type testGateway struct {
	Dir string `json:"dir"`

	ground *ground.Ground
}

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
	events, err := event.Open(event.Options{Dir: filepath.Join(g.Dir, "events")})
	if err != nil {
		return err
	}
	keys, err := keyring.Open(filepath.Join(g.Dir, "keys"))
	if err != nil {
		return err
	}
	g.ground = ground.New(&ground.Ground{DataDir: g.Dir, Keys: keys, DB: db, Feed: feed, Events: events}, func() {
		feed.Close()
		_, _ = db.Close(), events.Close() // a test may have closed them
	})
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

func load(dir, policy string) error {
	return caddy.Load([]byte(fmt.Sprintf(`{"admin": {"disabled": true, "config": {"persist": false}},
		"logging": {"logs": {"default": {"level": "PANIC"}}},
		"apps": {"gateway": {"dir": %q}, "gw_policy": %s}}`, dir, policy)), true)
}

// start returns the running app.
func start(t testing.TB, policy string) *App {
	t.Helper()
	if err := load(t.TempDir(), policy); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	return running(t)
}

func running(t testing.TB) *App {
	t.Helper()
	app, err := caddy.ActiveContext().AppIfConfigured("gw_policy")
	if err != nil {
		t.Fatal(err)
	}
	return app.(*App)
}

func person(name, role string) *reqctx.Identity {
	return &reqctx.Identity{Subject: "id-" + name, Name: name, Roles: []string{role}}
}

func TestDecideFillsRelations(t *testing.T) {
	a := start(t, `{}`)
	ctx := context.Background()
	if err := a.Apply(ctx, []grant.Grant{
		{Subject: "ursula", Relation: "owner", Object: "room:a"}, {Subject: "*", Relation: "viewer", Object: "room:open"},
		{Subject: "room:a", Relation: grant.Parent, Object: "file:1"}, {Subject: "room:a", Relation: grant.Parent, Object: "message:1"},
		{Subject: "petra", Relation: "author", Object: "message:1"}, {Subject: "petra", Relation: "owner", Object: "room:b"},
	}, nil); err != nil {
		t.Fatal(err)
	}
	room, file, message := func(id string) engine.Object { return engine.Object{Type: "room", ID: id} }, engine.Object{Type: "file", ID: "1"}, engine.Object{Type: "message", ID: "1"}
	for _, c := range []struct {
		name  string
		in    engine.Input
		allow bool
	}{
		{"owner", engine.Input{Permission: "room:read", Identity: person("ursula", "user"), Resource: room("a")}, true},
		{"nobody's room", engine.Input{Permission: "room:read", Identity: person("ursula", "user"), Resource: room("x")}, false},
		{"open room", engine.Input{Permission: "room:read", Identity: person("mona", "user"), Resource: room("open")}, true},
		{"open room, anonymous", engine.Input{Permission: "room:read", Resource: room("open")}, false},
		{"relations given by the caller", engine.Input{Permission: "room:read", Identity: person("mona", "user"), Resource: room("a"), Relations: []string{"owner"}}, false},
		{"parent found", engine.Input{Permission: "file:read", Identity: person("ursula", "user"), Resource: file}, true},
		{"parent found, no access", engine.Input{Permission: "file:read", Identity: person("petra", "user"), Resource: file}, false},
		{"parent stated", engine.Input{Permission: "message:delete", Identity: person("ursula", "user"), Resource: message, Parent: room("a")}, true},
		{"author without access", engine.Input{Permission: "message:delete", Identity: person("petra", "user"), Resource: message, Parent: room("a")}, false},
		{"owner of another room", engine.Input{Permission: "message:delete", Identity: person("petra", "user"), Resource: message, Parent: room("b")}, false},
		{"admin in another room", engine.Input{Permission: "message:delete", Identity: person("ada", "admin"), Resource: message, Parent: room("b")}, false},
		{"unknown message of one's room", engine.Input{Permission: "message:delete", Identity: person("petra", "user"), Resource: engine.Object{Type: "message", ID: "9"}, Parent: room("b")}, true},
		{"called everyone", engine.Input{Permission: "room:read", Identity: person("*", "user"), Resource: room("open")}, false},
		{"called as an object", engine.Input{Permission: "file:read", Identity: person("room:a", "user"), Resource: file}, false},
	} {
		d := a.Decide(ctx, &c.in)
		if d.Allow != c.allow || d.Reason == "" || d.Revision != a.Revision() || d.Failure != engine.None {
			t.Errorf("%s: %+v", c.name, d)
		}
	}
}

func TestDatabaseDownRefuses(t *testing.T) {
	a := start(t, `{}`)
	count := func() float64 {
		var m dto.Metric
		if err := failed.Write(&m); err != nil {
			t.Fatal(err)
		}
		return m.GetCounter().GetValue()
	}
	before := count()
	if err := a.ground.DB.Close(); err != nil {
		t.Fatal(err)
	}
	in := &engine.Input{Permission: "room:read", Identity: person("ada", "admin"), Resource: engine.Object{Type: "room", ID: "a"}}
	if d := a.Decide(context.Background(), in); d.Allow || d.Failure != engine.Grants || !d.Failure.Unavailable() {
		t.Errorf("%+v", d)
	}
	if count() != before+1 {
		t.Error("it was not counted")
	}
	// What needs no grant is still decided.
	if d := a.Decide(context.Background(), &engine.Input{Permission: "app:read", Identity: person("ada", "admin")}); !d.Allow {
		t.Errorf("%+v", d)
	}
}

func write(t testing.TB, rego string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "a.rego"), []byte("package gateway\n\n"+rego+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestReload(t *testing.T) {
	dir := t.TempDir()
	if err := load(dir, `{}`); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	}()
	first := running(t)
	in := &engine.Input{Permission: "room:read", Identity: person("ursula", "user"), Resource: engine.Object{Type: "room", ID: "a"}}
	if err := first.Apply(context.Background(), []grant.Grant{{Subject: "ursula", Relation: "owner", Object: "room:a"}}, nil); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"no folder":      `{"folder": "/nowhere/at/all"}`,
		"does not parse": `{"folder": "` + write(t, `decision := {`) + `"}`,
		"undefined":      `{"folder": "` + write(t, `other := 1`) + `"}`,
		"http.send":      `{"folder": "` + write(t, `decision := {"allow": http.send({"url": "http://192.0.2.1", "method": "get"}).status_code == 200}`) + `"}`,
		"empty folder":   `{"folder": "` + t.TempDir() + `"}`,
		"a file":         `{"folder": "` + filepath.Join(write(t, `decision := {"allow": true}`), "a.rego") + `"}`,
		"timeout":        `{"timeout": -1}`,
		"unknown":        `{"tiemout": 1}`,
	} {
		if err := load(dir, bad); err == nil {
			t.Errorf("%s loads", name)
		}
		if running(t) != first || !first.Decide(context.Background(), in).Allow {
			t.Fatalf("%s: the running one was touched", name)
		}
	}
	hold := first.ground.Hold() // a request that the reload overtakes
	if err := load(dir, `{"folder": "`+write(t, `decision := {"allow": "owner" in input.grants.resource, "reason": "mine"}`)+`"}`); err != nil {
		t.Fatal(err)
	}
	second := running(t)
	if d := second.Decide(context.Background(), in); !d.Allow || d.Reason != "mine" || d.Revision == first.Revision() {
		t.Errorf("%+v", d)
	}
	// The one that was overtaken sees what the new one changes.
	if err := second.Apply(context.Background(), nil, []grant.Grant{{Object: "room:a"}}); err != nil {
		t.Fatal(err)
	}
	if d := first.Decide(context.Background(), in); d.Allow || d.Failure != engine.None {
		t.Errorf("%+v", d)
	}
	if a, b := first.Stamp("room:a"), first.Stamp("room:a"); a == b {
		t.Error("the overtaken one still remembers")
	}
	hold()
}

func TestGatewayIsNeeded(t *testing.T) {
	err := caddy.Load([]byte(`{"admin": {"disabled": true, "config": {"persist": false}}, "logging": {"logs": {"default": {"level": "PANIC"}}}, "apps": {"gw_policy": {}}}`), true)
	if err == nil || !strings.Contains(err.Error(), "global option `gateway`") {
		t.Error(err)
	}
}

func TestCaddyfile(t *testing.T) {
	for text, want := range map[string]string{
		"policy": `{}`,
		"policy {\ntimeout 250ms\nfolder /no/such\n}": `folder: stat /no/such: no such file or directory, at Testfile:3`,
		"policy {\nfolder {env.POLICY_NOT_SET}\n}":    `{env.POLICY_NOT_SET}`,
		"policy x":                            "wrong argument count",
		"policy {\ntimeout\n}":                "wrong argument count",
		"policy {\ntimeout soon\n}":           `policy timeout "soon": write a duration from 1ms to 10s`,
		"policy {\ntimeout 0s\n}":             "from 1ms to 10s",
		"policy {\ntimeout 1h\n}":             "from 1ms to 10s",
		"policy {\nfolder a b\n}":             "wrong argument count",
		"policy {\ntimeout 1s\ntimeout 2s\n}": "timeout is given twice",
		"policy {\nfoldr a\n}":                `unknown subdirective "foldr": policy knows `,
	} {
		var a App
		err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		got, _ := json.Marshal(&a)
		if err != nil {
			got = []byte(err.Error())
		}
		if string(got) != want && (err == nil || !strings.Contains(string(got), want)) {
			t.Errorf("%s\n gives %s\n not   %s", text, got, want)
		}
	}
}

// An edited policy makes the configuration another one: Caddy passes over a reload that changes nothing.
func TestAnEditedPolicyChangesTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	adapt := func(rego string) string {
		if err := os.WriteFile(filepath.Join(dir, "p.rego"), []byte(rego), 0o600); err != nil {
			t.Fatal(err)
		}
		var a App
		if err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser("policy {\nfolder " + dir + "\n}")); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(&a)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	before := adapt("package gateway\n\ndecision := 1\n")
	if again := adapt("package gateway\n\ndecision := 1\n"); again != before {
		t.Errorf("unedited: %s is not %s", again, before)
	}
	if after := adapt("package gateway\n\ndecision := 2\n"); after == before {
		t.Errorf("edited: still %s", after)
	}
}

// A policy whose answers are malformed would refuse everybody, the login page included: it does not load, and the old one stays.
func TestAMalformedPolicyDoesNotLoad(t *testing.T) {
	a := start(t, `{}`)
	dir := t.TempDir()
	for _, decision := range []string{`"yes"`, `{"allow": 1}`} {
		if err := os.WriteFile(filepath.Join(dir, "p.rego"), []byte("package gateway\n\ndecision := "+decision+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := load(t.TempDir(), `{"folder":"`+dir+`"}`); err == nil {
			t.Errorf("%s was loaded", decision)
		}
		if running(t) != a {
			t.Errorf("%s replaced the policy in force", decision)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	a := start(b, `{}`)
	ctx := context.Background()
	if err := a.Apply(ctx, []grant.Grant{{Subject: "ursula", Relation: "member", Object: "room:a"}, {Subject: "*", Relation: "viewer", Object: "room:a"}}, nil); err != nil {
		b.Fatal(err)
	}
	id := person("ursula", "user")
	id.Methods, id.AuthTime, id.Session = []string{"pwd"}, time.Now(), "s"
	in := &engine.Input{
		Method: "POST", Path: "/api/rooms/a/messages", Route: "POST /api/rooms/{room}/messages", Host: "chat.example.com",
		Permission: "message:post", Identity: id, Resource: engine.Object{Type: "room", ID: "a"},
	}
	b.ReportAllocs()
	for b.Loop() {
		if d := a.Decide(ctx, in); !d.Allow {
			b.Fatal(d)
		}
	}
}
