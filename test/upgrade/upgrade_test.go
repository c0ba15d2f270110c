package upgrade

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// versions are the programs that tests run beside each other.
type versions struct {
	old Release
}

func releases(t *testing.T) versions {
	t.Helper()
	old, err := Previous(kit.Root(t))
	if err != nil {
		t.Fatal(err)
	}
	return versions{old}
}

// start starts a node of the old release or of this one, each with the Caddyfile of its own.
func (v versions) start(t *testing.T, name string, old bool, env ...string) *kit.Node {
	t.Helper()
	o := kit.Options{Name: name, File: filepath.Join(kit.Root(t), "caddyfiles", "demo.Caddyfile"), Env: env}
	if old {
		o.Program, o.File = v.old.Gateway, filepath.Join(v.old.Source, "caddyfiles", "demo.Caddyfile")
		o.Env = append(o.Env, "GW_FILES="+filepath.Join(v.old.Source, "caddyfiles"))
	}
	return kit.Gateway(t, o)
}

const password = "otter-lamp-quarry-58"

func addUser(t *testing.T, n *kit.Node, name, role string) kit.User {
	t.Helper()
	kit.Secret(password)
	if code, out := n.Exec(t, password+"\n", "user", "add", name, "--role", role, "--config", n.Config, "--adapter", "caddyfile"); code != 0 {
		t.Fatalf("user add: %d %s", code, out)
	}
	return kit.User{Username: name, Password: password, Role: role}
}

// traffic asks nodes for rooms and posts messages until it is stopped, and counts.
type traffic struct {
	sent, answered atomic.Int64
	mu             sync.Mutex
	odd            []string
	texts          []string // acknowledged
	stop           chan struct{}
	done           sync.WaitGroup
}

func (tr *traffic) on(c *kit.Client, node, room string) {
	tr.done.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-tr.stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
			tr.one(c, "GET", "/api/rooms", nil, http.StatusOK)
			text := fmt.Sprintf("%s %d", node, i)
			if i%4 == 0 && tr.one(c, "POST", kit.RoomPath(room, "messages"), map[string]string{"text": text}, http.StatusCreated) {
				tr.mu.Lock()
				tr.texts = append(tr.texts, text)
				tr.mu.Unlock()
			}
		}
	})
}

func (tr *traffic) one(c *kit.Client, method, path string, body any, want int) bool {
	tr.sent.Add(1)
	a, err := c.Try(method, path, body)
	if err == nil && a.Status == want {
		tr.answered.Add(1)
		return true
	}
	what := fmt.Sprint(err)
	if err == nil {
		what = fmt.Sprintf("%d %.200s", a.Status, a.Body)
	}
	tr.mu.Lock()
	tr.odd = append(tr.odd, method+" "+path+" at "+c.Node.Name+": "+what)
	tr.mu.Unlock()
	return false
}

// The nodes of a fleet are upgraded one after the other while people use it: the release before goes on while this one brings the tables up to date, what
// was signed in on one holds on the other, and a node that goes back to the release before works.
func TestAFleetIsUpgradedWhileItRuns(t *testing.T) {
	v := releases(t)
	database := kit.StartPostgres(t).New(t, "gateway")
	redis := kit.StartRedis(t)
	kit.Secret(redis.Password)
	keys, chat := filepath.Join(t.TempDir(), "keys"), kit.FreeAddr(t)
	env := []string{"GW_STORE=redis {env.TEST_REDIS}", "GW_DATABASE=postgres {env.TEST_POSTGRES}", "TEST_REDIS=" + redis.URL(), "TEST_POSTGRES=" + database, "GW_KEYS=" + keys, "GW_UPSTREAM=" + chat}

	before := v.start(t, "before", true, env...)
	kit.Chat(t, before, chat)
	petra, ursula := addUser(t, before, "petra", "premium"), addUser(t, before, "ursula", "user")
	early := before.Client(t).Login(t, petra)
	room := early.NewRoom(t, "Upgrade", "public")
	tr := &traffic{stop: make(chan struct{})}
	tr.on(early, "before", room.ID)

	after := v.start(t, "after", false, env...) // which migrates, under traffic on the other
	tr.on(early.On(t, after), "after", room.ID)
	late := after.Client(t).Login(t, ursula)
	late.On(t, before).Call(t, "GET", "/auth/api/session", nil).Want(t, http.StatusOK)
	late.On(t, before).Renew(t) // a session of the new release goes on at the old one
	other := before.Client(t).Login(t, ursula)
	fresh := other.On(t, after)
	fresh.Renew(t)
	fresh.Call(t, "GET", "/auth/api/session", nil).Want(t, http.StatusOK)
	fresh.Logout(t) // and what ends on the one has ended on the other
	kit.Eventually(t, 30*time.Second, "the end of a session at the release before", func() bool {
		a, err := fresh.On(t, before).Try("GET", "/auth/api/session", nil)
		return err == nil && a.Status == http.StatusUnauthorized
	})
	private := late.NewRoom(t, "Private", "private") // a grant that the new release has learned
	if got := late.On(t, before).Messages(t, private.ID); len(got) != 0 {
		t.Error(got)
	}

	// Back: the release before starts on tables that this one has made.
	back := v.start(t, "back", true, env...)
	early.On(t, back).Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusOK)
	back.Client(t).Login(t, petra).Call(t, "GET", "/auth/api/session", nil).Want(t, http.StatusOK)

	for deadline := time.Now().Add(time.Minute); tr.answered.Load() < 100 && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
	close(tr.stop)
	tr.done.Wait()
	have := map[string]int{}
	for _, m := range all(t, early, room.ID) {
		have[m]++
	}
	lost, doubled := 0, 0
	for _, text := range tr.texts {
		switch n := have[text]; {
		case n == 0:
			lost++
		case n > 1:
			doubled++
		}
	}
	t.Logf("%s and this release on one database: %d requests, %d answered as they should be, %d messages acknowledged, %d lost, %d doubled", v.old.Version, tr.sent.Load(), tr.answered.Load(), len(tr.texts), lost, doubled)
	if len(tr.odd) > 0 || lost+doubled > 0 || len(tr.texts) == 0 {
		t.Errorf("%d answers were not as they should be: %.2000s", len(tr.odd), strings.Join(tr.odd, "\n"))
	}
}

// all are the texts of a room, page by page.
func all(t *testing.T, c *kit.Client, room string) (texts []string) {
	t.Helper()
	before := ""
	for {
		var page struct {
			Messages []kit.Message `json:"messages"`
			Next     string        `json:"next"`
		}
		path := kit.RoomPath(room, "messages") + "?limit=100"
		if before != "" {
			path += "&before=" + before
		}
		c.Call(t, "GET", path, nil).Want(t, http.StatusOK).JSON(t, &page)
		for _, m := range page.Messages {
			texts = append(texts, m.Text)
		}
		if before = page.Next; before == "" {
			return texts
		}
	}
}

// One gateway on SQLite is upgraded, and goes back. A command of this release beside the running one before, which migrates its file, disturbs nobody.
func TestAGatewayOnSQLiteIsUpgraded(t *testing.T) {
	v := releases(t)
	data, chat := filepath.Join(t.TempDir(), "data"), kit.FreeAddr(t)
	start := func(name string, old bool) *kit.Node {
		t.Helper()
		o := kit.Options{Name: name, Data: data, File: filepath.Join(kit.Root(t), "caddyfiles", "demo.Caddyfile"), Env: []string{"GW_UPSTREAM=" + chat}}
		if old {
			o.Program, o.File = v.old.Gateway, filepath.Join(v.old.Source, "caddyfiles", "demo.Caddyfile")
			o.Env = append(o.Env, "GW_FILES="+filepath.Join(v.old.Source, "caddyfiles"))
		}
		return kit.Gateway(t, o)
	}
	first := start("first", true)
	first.Program = ""
	ursula := addUser(t, first, "ursula", "user") // by this release's program: the file is migrated under the one before
	c := first.Client(t).Login(t, ursula)
	c.Call(t, "GET", "/auth/api/session", nil).Want(t, http.StatusOK)
	first.Process.Stop(t)

	second := start("second", false)
	d := c.On(t, second)
	d.Call(t, "GET", "/auth/api/session", nil).Want(t, http.StatusOK)
	d.Renew(t)
	second.Process.Stop(t)

	third := start("third", true)
	e := d.On(t, third)
	e.Call(t, "GET", "/auth/api/session", nil).Want(t, http.StatusOK)
	third.Client(t).Login(t, ursula)
	third.Process.Stop(t)

	// Tables that a program would misread are refused by it. The release before knew of no such mark yet.
	mark(t, filepath.Join(data, "gateway.db"))
	third.Program = ""
	code, out := third.Exec(t, "", "user", "list", "--data", data)
	if code == 0 || !strings.Contains(out, "changed by a newer gateway") {
		t.Errorf("tables of a release to come: %d %s", code, out)
	}
}
