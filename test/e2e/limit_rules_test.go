package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// ruled is a portal with limits of every kind, behind a proxy that it trusts, so that a test can come from any address. The portal's own wait for
// guesses is far off.
var ruled = strings.NewReplacer("servers {", "servers {\n\t\ttrusted_proxies static 127.0.0.0/8", "\tkeys {$GW_KEYS}\n", `	keys {$GW_KEYS}
		identity {
			throttle {
				client 1000
				account 1000
				pair 1000
				challenge 1000
			}
		}
`).Replace(kit.Globals) + `
https://localhost:{$GW_PORT} {
	tls internal
	gw_audit
	gw_client
	gw_authenticate
	gw_rate_limit {
		defaults off
		exempt 203.0.113.0/24
		zone names {
			match POST /auth/api/login
			key json:/username
			rate 5/1h
			count status 401
		}
		zone daily {
			match GET /daily/*
			key user
			quota 3/day
			exempt role admin
		}
		zone sizes {
			match POST /sizes
			rate 10/1h
			cost bytes 1KiB
		}
		zone rooms {
			match /rooms/*
			key route
			rate 2/1h
			shadow
		}
	}
	gw_portal
	respond ok 200
}
`

// The rules hold through the whole binary over a Redis, and what other limits would have done is told from its events.
func TestRulesOfLimits(t *testing.T) {
	redis := kit.StartRedis(t)
	kit.Secret(redis.Password)
	n := kit.Gateway(t, kit.Options{Name: "ruled", Caddyfile: ruled, Env: []string{"GW_STORE=redis " + redis.URL()}})
	place := cli{n, []string{"--config", n.Config}}
	users := map[string]kit.User{"ada": addUser(t, place, "ada", "admin"), "uma": addUser(t, place, "uma", "user")}
	c := n.Client(t)
	login := func(name, password string, i int) int {
		return c.Call(t, "POST", "/auth/api/login", map[string]string{"username": name, "password": password}, kit.With("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i))).Status
	}

	t.Run("a quota by person", func(t *testing.T) {
		for name, want := range map[string][]int{"uma": {200, 200, 200, 429}, "ada": {200, 200, 200, 200, 200}} {
			s := n.Client(t).Login(t, kit.User{Username: name, Password: users[name].Password})
			for i, status := range want {
				if a := s.Call(t, "GET", fmt.Sprintf("/daily/%d", i), nil); a.Status != status {
					t.Errorf("%s: %d is %d", name, i, a.Status)
				}
			}
		}
	})
	t.Run("a cost by size", func(t *testing.T) {
		for i, want := range []int{200, 200, 429} {
			if a := c.Call(t, "POST", "/sizes", map[string]string{"x": strings.Repeat("x", 4<<10)}, kit.With("X-Forwarded-For", "198.51.100.90")); a.Status != want {
				t.Errorf("%d is %d", i, a.Status)
			}
		}
		for i := range 5 {
			if a := c.Call(t, "POST", "/sizes", map[string]string{"x": strings.Repeat("x", 4<<10)}, kit.With("X-Forwarded-For", "203.0.113.9")); a.Status != 200 {
				t.Errorf("who is exempt: %d is %d", i, a.Status)
			}
		}
	})
	t.Run("a shadow refuses nothing", func(t *testing.T) {
		for i := range 5 {
			if a := c.Call(t, "GET", fmt.Sprintf("/rooms/%d", i), nil); a.Status != 200 || strings.Contains(a.Header.Get("RateLimit"), "rooms") {
				t.Errorf("%d is %d %v", i, a.Status, a.Header)
			}
		}
	})
	t.Run("wrong answers alone count by the name", func(t *testing.T) {
		for i := range 8 {
			if status := login("uma", users["uma"].Password, i); status != http.StatusOK {
				t.Fatalf("a right one is %d", status)
			}
		}
		looked := 0
		for i, name := range []string{"uma", "UMA", " uma", "ｕｍａ", "uma\u00a0", "Uma", "uMa", "uma"} {
			if status := login(name, "wrong", 20+i); status == http.StatusUnauthorized {
				looked++
			} else if status != http.StatusTooManyRequests {
				t.Errorf("%q is %d", name, status)
			}
		}
		if looked != 5 {
			t.Errorf("%d guesses were looked at", looked)
		}
		if status := login("nobody", "wrong", 40); status != http.StatusUnauthorized {
			t.Errorf("another name is %d", status)
		}
	})
	t.Run("simulated", func(t *testing.T) {
		events := filepath.Dir(n.EventFiles(t)[0])
		other := n.Config + ".other"
		if err := os.WriteFile(other, []byte(strings.NewReplacer("rate 2/1h\n\t\t\tshadow", "rate 2/1h", "quota 3/day", "quota 100/day").Replace(ruled)), 0o600); err != nil {
			t.Fatal(err)
		}
		kit.Eventually(t, 30*time.Second, "the last event", func() bool {
			code, out := n.Exec(t, "", "limit", "simulate", events, "--config", other, "--adapter", "caddyfile")
			return code == 3 && strings.Contains(out, "route=/rooms/* ×3") && strings.Contains(out, "unknown: zone names: it counts by json:/username")
		})
	})
}
