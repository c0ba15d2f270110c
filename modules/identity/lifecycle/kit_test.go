package lifecycle

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/identity/mail"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/mailtest"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/store"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(dbtest.Both(m), goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}

var ctx = context.Background()

const (
	password = "otter-lamp-quarry-58"
	another  = "violet-anchor-tulip-93"
	base     = "https://acme.example"
)

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

func (r *recorder) text() (s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.all {
		s += fmt.Sprintf("%+v\n", *e)
	}
	return s
}

func (r *recorder) count(action string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.all {
		if e.Action == action {
			n++
		}
	}
	return n
}

// house is a gateway's identity with a mail server beside it.
type house struct {
	*Desk
	t        *testing.T
	clock    *clock
	events   *recorder
	server   *mailtest.Server
	sessions *session.Manager
	postman  *mail.Postman
	hasher   *account.Hasher
	mails    int
}

func newHouse(t *testing.T, registration string) *house {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	keys, err := keyring.Open(filepath.Join(t.TempDir(), "keys"))
	must(err)
	db, err := database.Open(ctx, dbtest.New(t))
	must(err)
	feed, err := database.NewFeed(ctx, db)
	must(err)
	hasher, err := account.NewHasher(account.Params{Memory: 64, Time: 1, Threads: 1})
	must(err)
	server, _ := mailtest.Start(t)
	config := mail.Config{Server: "smtp://" + server.Addr, From: "no-reply@acme.example", CA: server.CA, Service: "Acme"}
	client, err := mail.NewClient(config)
	must(err)
	texts, err := mail.NewTexts(config)
	must(err)

	h := &house{t: t, clock: &clock{t: time.Now().Truncate(time.Second)}, events: &recorder{}, server: server, hasher: hasher}
	h.Desk = &Desk{Config{Registration: registration, Role: "user", BaseURL: base}, Resources{
		DB: db, Keys: keys, Store: store.NewMemory(0), Accounts: account.NewStore(db, keys, hasher), Factors: factor.NewStore(db, keys),
		Box: &mail.Box{DB: db, Keys: keys}, Events: h.events, Now: h.clock.now,
	}}
	must(h.Config.Check(true))
	h.sessions, err = session.New(ctx, session.Config{
		Issuer: "gateway", Audience: "gateway", Label: "Acme", Access: 5 * time.Minute, Idle: 30 * time.Minute, Absolute: 12 * time.Hour, MaxSessions: 50,
	}, session.Resources{
		DB: db, Feed: feed, Store: h.Store, Keys: keys, Events: h.events, Accounts: h.Accounts, Factors: h.Factors, Notices: h.Desk, Log: zap.NewNop(), Now: h.clock.now,
	})
	must(err)
	h.Commit, h.Forgive = h.sessions, h.sessions.Forgive
	h.postman = mail.NewPostman(mail.Postman{Box: h.Box, Client: client, Texts: texts, Ready: h.Ready, Log: zap.NewNop(), Now: h.clock.now})
	h.Wake = h.postman.Wake
	h.postman.Start(ctx)
	t.Cleanup(func() {
		h.postman.Close()
		h.sessions.Close()
		feed.Close()
		must(db.Close())
	})
	return h
}

// caller is a client at an address of its own.
func caller(n int) session.Attempt {
	return session.Attempt{UserAgent: "test", Client: reqctx.Client{IP: netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})}}
}

// next waits for one more mail.
func (h *house) next() mailtest.Mail {
	h.t.Helper()
	h.mails++
	h.wake() // else within a second
	return h.server.Wait(h.t, h.mails)
}

// quiet fails if a mail comes that was not waited for. It waits until nothing is due.
func (h *house) quiet() {
	h.t.Helper()
	h.wake()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var n int
		if err := h.DB.QueryRow(ctx, `SELECT COUNT(*) FROM outbox`).Scan(&n); err != nil {
			h.t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	if got := len(h.server.Mails()); got != h.mails {
		h.t.Fatalf("%d mails came, not %d: %+v", got, h.mails, h.server.Mails()[h.mails:])
	}
}

var links = regexp.MustCompile(regexp.QuoteMeta(base) + `/auth/([a-z/]+)(?:#(?:email\.)?([A-Z2-7]{26}))?\n`)

// link is the page and the secret of a mail.
func link(t *testing.T, m mailtest.Mail) (page, secret string) {
	t.Helper()
	found := links.FindStringSubmatch(m.Text)
	if found == nil {
		t.Fatalf("no link in: %s", m.Text)
	}
	return found[1], found[2]
}

// person adds an account.
func (h *house) person(name, email string, roles ...string) account.Account {
	h.t.Helper()
	if roles == nil {
		roles = []string{"user"}
	}
	a, err := h.Create(ctx, Operator{}, name, password, email, roles, nil)
	if err == nil {
		a, err = h.Accounts.ByID(ctx, a.ID)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

func (h *house) login(name, password string) (session.Result, error) {
	t := caller(1)
	t.Username, t.Password = name, password
	return h.sessions.Login(ctx, t)
}

func (h *house) mustLogin(name, password string) session.Result {
	h.t.Helper()
	r, err := h.login(name, password)
	if err != nil || r.Tokens == nil {
		h.t.Fatalf("login of %s: %v", name, err)
	}
	return r
}

// again reads the account anew.
func (h *house) again(a account.Account) account.Account {
	h.t.Helper()
	now, err := h.Accounts.ByID(ctx, a.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return now
}
