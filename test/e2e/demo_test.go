package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

// One demo through its life: first start, clean end, second start, kill -9 in the middle of work, third start.
func TestDemoLife(t *testing.T) {
	data, addr := filepath.Join(t.TempDir(), "data"), kit.FreeAddr(t)
	start := func() *kit.Node { return kit.Demo(t, kit.DemoOptions{Data: data, Addr: addr}) }
	var room kit.Room

	first := start()
	t.Run("first start", func(t *testing.T) {
		info, err := os.Stat(filepath.Join(data, "credentials.json"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("credentials.json: %v %v, want mode 0600", info, err)
		}
		_, port, _ := net.SplitHostPort(addr)
		if first.URL != "https://localhost:"+port {
			t.Errorf("url %q", first.URL)
		}
		want := map[string]struct {
			role string
			totp bool
		}{"ursula": {"user", false}, "petra": {"premium", false}, "mona": {"moderator", true}, "ada": {"admin", true}}
		if len(first.Users) != len(want) {
			t.Errorf("people: %d, want one per role", len(first.Users))
		}
		for name, w := range want {
			u := first.Users[name]
			if u.Role != w.role || (u.TOTPSecret != "") != w.totp || len(u.Password) < 10 {
				t.Errorf("%s: role %q, second factor %v, password of %d", name, u.Role, u.TOTPSecret != "", len(u.Password))
			}
		}
		private(t, data, "caddyfiles", "root.crt")
		for name, role := range map[string]string{"ursula": "user", "mona": "moderator"} {
			c := first.Client(t).Login(t, first.Users[name])
			var me struct{ Roles []string }
			c.Call(t, "GET", "/auth/api/session", nil).Want(t, http.StatusOK).JSON(t, &me)
			if len(me.Roles) != 1 || me.Roles[0] != role {
				t.Errorf("%s signs in with roles %q", name, me.Roles)
			}
		}
		c := first.Client(t).Login(t, first.Users["petra"])
		room = c.NewRoom(t, "Kept", "private")
		c.Post(t, room.ID, "before the end")
	})

	t.Run("a busy port and a folder in use are told", func(t *testing.T) {
		for name, args := range map[string][]string{
			"port":   {"--listen", addr, "--data", filepath.Join(t.TempDir(), "other")},
			"folder": {"--listen", kit.FreeAddr(t), "--data", data},
		} {
			if code, out := first.Exec(t, "", append([]string{"demo"}, args...)...); code == 0 || !strings.Contains(out, "in use") && !strings.Contains(out, "using") {
				t.Errorf("a second demo on the same %s: exit code %d\n%s", name, code, out)
			}
		}
	})

	t.Run("SIGTERM ends both processes", func(t *testing.T) {
		family := kit.Descendants(first.Process.PID())
		if len(family) != 1 || family[0].Name != "chat" {
			t.Errorf("children of the demo: %v, want the chat", family)
		}
		if code := first.Process.Stop(t); code != 0 {
			t.Errorf("exit code %d after SIGTERM, want 0", code)
		}
		for _, c := range family {
			if c.Alive() {
				t.Errorf("%v outlived the demo", c)
			}
		}
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			t.Error("somebody still listens")
		}
	})

	second := start()
	var mu sync.Mutex
	var answered []string
	t.Run("a second start keeps all", func(t *testing.T) {
		for name, u := range first.Users {
			if second.Users[name] != u {
				t.Errorf("%s has other credentials", name)
			}
		}
		c := second.Client(t).Login(t, second.Users["petra"])
		if !slices.Contains(c.Rooms(t), room.ID) {
			t.Errorf("the room %s is gone", room.ID)
		}
		if m := c.Messages(t, room.ID); len(m) != 1 || m[0].Text != "before the end" {
			t.Errorf("messages: %+v", m)
		}
		second.Client(t).Login(t, second.Users["ursula"]).Call(t, "GET", kit.RoomPath(room.ID), nil).Refused(t)
	})

	t.Run("kill -9 loses nothing that was answered", func(t *testing.T) {
		c := second.Client(t).Login(t, second.Users["petra"])
		var wg sync.WaitGroup
		enough := make(chan struct{})
		for w := range 3 {
			wg.Add(1)
			d := c.On(t, second)
			go func() {
				defer wg.Done()
				for i := range 200 {
					text := fmt.Sprintf("message %d of %d", i, w)
					a, err := d.Try("POST", kit.RoomPath(room.ID, "messages"), map[string]string{"text": text})
					if err != nil || a.Status != http.StatusCreated {
						return // killed
					}
					mu.Lock()
					answered = append(answered, text)
					if len(answered) == 20 {
						close(enough)
					}
					mu.Unlock()
				}
			}()
		}
		<-enough
		second.Process.Kill(t)
		wg.Wait()
	})

	third := start()
	t.Run("after the kill", func(t *testing.T) {
		c := third.Client(t).Login(t, third.Users["petra"])
		have := map[string]bool{}
		for _, m := range c.Messages(t, room.ID) {
			have[m.Text] = true
			// What is hers is still known to be hers: the grant was stored before the answer.
			if m.Text == "before the end" || m.Text == answered[len(answered)-1] {
				c.Call(t, "DELETE", kit.RoomPath(room.ID, "messages", m.ID), nil).Want(t, http.StatusNoContent)
			}
		}
		for _, text := range answered {
			if !have[text] {
				t.Errorf("%q was answered 201 and is gone", text)
			}
		}
		t.Logf("%d messages were answered before the kill", len(answered))
	})
	third.Process.Stop(t)
}

// private checks that others can't read what lies in the folder, but for the named.
func private(t *testing.T, dir string, except ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Type() != os.ModeSocket && info.Mode().Perm()&0o077 != 0 && !slices.Contains(except, e.Name()) {
			t.Errorf("%s has mode %v: others can read it", filepath.Join(dir, e.Name()), info.Mode())
		}
	}
}
