package host

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/standard"
	_ "github.com/caddyserver/caddy/v2/modules/caddypki"
	_ "github.com/caddyserver/caddy/v2/modules/caddytls"

	"github.com/convosphere/gateway/modules/internal/inforce"
)

// secrets stand in the configuration below, each at a place where operators put one.
var secrets = []string{"s3cret-of-the-header", "pa55word-of-the-proxy", "aHVudGVyMi1oYXNo", "bearer-token-0123456789", "hazel", "maple"}

const runningConfig = `{
	"admin": {"listen": "127.0.0.1:0", "enforce_origin": true, "config": {"persist": false}},
	"apps": {"http": {"grace_period": "3s", "servers": {
		"main": {
			"listen": ["127.0.0.1:0"], "automatic_https": {"disable": true}, "read_header_timeout": "7s",
			"trusted_proxies": {"source": "static", "ranges": ["192.0.2.0/24"]},
			"tls_connection_policies": [{"protocol_min": "tls1.3", "client_authentication": {"mode": "require"}}],
			"routes": [
				{"match": [{"host": ["a.example", "b.example"]}], "terminal": true, "handle": [{"handler": "subroute", "routes": [
					{"handle": [{"handler": "authentication", "providers": {"http_basic": {"accounts": [{"username": "ursula", "password": "aHVudGVyMi1oYXNo"}]}}}]},
					{"match": [{"path": ["/x/*"]}], "handle": [{"handler": "headers", "request": {"set": {"X-Api-Key": ["s3cret-of-the-header"], "Authorization": ["Bearer bearer-token-0123456789"], "X-Team": ["hazel"]}}, "response": {"set": {"X-Fine": ["seen"]}}}]},
					{"match": [{"header": {"X-Origin": ["maple"]}}], "handle": [{"handler": "static_response", "status_code": 200}]},
					{"handle": [{"handler": "reverse_proxy", "upstreams": [{"dial": "127.0.0.1:1"}],
						"transport": {"protocol": "http", "network_proxy": {"from": "url", "url": "http://me:pa55word-of-the-proxy@127.0.0.1:2"}, "tls": {"insecure_skip_verify": true}},
						"load_balancing": {"selection_policy": {"policy": "ip_hash"}}}]}
				]}]},
				{"handle": [{"handler": "static_response", "status_code": 421}]}
			]
		},
		"second": {"listen": ["127.0.0.2:0"], "automatic_https": {"disable": true}, "routes": []}
	}}}
}`

func run(t *testing.T, config string) inforce.Gateway {
	t.Helper()
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	if err := caddy.Load([]byte(config), true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	g, err := Running()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// What is in force is told whole, also where Caddy has thrown away what it read.
func TestRunning(t *testing.T) {
	g := run(t, runningConfig)
	if len(g.Servers) != 2 || g.Servers[0].Name != "main" {
		t.Fatalf("servers: %+v", g.Servers)
	}
	main := g.Servers[0]
	if len(main.Sites) != 2 || main.Sites[0].Name() != "a.example, b.example" || main.Sites[1].Name() != "any other host" {
		t.Fatalf("sites: %+v", main.Sites)
	}
	var modules []string
	for _, h := range main.Sites[0].Handlers {
		modules = append(modules, h.Module)
	}
	if got := strings.Join(modules, " "); got != "authentication headers static_response reverse_proxy" {
		t.Fatalf("handlers: %s", got)
	}
	headers, proxy := main.Sites[0].Handlers[1], main.Sites[0].Handlers[3]
	if len(headers.Match) != 1 || len(proxy.Match) != 0 {
		t.Errorf("conditions: %v, %v", headers.Match, proxy.Match)
	}
	for path, want := range map[string]any{"transport.protocol": "http", "transport.tls.insecure_skip_verify": true, "load_balancing.selection_policy.policy": "ip_hash"} {
		if got := inforce.Get(proxy.Settings, path); got != want {
			t.Errorf("the proxy's %s is %v", path, got)
		}
	}
	if len(main.TLS) != 1 || inforce.Text(main.TLS[0], "protocol_min") != "tls1.3" || inforce.Text(main.TLS[0], "client_authentication.mode") != "require" {
		t.Errorf("TLS: %v", main.TLS)
	}
	if got := inforce.Age(main.Settings, "read_header_timeout"); got != 7*time.Second {
		t.Errorf("read_header_timeout: %v", got)
	}
	if got := inforce.Age(main.Settings, "idle_timeout"); got != 5*time.Minute {
		t.Errorf("what Caddy does by default is not told: idle_timeout %v", got)
	}
	if got := inforce.Text(main.Settings, "trusted_proxies.source"); got != "static" {
		t.Errorf("trusted_proxies: %v", main.Settings["trusted_proxies"])
	}
	if !inforce.True(g.Admin, "enforce_origin") || inforce.Text(g.Admin, "listen") != "127.0.0.1:0" {
		t.Errorf("the admin endpoint: %v: does this Caddy keep its configuration elsewhere?", g.Admin)
	}
	if got := inforce.Age(g.Apps["http"], "grace_period"); got != 3*time.Second {
		t.Errorf("grace_period: %v", got)
	}
}

// Whoever may look at settings learns no secret from them.
func TestRunningHidesSecrets(t *testing.T) {
	g := run(t, runningConfig)
	raw, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range secrets {
		if strings.Contains(string(raw), s) {
			t.Errorf("%s stands in the settings", s)
		}
	}
	for _, shown := range []string{`"X-Fine":["seen"]`, `"dial":"127.0.0.1:1"`} {
		if !strings.Contains(string(raw), shown) {
			t.Errorf("%s is hidden, too: %s", shown, raw)
		}
	}
}

// Before a configuration is in force there is nothing to tell.
func TestRunningNothing(t *testing.T) {
	if _, err := running(caddy.Context{}); err == nil {
		t.Fatal("settings of nothing")
	}
}
