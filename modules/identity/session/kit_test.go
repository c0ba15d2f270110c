package session

import (
	"context"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/store"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(dbtest.Both(m), goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}

const password = "otter-lamp-quarry-58"

// clock is the time of a test; it moves only when told to.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// recorder keeps events.
type recorder struct {
	mu  sync.Mutex
	all []*event.Event
}

func (r *recorder) Emit(e *event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, e)
}

func (r *recorder) count(action, outcome string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, e := range r.all {
		if e.Action == action && e.Outcome == outcome {
			n++
		}
	}
	return n
}

// switchFeed is a feed whose freshness a test decides.
type switchFeed struct {
	*database.Feed
	mu    sync.Mutex
	stale bool
}

func (f *switchFeed) Fresh() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.stale && f.Feed.Fresh()
}

func (f *switchFeed) setStale(v bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stale = v
}

// node is one gateway process on a shared database, key ring and store.
type node struct {
	*Manager
	t      testing.TB
	clock  *clock
	events *recorder
	feed   *switchFeed
	hasher *account.Hasher
	config database.Config
	dir    string
}

var ctx = context.Background()

func newNode(t testing.TB) *node {
	t.Helper()
	dir := t.TempDir()
	return open(t, dir, dbtest.New(t), store.NewMemory(0), &clock{t: time.Now().Truncate(time.Second)})
}

// newSQLiteNode is for what takes long and is the same over every database.
func newSQLiteNode(t testing.TB) *node {
	t.Helper()
	return open(t, t.TempDir(), dbtest.NewSQLite(t), store.NewMemory(0), &clock{t: time.Now().Truncate(time.Second)})
}

// beside opens another node on the same state.
func (n *node) beside() *node {
	n.t.Helper()
	return open(n.t, n.dir, n.config, n.Store, n.clock)
}

func open(t testing.TB, dir string, config database.Config, s store.Store, c *clock) *node {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	keys, err := keyring.Open(filepath.Join(dir, "keys"))
	must(err)
	db, err := database.Open(ctx, config)
	must(err)
	feed, err := database.NewFeed(ctx, db)
	must(err)
	hasher, err := account.NewHasher(account.Params{Memory: 64, Time: 1, Threads: 1})
	must(err)
	n := &node{t: t, clock: c, events: &recorder{}, feed: &switchFeed{Feed: feed}, hasher: hasher, config: config, dir: dir}
	n.Manager, err = New(ctx, Config{Issuer: "gateway", Audience: "gateway", Label: "Test", Access: 5 * time.Minute, Idle: 30 * time.Minute, Absolute: 12 * time.Hour},
		Resources{DB: db, Feed: n.feed, Store: s, Keys: keys, Events: n.events, Accounts: account.NewStore(db, keys, hasher), Factors: factor.NewStore(db, keys), Log: zap.NewNop(), Now: c.now})
	must(err)
	t.Cleanup(func() {
		n.Close()
		feed.Close()
		must(db.Close())
	})
	return n
}

// person adds an account; with totp its secret is returned.
func (n *node) person(name string, totp bool) (secret string) {
	n.t.Helper()
	hash, err := n.Accounts.Hash(ctx, password, name)
	if err != nil {
		n.t.Fatal(err)
	}
	err = n.DB.InTx(ctx, func(tx *database.Tx) error {
		a, err := n.Accounts.Create(ctx, tx, n.Now(), name, []string{"user"}, hash)
		if err != nil || !totp {
			return err
		}
		secret = factor.NewTOTPSecret()
		_, err = n.Factors.AddTOTP(ctx, tx, n.Now(), a.ID, "", secret, 0)
		return err
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return secret
}

func attempt(name string) Attempt {
	return Attempt{Username: name, Password: password, UserAgent: "test", Client: reqctx.Client{IP: netip.MustParseAddr("192.0.2.1")}}
}

// login signs in, with the second factor where there is one.
func (n *node) login(name, secret string) Result {
	n.t.Helper()
	r, err := n.Login(ctx, attempt(name))
	if err == nil && r.MFAToken != "" {
		r, err = n.TOTP(ctx, r.MFAToken, n.code(secret, 0), attempt(name))
	}
	if err != nil {
		n.t.Fatal("login:", err)
	}
	return r
}

// code is the TOTP code of the step that is so many away from now.
func (n *node) code(secret string, offset int64) string {
	n.t.Helper()
	c, err := hotp.GenerateCodeCustom(secret, uint64(n.Now().Unix()/30+offset), hotp.ValidateOpts{Digits: otp.DigitsSix})
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

// wrongCode is no code of any step near now.
func (n *node) wrongCode(secret string) string {
	for c := 100000; ; c++ {
		code := string([]byte{byte('0' + c/100000%10), byte('0' + c/10000%10), byte('0' + c/1000%10), byte('0' + c/100%10), byte('0' + c/10%10), byte('0' + c%10)})
		if _, ok := factor.MatchTOTP(secret, code, n.Now()); !ok {
			return code
		}
	}
}

// mustVerify and mustNotVerify ask n about a token as a request would.
func (n *node) mustVerify(raw string) *reqctx.Identity {
	n.t.Helper()
	id, err := n.Verify(ctx, raw)
	if err != nil {
		n.t.Fatal("verify:", err)
	}
	return id
}

func benchNode(b *testing.B) (*node, Result) {
	n := newNode(b)
	n.person("ursula", false)
	return n, n.login("ursula", "")
}
