package telemetry

import (
	"crypto/rand"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"net/http/httptest"

	"github.com/convosphere/gateway/test/kit"
)

// site is a gateway as the demo's Caddyfile has it, with Redis, SQLite and the chat, that tells of itself.
type site struct {
	node      *kit.Node
	collector *collected
	chat      *between
	metrics   string // address of the site with the metrics
	users     map[string]kit.User
	caddyfile string
}

// trusted is the network of the proxies that are trusted.
const trusted = "127.77.0.0/16"

var shared *site

func TestMain(m *testing.M) { kit.Main(m, func(t kit.T) { shared = start(t) }) }

func start(t kit.T) *site {
	s := &site{collector: newCollector(t), metrics: kit.FreeAddr(t), users: map[string]kit.User{}}
	redis := kit.StartRedis(t)
	kit.Secret(redis.Password)
	raw, err := os.ReadFile(filepath.Join(kit.Root(t), "caddyfiles", "demo.Caddyfile"))
	if err != nil {
		t.Fatalf("%v", err)
	}
	chat := kit.FreeAddr(t)
	s.chat = newBetween(t, chat)
	s.caddyfile = strings.NewReplacer(
		"import chat-", "import {$GW_FILES}/chat-",
		"keys {$GW_KEYS}\n", "keys {$GW_KEYS}\n\t\ttracing "+s.collector.URL+"/v1/traces {\n\t\t\tsample 100%\n\t\t\tservice edge\n\t\t\theader Authorization {env.TEST_TOKEN}\n\t\t}\n"+
			"\t\tmonitor {\n\t\t\talert {\n\t\t\t\tchannel ops webhook https://127.0.0.1:1/\n\t\t\t}\n\t\t}\n",
		"\tservers {\n", "\tmetrics\n\tservers {\n\t\ttrusted_proxies static "+trusted+"\n",
	).Replace(string(raw)) + "\nhttp://" + s.metrics + " {\n\tmetrics /metrics\n}\n"
	s.node = kit.Gateway(t, kit.Options{Name: "telemetry", Caddyfile: s.caddyfile, Env: []string{
		"GW_STORE=redis {env.TEST_REDIS}", "TEST_REDIS=" + redis.URL(), "TEST_TOKEN=" + token, "GW_UPSTREAM=" + s.chat.addr,
	}})
	kit.Chat(t, s.node, chat)
	for name, role := range map[string]string{"ursula": "user", "ada": "admin"} {
		u := kit.User{Username: name, Role: role, Password: rand.Text()}
		kit.Secret(u.Password)
		if code, out := s.node.Exec(t, u.Password+"\n", "user", "--config", s.node.Config, "add", name, "--role", role); code != 0 {
			t.Fatalf("adding %s: %s", name, out)
		}
		s.users[name] = u
	}
	s.node.Client(t).Login(t, s.users["ada"]).NewRoom(t, "General", "public")
	return s
}

// between stands between the gateway and the chat, and remembers what it was told of traces.
type between struct {
	addr string
	mu   sync.Mutex
	told map[string]string // traceparent by path
}

func newBetween(t kit.T, chat string) *between {
	b := &between{told: map[string]string{}}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: chat})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.told[r.URL.Path] = r.Header.Get("Traceparent") + " " + r.Header.Get("Tracestate")
		b.mu.Unlock()
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.CloseClientConnections)
	b.addr = strings.TrimPrefix(srv.URL, "http://")
	return b
}

// of is what the back end was told with the last request of a path.
func (b *between) of(path string) (parent, state string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	parent, state, _ = strings.Cut(b.told[path], " ")
	return parent, state
}
