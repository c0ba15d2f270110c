// Package fleet runs gateways that belong together, for programs that load them: the demo's Caddyfile on each, one Redis, one PostgreSQL and one key
// ring between them, the chat behind them.
package fleet

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/convosphere/gateway/test/kit"
)

// Options of Start.
type Options struct {
	Gateways int
	// Lines to add to the demo's Caddyfile: into its global options, the block of the app, and that of gw_secure.
	Servers, App, Secure string
	Postgres             []string // settings of the server
}

// Fleet is all that runs.
type Fleet struct {
	Redis    *kit.Redis
	Postgres kit.Postgres
	Database string // its URL
	Config   string // the text of the Caddyfile in force
	Nodes    []*kit.Node
	Chat     *kit.Process

	// Via are connections to each gateway, shared by all traffic as those of a load balancer are.
	Via []*kit.Client

	env      []string
	upstream string // where the chat listens
	kept     string // its folder
	down     []atomic.Bool
	turn     atomic.Uint32
}

// Lines that Options add to stand behind texts that are once in the demo's Caddyfile.
const (
	servers = "max_header_size 16KiB\n"
	app     = "\tgateway {\n"
	secure  = "protocols tls1.3\n\t}\n\n\tgw_secure {\n"
)

// Configured is the demo's Caddyfile with what the options add.
func Configured(t kit.T, o Options) string {
	t.Helper()
	folder := filepath.Join(kit.Root(t), "caddyfiles")
	b, err := os.ReadFile(filepath.Join(folder, "demo.Caddyfile"))
	if err != nil {
		t.Fatalf("the Caddyfile: %v", err)
	}
	text := string(b)
	for behind, lines := range map[string]string{servers: o.Servers, app: o.App, secure: o.Secure} {
		if strings.Count(text, behind) != 1 {
			t.Fatalf("the demo's Caddyfile has %q not once any more", behind)
		}
		text = strings.Replace(text, behind, behind+lines, 1)
	}
	return strings.ReplaceAll(text, "import chat-", "import "+folder+"/chat-") // what is posted has no folder of its own
}

// Start starts everything.
func Start(t kit.T, o Options) *Fleet {
	t.Helper()
	f := &Fleet{
		Redis: kit.StartRedis(t), Postgres: kit.StartPostgres(t, o.Postgres...), Config: Configured(t, o),
		Nodes: make([]*kit.Node, o.Gateways), Via: make([]*kit.Client, o.Gateways), down: make([]atomic.Bool, o.Gateways),
		upstream: kit.FreeAddr(t), kept: filepath.Join(t.TempDir(), "chat"),
	}
	f.Database = f.Postgres.New(t, "gateway")
	f.env = []string{
		"GW_STORE=redis {env.TEST_REDIS}", "GW_DATABASE=postgres {env.TEST_POSTGRES}", "TEST_REDIS=" + f.Redis.URL(), "TEST_POSTGRES=" + f.Database,
		"GW_KEYS=" + filepath.Join(t.TempDir(), "keys"), "GW_UPSTREAM=" + f.upstream,
	}
	for i := range f.Nodes {
		f.start(t, i, kit.Options{Name: fmt.Sprintf("gateway-%d", i+1)})
		f.Via[i] = f.Nodes[i].Client(t)
		if tr, ok := f.Via[i].HTTP.Transport.(*http.Transport); ok {
			tr.MaxIdleConnsPerHost = 64
		}
	}
	f.StartChat(t)
	return f
}

func (f *Fleet) start(t kit.T, i int, o kit.Options) {
	t.Helper()
	o.Caddyfile, o.Env = f.Config, f.env
	f.Nodes[i] = kit.Gateway(t, o)
}

// Restart ends a gateway as end does, and starts it again where it was. Meanwhile Pick names another.
func (f *Fleet) Restart(t kit.T, i int, end func(*kit.Process)) {
	t.Helper()
	n := f.Nodes[i]
	f.down[i].Store(true)
	end(n.Process)
	f.start(t, i, kit.Options{Name: n.Name, Addr: n.Addr, Data: n.Data})
	f.down[i].Store(false)
}

// StartChat starts the chat where it always is, with what it had.
func (f *Fleet) StartChat(t kit.T) {
	t.Helper()
	n := f.Nodes[0]
	f.Chat = kit.Start(t, kit.Command{Name: "chat", Path: kit.Binaries(t).Chat, Args: []string{
		"--listen", f.upstream, "--data", f.kept,
		"--jwks", n.URL + "/.well-known/jwks.json", "--jwks-ca", filepath.Join(n.Data, "caddy", "pki", "authorities", "local", "root.crt"),
	}})
	f.Chat.WaitLine(t, "ready", kit.ReadyWithin)
}

// Pick is the gateway that the next request goes to: each in turn, but one that is being restarted.
func (f *Fleet) Pick() int {
	i := int(f.turn.Add(1)) % len(f.Nodes)
	if f.down[i].Load() {
		return (i + 1) % len(f.Nodes)
	}
	return i
}

// AddUser makes an account by the command that operators make them with.
func (f *Fleet) AddUser(t kit.T, name, role string) kit.User {
	t.Helper()
	n := f.Nodes[0]
	u := kit.User{Username: name, Role: role, Password: rand.Text()}
	if code, out := n.Exec(t, u.Password+"\n", "user", "add", name, "--role", role, "--config", n.Config, "--adapter", "caddyfile"); code != 0 {
		t.Fatalf("adding %s: %s", name, out)
	}
	return u
}
