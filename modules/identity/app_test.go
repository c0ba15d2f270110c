package identity

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/directory"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/identity/token"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/store"
)

func init() { caddy.RegisterModule(fakeGateway{}) }

func TestMain(m *testing.M) { os.Exit(dbtest.Both(m).Run()) }

// fakeGateway stands for the app gateway: it lends a ground that the test opened.
type fakeGateway struct {
	Identity json.RawMessage `json:"identity,omitempty"`
	Bad      bool            `json:"bad,omitempty"` // fails after gw_identity was provisioned
}

var (
	lent   *ground.Ground
	stored database.Config // where the ground's database is
	loaded *App            // of the last good configuration
)

func (fakeGateway) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gateway", New: func() caddy.Module { return new(fakeGateway) }}
}
func (g *fakeGateway) Provision(ctx caddy.Context) error {
	app, err := ctx.LoadModuleByID("gw_identity", g.Identity)
	if err != nil {
		return err
	}
	if g.Bad {
		return errors.New("this configuration is bad")
	}
	loaded = app.(*App)
	return nil
}
func (g *fakeGateway) Ground() *ground.Ground { return lent }
func (g *fakeGateway) Start() error           { return nil }
func (g *fakeGateway) Stop() error            { return nil }

const password = "otter-lamp-quarry-58"

// lend opens a ground for the test, with ursula in it.
func lend(t *testing.T) (dir string) {
	t.Helper()
	ctx := context.Background()
	dir = t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	stored = dbtest.New(t)
	d, err := directory.Open(ctx, directory.Config{Database: stored, Keys: directory.At(dir).Keys})
	must(err)
	_, err = d.Add(ctx, "ursula", "user", password, false)
	must(errors.Join(err, d.Close()))
	db, err := database.Open(ctx, stored)
	must(err)
	feed, err := database.NewFeed(ctx, db)
	must(err)
	keys, err := keyring.Open(filepath.Join(dir, "keys"))
	must(err)
	bus, err := event.Open(event.Options{Dir: filepath.Join(dir, "events")})
	must(err)
	closed := make(chan struct{})
	lent = ground.New(&ground.Ground{DataDir: dir, Store: store.NewMemory(0), DB: db, Feed: feed, Keys: keys, Events: bus}, func() {
		feed.Close()
		must(errors.Join(db.Close(), bus.Close()))
		close(closed)
	})
	t.Cleanup(func() {
		must(caddy.Stop())
		lent.Release()
		select {
		case <-closed:
		case <-time.After(30 * time.Second):
			t.Error("the app still holds the ground")
		}
	})
	return dir
}

// load gives Caddy a configuration, as a reload does, and returns the app of it.
func load(t *testing.T, gateway string) (*App, error) {
	t.Helper()
	config := `{"admin":{"disabled":true,"config":{"persist":false}},"logging":{"logs":{"default":{"level":"ERROR"}}},"apps":{"gateway":` + gateway + `}}`
	if err := caddy.Load([]byte(config), true); err != nil {
		return nil, err
	}
	return loaded, nil
}

func mustLoad(t *testing.T, gateway string) *App {
	t.Helper()
	a, err := load(t, gateway)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func login(t *testing.T, a *App) session.Result {
	t.Helper()
	r, err := a.Login(context.Background(), session.Attempt{Username: "ursula", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReload(t *testing.T) {
	lend(t)
	ctx := context.Background()
	first := mustLoad(t, `{"identity":{"label":"One"}}`)
	r := login(t, first)
	if _, err := first.Verify(ctx, r.Tokens.Access); err != nil {
		t.Fatal(err)
	}
	if _, ok := first.Known(r.Tokens.Access); !ok {
		t.Fatal("a verified token is not known")
	}
	socket := make(chan string, 2)
	first.Watch(r.Identity.Session, func(reason string) { socket <- reason })

	// A bad configuration changes nothing.
	for _, bad := range []string{`{"identity":{"label":"Two"},"bad":true}`, `{"identity":{"idle":"1m"}}`, `{"identity":{"argon2":{"memory":64}}}`, `{"identity":{"unknown":1}}`} {
		if _, err := load(t, bad); err == nil {
			t.Fatal("was taken:", bad)
		}
		if _, ok := first.Known(r.Tokens.Access); !ok {
			t.Fatal("a failed reload lost what is known")
		}
	}
	// A good one keeps sessions, and the sockets of the old.
	second := mustLoad(t, `{"identity":{"label":"Two"}}`)
	if second == first {
		t.Fatal("not reloaded")
	}
	if _, err := second.Verify(ctx, r.Tokens.Access); err != nil {
		t.Fatal(err)
	}
	next, err := second.Refresh(ctx, r.Tokens.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	if len(socket) != 0 {
		t.Fatal("the reload closed a socket")
	}
	if err := second.Logout(ctx, next.Tokens.Refresh, ""); err != nil {
		t.Fatal(err)
	}
	select {
	case <-socket:
	case <-time.After(30 * time.Second):
		t.Fatal("a socket of before the reload did not hear of the logout")
	}
	if _, err := second.Verify(ctx, next.Tokens.Access); !errors.Is(err, token.ErrInvalid) {
		t.Fatal(err)
	}
}

func TestDefaults(t *testing.T) {
	lend(t)
	a := mustLoad(t, `{}`)
	r := login(t, a)
	if d := time.Until(r.Tokens.AccessExpires); d < 4*time.Minute || d > 5*time.Minute {
		t.Fatal(d)
	}
	if d := time.Until(r.Tokens.RefreshExpires); d < 29*time.Minute || d > 30*time.Minute {
		t.Fatal(d)
	}
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(a.JWKS(), &set); err != nil || len(set.Keys) != 1 || set.Keys[0]["d"] != nil || set.Keys[0]["kid"] == nil {
		t.Fatalf("%s %v", a.JWKS(), err)
	}
}

func TestNeedsGateway(t *testing.T) {
	if err := caddy.Load([]byte(`{"admin":{"disabled":true,"config":{"persist":false}},"apps":{"gw_identity":{}}}`), true); err == nil || !strings.Contains(err.Error(), "gw_identity: it needs the global option `gateway`") {
		t.Fatal(err)
	}
}

// A change by the command reaches a running gateway within a second.
func TestCommandReachesRunningGateway(t *testing.T) {
	dir := lend(t)
	ctx := context.Background()
	a := mustLoad(t, `{}`)
	for _, args := range [][]string{{"role", "ursula", "moderator"}, {"disable", "ursula"}} {
		r := login(t, a)
		if _, err := a.Verify(ctx, r.Tokens.Access); err != nil {
			t.Fatal(err)
		}
		closed := make(chan string, 1)
		a.Watch(r.Identity.Session, func(reason string) { closed <- reason })
		run(t, "", append(args, "--data", dir, "--database", stored.SQLite+stored.Postgres)...)
		select {
		case <-closed:
		case <-time.After(30 * time.Second):
			t.Fatal(args, "its socket is open")
		}
		if _, ok := a.Known(r.Tokens.Access); ok {
			t.Fatal(args, "its token is known")
		}
		if _, err := a.Verify(ctx, r.Tokens.Access); !errors.Is(err, token.ErrInvalid) {
			t.Fatal(args, err)
		}
		if _, err := a.Refresh(ctx, r.Tokens.Refresh); err != session.ErrSession {
			t.Fatal(args, err)
		}
	}
	if _, err := a.Login(ctx, session.Attempt{Username: "ursula", Password: password}); err != session.ErrCredentials {
		t.Fatal("a disabled account logs in:", err)
	}
}

// The app is what its users declare.
var (
	_ interface {
		Login(context.Context, session.Attempt) (session.Result, error)
		TOTP(context.Context, string, string, session.Attempt) (session.Result, error)
		Key(context.Context, string, []byte, session.Attempt) (session.Result, error)
		Passkey(context.Context, string, []byte, session.Attempt) (session.Result, error)
		StepUp(context.Context, *reqctx.Identity, string, session.Attempt) (session.Result, error)
		Refresh(context.Context, string) (session.Result, error)
		Logout(context.Context, string, string) error
		EnrolTOTP(context.Context, *reqctx.Identity) (session.Enrolment, error)
		ConfirmTOTP(context.Context, *reqctx.Identity, string, string, string, session.Attempt) (session.Result, error)
		RemoveTOTP(context.Context, *reqctx.Identity, string) error
		ChangePassword(context.Context, *reqctx.Identity, string, string) error
		Profile(context.Context, *reqctx.Identity) (account.Profile, error)
		JWKS() []byte
	} = (*App)(nil)
	_ interface {
		Verify(context.Context, string) (*reqctx.Identity, error)
		Known(string) (*reqctx.Identity, bool)
		Watch(string, func(string)) func()
		Deadline(context.Context, string) (time.Time, error)
	} = (*App)(nil)
)
