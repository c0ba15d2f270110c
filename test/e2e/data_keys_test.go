package e2e

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// The keys of a room through their life, under traffic at every node: new versions, another wrapping, a pause, the end.
func TestDataKeysCommand(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		petra, elsewhere := s.both(t, "petra")
		room := petra.NewRoom(t, "Keys "+s.name, "private").ID
		other := petra.NewRoom(t, "Other keys "+s.name, "private").ID
		messages, set := kit.RoomPath(room, "messages"), "room/"+room
		keys := func(code int, args ...string) string {
			t.Helper()
			got, out := s.a.Exec(t, "", append(append([]string{"keys"}, args...), "--address", "unix//"+filepath.Join(s.a.Data, "admin.sock"))...)
			if got != code {
				t.Fatalf("keys %v: exit code %d\n%s", args, got, out)
			}
			return out
		}
		petra.Post(t, room, "of the first version")
		petra.Post(t, other, "of another room")

		var stop atomic.Bool
		var wrote, read atomic.Int64
		var wg sync.WaitGroup
		defer func() { // also where a step fails
			stop.Store(true)
			wg.Wait()
		}()
		for i, c := range []*kit.Client{petra, elsewhere} {
			wg.Go(func() {
				for n := 0; !stop.Load(); n++ {
					var a *kit.Answer
					var err error
					if n%2 == i {
						a, err = c.Try("POST", messages, map[string]string{"text": "on its way"})
					} else {
						a, err = c.Try("GET", messages, nil)
					}
					switch {
					case err != nil || a.Status != http.StatusOK && a.Status != http.StatusCreated:
						t.Errorf("while keys rotate: %s", errText(a, err))
						return
					case a.Status == http.StatusCreated:
						wrote.Add(1)
					default:
						read.Add(1)
					}
					time.Sleep(50 * time.Millisecond)
				}
			})
		}
		for range 5 {
			keys(0, "rotate", set)
			before := wrote.Load() + read.Load()
			kit.Eventually(t, 20*time.Second, "requests go on", func() bool { return wrote.Load()+read.Load() > before+6 || t.Failed() })
		}
		if out := keys(0, "rewrap"); !strings.Contains(out, "are wrapped anew, since") {
			t.Error(out)
		}
		stop.Store(true)
		wg.Wait()
		t.Logf("%d messages were written and %d lists read meanwhile", wrote.Load(), read.Load())
		var listed []struct {
			Name     string
			Versions int
		}
		if err := json.Unmarshal([]byte(keys(0, "list", "--prefix", set, "--json")), &listed); err != nil || len(listed) != 1 || listed[0].Versions != 6 {
			t.Fatal(listed, err)
		}
		for _, c := range []*kit.Client{petra, elsewhere} {
			found := map[string]bool{}
			for _, m := range c.Messages(t, room) {
				found[m.Text] = true
			}
			if !found["of the first version"] || !found["on its way"] || len(found) != 2 {
				t.Errorf("what can be read: %v", found)
			}
		}

		keys(0, "disable", set)
		for _, c := range []*kit.Client{petra, elsewhere} {
			kit.Eventually(t, 30*time.Second, "no node uses them", func() bool { return c.Call(t, "GET", messages, nil).Status == http.StatusServiceUnavailable })
			c.Call(t, "POST", messages, map[string]string{"text": "x"}).Problem(t, http.StatusServiceUnavailable)
		}
		keys(0, "enable", set)
		for _, c := range []*kit.Client{petra, elsewhere} {
			kit.Eventually(t, 30*time.Second, "every node uses them", func() bool { return c.Call(t, "GET", messages, nil).Status == http.StatusOK })
		}

		if out := keys(1, "destroy", set); !strings.Contains(out, "--yes") {
			t.Error(out)
		}
		keys(0, "destroy", set, "--yes")
		for _, c := range []*kit.Client{petra, elsewhere} {
			kit.Eventually(t, 30*time.Second, "nobody reads what they encrypted", func() bool {
				for _, m := range c.Messages(t, room) {
					if m.Text != "" {
						return false
					}
				}
				return true
			})
			c.Call(t, "POST", messages, map[string]string{"text": "x"}).Problem(t, http.StatusConflict)
			if all := c.Messages(t, other); len(all) != 1 || all[0].Text != "of another room" {
				t.Errorf("another room: %+v", all)
			}
		}
		keys(0, "new", set)
		for _, c := range []*kit.Client{petra, elsewhere} {
			kit.Eventually(t, 30*time.Second, "the room is written in again", func() bool {
				return c.Call(t, "POST", messages, map[string]string{"text": "anew"}).Status == http.StatusCreated
			})
		}
	})
}

// loadCaddyfile is the chat behind the path without what bounds or inspects, so that the load meets the keys.
const loadCaddyfile = kit.Globals + `
https://localhost:{$GW_PORT} {
	tls internal
	gw_secure {
		without rate_limit waf validate upload
		authorize {
			audience chat
			import {$GW_FILES}/chat-routes.caddy
		}
		protect {
			import {$GW_FILES}/chat-protect.caddy
		}
	}
	reverse_proxy {$GW_UPSTREAM}
}
`

// Keys rotate again and again under as many requests as the machine takes, written and read: none fails.
func TestRotationUnderLoad(t *testing.T) {
	chat := kit.FreeAddr(t)
	n := kit.Gateway(t, kit.Options{Name: "load", Caddyfile: loadCaddyfile, Env: []string{"GW_UPSTREAM=" + chat}})
	kit.Chat(t, n, chat)
	petra := n.Client(t).Login(t, addUser(t, cli{n, []string{"--config", n.Config, "--adapter", "caddyfile"}}, "petra", "premium"))
	room := petra.NewRoom(t, "Load", "private").ID
	messages := kit.RoomPath(room, "messages")
	petra.Post(t, room, "of the first version")

	var stop atomic.Bool
	var done atomic.Int64
	var wg sync.WaitGroup
	defer func() {
		stop.Store(true)
		wg.Wait()
	}()
	began := time.Now()
	for range 24 {
		wg.Go(func() {
			for i := 0; !stop.Load(); i++ {
				want, method, body := http.StatusOK, "GET", any(nil)
				if i%4 == 0 {
					want, method, body = http.StatusCreated, "POST", map[string]string{"text": "on its way"}
				}
				a, err := petra.Try(method, messages+"?limit=10", body)
				if err != nil || a.Status != want {
					t.Errorf("%s while keys rotate: %s", method, errText(a, err))
					return
				}
				done.Add(1)
			}
		})
	}
	for range 10 {
		if code, out := n.Exec(t, "", "keys", "rotate", "room/"+room, "--address", "unix//"+filepath.Join(n.Data, "admin.sock")); code != 0 {
			t.Fatalf("keys rotate: %d %s", code, out)
		}
		before := done.Load()
		kit.Eventually(t, 30*time.Second, "requests go on", func() bool { return done.Load() > before+100 || t.Failed() })
	}
	stop.Store(true)
	wg.Wait()
	t.Logf("%d requests in %s, %.0f a second, through ten rotations", done.Load(), time.Since(began).Round(time.Second), float64(done.Load())/time.Since(began).Seconds())
	if all := petra.Messages(t, room); len(all) == 0 || all[0].Text == "" {
		t.Errorf("what is read at the end: %d messages", len(all))
	}
}
