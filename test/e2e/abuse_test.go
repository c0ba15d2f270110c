package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// watched is a gateway behind a proxy that it trusts, so that a test can come from any address. Refusals count so much that the test need not
// hammer for minutes.
var watched = strings.Replace(strings.Replace(kit.Globals, "servers {", "servers {\n\t\ttrusted_proxies static 127.0.0.0/8", 1),
	"keys {$GW_KEYS}", `keys {$GW_KEYS}
		allow 203.0.113.0/28
		abuse {
			points limited 30
			half_life 20m
			ban 150 1h 3h
		}`, 1) + `
https://localhost:{$GW_PORT} {
	tls internal
	gw_audit
	gw_client
	gw_rate_limit {
		zone client {
			rate 40/1m
		}
	}
	gw_waf
	reverse_proxy {$GW_UPSTREAM}
}
`

// An attacker at two gateways of one fleet climbs level by level, until it is banned at both; a neighbour and the allowlist notice nothing.
func TestAbuse(t *testing.T) {
	redis, database, keys, back := kit.StartRedis(t), kit.StartPostgres(t).New(t, "abuse"), filepath.Join(t.TempDir(), "keys"), echoing(t)
	start := func(name string) *kit.Node {
		return kit.Gateway(t, kit.Options{Name: name, Caddyfile: watched, Env: []string{
			"GW_STORE=redis " + redis.URL(), "GW_DATABASE=postgres " + database, "GW_KEYS=" + keys, "GW_UPSTREAM=" + back,
		}})
	}
	here, there := start("abuse-a"), start("abuse-b")
	clients := map[*kit.Node]*kit.Client{here: here.Client(t), there: there.Client(t)}
	const bad, neighbour, allowed = "192.0.2.66", "192.0.2.67", "203.0.113.5"
	send := func(n *kit.Node, ip, uri string) *kit.Answer {
		t.Helper()
		return clients[n].Call(t, "GET", uri, nil, kit.With("X-Forwarded-For", ip))
	}
	attack := func(n *kit.Node, ip string) int { return send(n, ip, "/?q=%3Cscript%3Ealert(1)%3C/script%3E").Status }
	run := func(args ...string) (int, string) {
		return there.Exec(t, "", append(append([]string{"abuse"}, args...), "--address", "unix//"+filepath.Join(there.Data, "admin.sock"))...)
	}
	is := func(level string) {
		t.Helper()
		kit.Eventually(t, 30*time.Second, level, func() bool {
			_, out := run("status", bad)
			return strings.Contains(out, bad+"/32") && strings.Contains(out, " "+level+" ")
		})
	}

	is("none")
	for _, n := range []*kit.Node{here, there, here} {
		if s := attack(n, bad); s != http.StatusForbidden {
			t.Fatal(s)
		}
		attack(n, allowed)
	}
	is("tight") // of what both saw
	if p := send(there, bad, "/").Header.Get("RateLimit-Policy"); !strings.Contains(p, `"client";q=10`) {
		t.Error(p)
	}
	if p := send(there, neighbour, "/").Header.Get("RateLimit-Policy"); !strings.Contains(p, `"client";q=40`) {
		t.Error(p)
	}
	for range 3 {
		attack(here, bad)
	}
	is("challenged")
	challenged := send(there, bad, "/")
	if challenged.Status != http.StatusForbidden || !strings.Contains(string(challenged.Body), "challenge-required") {
		t.Errorf("%d %s", challenged.Status, challenged.Body)
	}
	// It goes on, faster than anybody may.
	kit.Eventually(t, 60*time.Second, "a ban", func() bool {
		for range 30 {
			send(here, bad, "/")
		}
		return strings.Contains(string(send(there, bad, "/").Body), "problem:banned")
	})
	is("banned")
	kit.Eventually(t, 30*time.Second, "the ban at both", func() bool { return strings.Contains(string(send(here, bad, "/").Body), "problem:banned") })
	for _, ip := range []string{neighbour, allowed} {
		for _, n := range []*kit.Node{here, there} {
			if s := send(n, ip, "/").Status; s != http.StatusOK {
				t.Errorf("%s: %d", ip, s)
			}
		}
	}
	for range 20 { // whoever is on the allowlist may be the operator's own scanner
		attack(here, allowed)
	}
	if code, out := run("status", allowed); code != 0 || !strings.Contains(out, "never counted") {
		t.Error(code, out)
	}
	if code, out := run("status", bad); code != 3 || !strings.Contains(out, "banned until") {
		t.Error(code, out)
	}
	if code, out := run("status", neighbour); code != 0 || !strings.Contains(out, "none") {
		t.Error(code, out)
	}
	if code, out := run("status", "--json"); code != 0 || !strings.Contains(out, `"client": "192.0.2.66/32"`) || strings.Contains(out, allowed) {
		t.Error(code, out)
	}

	var levels []string
	for _, n := range []*kit.Node{here, there} {
		for _, e := range n.Events(t) {
			if e.Str("event.action") != "abuse-level" {
				continue
			}
			if e.Str("event.category") != "intrusion_detection" || e.Str("source.ip") != bad {
				t.Error(e)
			}
			levels = append(levels, e.Str("gateway.abuse.level"))
		}
	}
	for _, level := range []string{"tight", "challenged", "banned"} {
		if !strings.Contains(strings.Join(levels, " "), level) {
			t.Errorf("no event of %s: %v", level, levels)
		}
	}

	// An operator thinks better of it: at once at both nodes nothing is left.
	address := "unix//" + filepath.Join(there.Data, "admin.sock")
	if code, out := there.Exec(t, "", "ban", "rm", bad, "--address", address); code != 0 {
		t.Fatal(out)
	}
	if code, out := run("forgive", bad); code != 0 {
		t.Fatal(out)
	}
	is("none") // before it sends anything: what it sent lately can still be more than its limit, and counts anew
	banned := func(n *kit.Node) bool { return strings.Contains(string(send(n, bad, "/").Body), "problem:banned") }
	kit.Eventually(t, 30*time.Second, "forgiveness", func() bool { return !banned(here) && !banned(there) })
}
