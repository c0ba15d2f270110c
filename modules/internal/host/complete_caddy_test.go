package host

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/test/kit"
	"github.com/convosphere/gateway/test/stop"
)

// Caddy's own admin endpoint answers, wherever it listens: it refuses a request over a Unix socket that says which origin it comes from.
func TestCompletionAsksCaddysAdmin(t *testing.T) {
	for name, listen := range map[string]string{"unix": "unix/" + filepath.Join(t.TempDir(), "admin.sock"), "unix with a mode": "unix/" + filepath.Join(t.TempDir(), "admin.sock|0600"), "tcp": kit.FreeAddr(t)} {
		t.Run(name, func(t *testing.T) {
			config := fmt.Sprintf(`{"admin":{"listen":%q,"enforce_origin":%t,"config":{"persist":false}},"logging":{"logs":{"default":{"level":"PANIC"}}},
				"apps":{"http":{"servers":{"s":{"routes":[{"group":"one"},{"group":"two"}]}}}}}`, listen, name == "tcp")
			if err := caddy.Load([]byte(config), true); err != nil {
				t.Fatal(err)
			}
			stop.After(t)
			offered := Help{Args: []Words{Listed("/config/apps/http/servers/s", "routes", "group", "")}}
			if got := strings.Join(completed(t, offered, "--address", listen, ""), ","); got != "one,two" {
				t.Errorf("offered %q", got)
			}
		})
	}
}
