package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/kit"
)

// barred is a gateway behind a proxy that it trusts, so that a test can come from any address, without login.
var barred = strings.Replace(strings.Replace(kit.Globals, "servers {", "servers {\n\t\ttrusted_proxies static 127.0.0.0/8", 1),
	"keys {$GW_KEYS}", "keys {$GW_KEYS}\n\t\tallow 203.0.113.0/28", 1) + `
https://localhost:{$GW_PORT} {
	tls internal
	gw_audit
	gw_client
	reverse_proxy {$GW_UPSTREAM}
}
`

// echoing answers every request, and holds every socket open.
func echoing(t *testing.T) (addr string) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			return
		}
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		_, _, _ = c.Read(context.Background())
		_ = c.CloseNow()
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// A ban said at one node holds at both within moments, for open sockets too, and over a reload; never for the allowlist and the proxies; and a flood of
// refused requests does not fill the log.
func TestBans(t *testing.T) {
	database, keys, back := kit.StartPostgres(t).New(t, "bans"), filepath.Join(t.TempDir(), "keys"), echoing(t)
	start := func(name string) *kit.Node {
		return kit.Gateway(t, kit.Options{Name: name, Caddyfile: barred, Env: []string{"GW_DATABASE=postgres " + database, "GW_KEYS=" + keys, "GW_UPSTREAM=" + back}})
	}
	here, there := start("bans-a"), start("bans-b")
	ban := func(code int, args ...string) string {
		t.Helper()
		got, out := here.Exec(t, "", append(append([]string{"ban"}, args...), "--address", "unix//"+filepath.Join(here.Data, "admin.sock"))...)
		if got != code {
			t.Fatalf("ban %v: exit code %d\n%s", args, got, out)
		}
		return out
	}
	clients := map[*kit.Node]*kit.Client{here: here.Client(t), there: there.Client(t)}
	status := func(n *kit.Node, ip string) int {
		t.Helper()
		return clients[n].Call(t, "GET", "/", nil, kit.With("X-Forwarded-For", ip)).Status
	}
	becomes := func(want int, ips ...string) {
		t.Helper()
		for _, n := range []*kit.Node{here, there} {
			for _, ip := range ips {
				kit.Eventually(t, 30*time.Second, ip, func() bool { return status(n, ip) == want })
			}
		}
	}
	socket, answer := clients[there].Dial(t, kit.With("X-Forwarded-For", "192.0.2.9"))
	if socket == nil {
		t.Fatal(answer.Status)
	}
	ban(0, "add", "192.0.2.0/24", "--for", "1h", "--reason", "it scans")
	becomes(http.StatusForbidden, "192.0.2.7", "::ffff:192.0.2.200")
	becomes(http.StatusOK, "192.0.3.7", "2001:db8::1")
	if code, why := socket.Closed(t, 5*time.Second); code != 1008 || why != "banned" {
		t.Errorf("%d %s", code, why)
	}
	clients[there].Call(t, "GET", "/", nil, kit.With("X-Forwarded-For", "192.0.2.7")).Problem(t, http.StatusForbidden)
	if out := ban(3, "check", "192.0.2.7"); !strings.Contains(out, "192.0.2.0/24 by operator") || !strings.Contains(out, "it scans") {
		t.Error(out)
	}

	// Everybody is banned but those who never are: the allowlist, and the proxy when it calls for itself.
	ban(1, "add", "0.0.0.0/0")
	ban(0, "add", "0.0.0.0/0", "--force")
	becomes(http.StatusForbidden, "192.0.3.7")
	becomes(http.StatusOK, "203.0.113.5", "127.0.0.5")
	if s := clients[there].Call(t, "GET", "/", nil).Status; s != http.StatusOK {
		t.Errorf("the proxy itself: %d", s)
	}
	here.Load(t, barred).Want(t, http.StatusOK)
	becomes(http.StatusForbidden, "192.0.3.7")
	ban(0, "rm", "0.0.0.0/0")
	becomes(http.StatusOK, "192.0.3.7")

	// A list of CrowdSec's, and out again.
	list := filepath.Join(t.TempDir(), "decisions.csv")
	if err := os.WriteFile(list, []byte("duration,scope,value,type,reason\n1h,ip,198.51.100.1,ban,ssh-bf\n1h,range,2001:db8:1::/48,ban,\n1h,ip,203.0.113.1,ban,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := ban(0, "import", list, "--format", "crowdsec"); !strings.Contains(out, "banned 2, were banned already 0, left out 1") {
		t.Error(out)
	}
	becomes(http.StatusForbidden, "198.51.100.1", "2001:db8:1:2::3")
	if out := ban(0, "export", "--source", "import:crowdsec"); out != "198.51.100.1/32\n2001:db8:1::/48\n" {
		t.Error(out)
	}
	ban(0, "rm", "--source", "import:crowdsec")
	becomes(http.StatusOK, "198.51.100.1", "2001:db8:1:2::3")

	// A large one, as blocklists are.
	const large = 100_000
	var all strings.Builder
	for i := range large {
		fmt.Fprintf(&all, "100.%d.%d.%d\n", 64+i>>16, i>>8&255, i&255)
	}
	if err := os.WriteFile(list, []byte(all.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := ban(0, "import", list, "--source", "large", "--for", "1d"); !strings.Contains(out, "banned 100000, ") {
		t.Error(out)
	}
	becomes(http.StatusForbidden, "100.64.0.0", "100.65.134.159")
	becomes(http.StatusOK, "100.66.0.1")
	if out := ban(0, "rm", "--source", "import:large"); !strings.Contains(out, "lifted 100000 bans") {
		t.Error(out)
	}
	becomes(http.StatusOK, "100.64.0.0")

	for range 100 {
		if s := status(there, "192.0.2.66"); s != http.StatusForbidden {
			t.Fatal(s)
		}
	}
	refused, requests := 0, 0
	for _, e := range there.Events(t) {
		switch {
		case e.Str("event.action") == "banned-client-refused" && e.Str("gateway.ban.prefix") == "192.0.2.0/24":
			refused++
		case e.Str("gateway.problem") == "banned":
			requests++
		}
	}
	if refused == 0 || refused > 3 || requests != 0 {
		t.Errorf("%d events of the ban, %d of its requests", refused, requests)
	}
}
