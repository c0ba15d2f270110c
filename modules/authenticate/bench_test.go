package authenticate

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/identity/token"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/store"
)

// benchHandler is a gw_authenticate on real sessions in SQLite, with somebody signed in.
func benchHandler(b *testing.B) (*Handler, *token.Issuer, *reqctx.Identity) {
	b.Helper()
	dir, ctx := b.TempDir(), context.Background()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	keys, err := keyring.Open(filepath.Join(dir, "keys"))
	must(err)
	db, err := database.Open(ctx, database.Config{SQLite: filepath.Join(dir, "gateway.db")})
	must(err)
	feed, err := database.NewFeed(ctx, db)
	must(err)
	bus, err := event.Open(event.Options{Dir: filepath.Join(dir, "events")})
	must(err)
	hasher, err := account.NewHasher(account.Params{Memory: 64, Time: 1, Threads: 1})
	must(err)
	accounts := account.NewStore(db, keys, hasher)
	m, err := session.New(ctx, session.Config{Issuer: "gateway", Audience: "gateway", Label: "Bench", Access: 5 * time.Minute, Idle: 30 * time.Minute, Absolute: 12 * time.Hour},
		session.Resources{DB: db, Feed: feed, Store: store.NewMemory(0), Keys: keys, Events: bus, Accounts: accounts, Log: zap.NewNop(), Now: time.Now})
	must(err)
	hash, err := accounts.Hash(ctx, "otter-lamp-quarry-58", "ursula")
	must(err)
	must(db.InTx(ctx, func(tx *database.Tx) error {
		_, err := accounts.Create(ctx, tx, time.Now(), "ursula", []string{"user"}, hash)
		return err
	}))
	r, err := m.Login(ctx, session.Attempt{Username: "ursula", Password: "otter-lamp-quarry-58"})
	must(err)
	g := ground.New(&ground.Ground{Events: bus}, func() {})
	h := &Handler{LoginURL: "/auth/login", identity: m, ground: g, logger: zap.NewNop(), budget: newBudget(20, 5, time.Now)}
	must(h.readOrigins())
	b.Cleanup(func() {
		m.Close()
		feed.Close()
		must(db.Close())
		must(bus.Close())
	})
	return h, &token.Issuer{Keys: keys, Issuer: "gateway", Audience: "gateway", Now: time.Now}, r.Identity
}

// discard is a response that nobody reads.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

func serve(b *testing.B, h *Handler, r *http.Request, auth []string, next caddyhttp.Handler) {
	r.Header["Authorization"] = auth // taken out by each request
	if err := h.ServeHTTP(discard{http.Header{}}, r, next); err != nil {
		b.Fatal(err)
	}
}

func next(b *testing.B) caddyhttp.Handler {
	return caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		if reqctx.From(r.Context()).Identity == nil {
			b.Fatal("nobody is identified")
		}
		return nil
	})
}

// At most 5 µs.
func BenchmarkKnownToken(b *testing.B) {
	h, issuer, id := benchHandler(b)
	raw, err := issuer.Issue(id)
	if err != nil {
		b.Fatal(err)
	}
	auth, r, then := []string{"Bearer " + raw}, httptest.NewRequest("GET", "https://gw.example/x", nil), next(b)
	serve(b, h, r, auth, then)
	b.ReportAllocs()
	for b.Loop() {
		serve(b, h, r, auth, then)
	}
}

// At most 150 µs: the signature, and the session in the database.
func BenchmarkUnknownToken(b *testing.B) {
	h, issuer, id := benchHandler(b)
	r, then := httptest.NewRequest("GET", "https://gw.example/x", nil), next(b)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		raw, err := issuer.Issue(id)
		if err != nil {
			b.Fatal(err)
		}
		auth := []string{"Bearer " + raw}
		b.StartTimer()
		serve(b, h, r, auth, then)
	}
}
