package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// site is a running gateway with the chat behind it.
type site struct {
	name  string
	a, b  *kit.Node // where one acts, and where one looks; the same in the demo
	users map[string]kit.User
	chat  string // the back end's own address
	keys  string // the folder of the key ring

	redis    *kit.Redis // nil in the demo
	database string     // of PostgreSQL; "" in the demo

	mu      sync.Mutex
	clients map[string]*kit.Client
}

// The sites of all tests of this package. Starting one takes seconds.
var (
	memory, fleet *site
	own           *ownSite
)

func TestMain(m *testing.M) {
	kit.Main(m, func(t kit.T) {
		memory = startDemo(t)
		fleet = startFleet(t)
		own = startOwn(t)
	})
}

func startDemo(t kit.T) *site {
	n := kit.Demo(t, kit.DemoOptions{})
	return &site{name: "memory", a: n, b: n, users: n.Users, chat: n.ChatAddr(t), keys: filepath.Join(n.Data, "keys")}
}

// startFleet runs two gateways as the demo's Caddyfile has them, each with its own folder for events, one PostgreSQL and one key ring between
// them, one Redis, one chat.
func startFleet(t kit.T) *site {
	database := kit.StartPostgres(t).New(t, "gateway")
	redis := kit.StartRedis(t)
	kit.Secret(redis.Password)
	shared := t.TempDir()
	chat := kit.FreeAddr(t)
	start := func(name string) *kit.Node {
		return kit.Gateway(t, kit.Options{
			Name: name, File: filepath.Join(kit.Root(t), "caddyfiles", "demo.Caddyfile"),
			Env: []string{
				// As in production: what holds a password is filled in at load, so that no configuration shows it.
				"GW_STORE=redis {env.TEST_REDIS}", "GW_DATABASE=postgres {env.TEST_POSTGRES}", "TEST_REDIS=" + redis.URL(), "TEST_POSTGRES=" + database,
				"GW_KEYS=" + filepath.Join(shared, "keys"), "GW_UPSTREAM=" + chat,
			},
		})
	}
	s := &site{name: "redis", redis: redis, database: database, a: start("node-a"), chat: chat, keys: filepath.Join(shared, "keys"), users: map[string]kit.User{}}
	s.b = start("node-b")
	kit.Chat(t, s.a, chat)
	for name, role := range map[string]string{"ursula": "user", "petra": "premium", "mona": "moderator", "ada": "admin"} {
		s.users[name] = addUser(t, s.cli(), name, role)
	}
	// The demo turns mona's second factor on by itself; here she does, as people do.
	mona := s.users["mona"]
	mona.TOTPSecret = enrol(t, s.a.Client(t).Login(t, mona))
	s.users["mona"] = mona
	s.a.Client(t).Login(t, s.users["ada"]).NewRoom(t, "General", "public")
	return s
}

// enrol turns the second factor on and returns its secret.
func enrol(t kit.T, c *kit.Client) string {
	t.Helper()
	var e struct{ Token, Secret, URI, QR string }
	c.Call(t, "POST", "/auth/api/account/totp", map[string]string{}).Want(t, http.StatusOK).JSON(t, &e)
	if e.Token == "" || e.Secret == "" || !strings.HasPrefix(e.URI, "otpauth://totp/") || !strings.HasPrefix(e.QR, "data:image/png;base64,") {
		t.Fatalf("enrolment: token %v, secret %v, uri %q, qr %.30q", e.Token != "", e.Secret != "", e.URI, e.QR)
	}
	code := kit.Code(t, e.Secret)
	kit.Secret(e.Secret, e.Token, code)
	c.Call(t, "POST", "/auth/api/account/totp/confirm", map[string]string{"token": e.Token, "code": code}).Want(t, http.StatusOK)
	return e.Secret
}

// each runs the test against both sites.
func each(t *testing.T, f func(t *testing.T, s *site)) {
	t.Helper()
	for _, s := range []*site{memory, fleet} {
		t.Run(s.name, func(t *testing.T) { f(t, s) })
	}
}

// as returns the person's client at a: signed in once, since logins are slow on purpose and limited. Tests that end
// sessions sign in for themselves.
func (s *site) as(t *testing.T, name string) *kit.Client {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients == nil {
		s.clients = map[string]*kit.Client{}
	}
	c := s.clients[name]
	if c == nil {
		u, ok := s.users[name]
		if !ok {
			t.Fatalf("%s has no user %s", s.name, name)
		}
		c = s.a.Client(t).Login(t, u)
		s.clients[name] = c
		time.AfterFunc(4*time.Minute, func() { // before the token expires
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.clients, name)
		})
	}
	return c.On(t, s.a)
}

// on returns the person's client at both nodes.
func (s *site) both(t *testing.T, name string) (a, b *kit.Client) {
	t.Helper()
	a = s.as(t, name)
	return a, a.On(t, s.b)
}

// nodes lists the gateways once each.
func (s *site) nodes() []*kit.Node {
	if s.a == s.b {
		return []*kit.Node{s.a}
	}
	return []*kit.Node{s.a, s.b}
}
