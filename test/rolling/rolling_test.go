package rolling

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// caddyfile is the gateway's: as production has it, on one machine.
const caddyfile = `{
	admin unix//{$GW_DATA}/admin.sock
	storage file_system {$GW_SHARED}
	persist_config off
	skip_install_trust
	auto_https disable_redirects
	default_bind 127.0.0.1
	shutdown_delay 3s
	grace_period 30s
	gateway {
		data_dir {$GW_DATA}
		store {$GW_STORE}
		database {$GW_DATABASE}
		keys {$GW_KEYS}
		identity {
			access_lifetime 30m
		}
	}
}
https://localhost:{$GW_PORT} {
	tls internal
	gw_secure {
		waf {
			rules_file {$GW_FILES}/chat-waf.conf
		}
		authorize {
			audience chat
			import {$GW_FILES}/chat-routes.caddy
		}
		validate {
			openapi {$GW_FILES}/chat-openapi.yaml
			scope /api/{rest...}
		}
		protect {
			import {$GW_FILES}/chat-protect.caddy
		}
	}
	reverse_proxy {$GW_UPSTREAM} {
		lb_policy gw_balance
	}
}
http://127.0.0.1:{$GW_HEALTH} {
	gw_health
	metrics /metrics
}
`

// patience is how long a gateway may take to end, on a machine that does much else: shutdown_delay, the last answers on sockets, its last events.
const patience = 2 * time.Minute

// fleet is three gateways with one Redis, one PostgreSQL and one key ring, before one chat.
type fleet struct {
	nodes   []*kit.Node
	members []*member
	start   []func() *kit.Node
	lb      *balancer
	front   kit.Node // the balancer, as clients see it
}

func startFleet(t *testing.T) *fleet {
	database := kit.StartPostgres(t).New(t, "gateway")
	redis := kit.StartRedis(t)
	kit.Secret(redis.Password)
	shared, chat := t.TempDir(), kit.FreeAddr(t)
	f := &fleet{}
	for i := range 3 {
		name, addr, health := fmt.Sprintf("node-%c", 'a'+i), kit.FreeAddr(t), kit.FreeAddr(t)
		_, port, err := net.SplitHostPort(health)
		if err != nil {
			t.Fatal(err)
		}
		data := filepath.Join(t.TempDir(), name)
		if err := os.MkdirAll(data, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(shared, "caddy"), filepath.Join(data, "caddy")); err != nil { // one certificate authority
			t.Fatal(err)
		}
		f.start = append(f.start, func() *kit.Node {
			return kit.Gateway(t, kit.Options{Name: name, Addr: addr, Data: data, Caddyfile: caddyfile, Env: []string{
				"GW_STORE=redis {env.TEST_REDIS}", "GW_DATABASE=postgres {env.TEST_POSTGRES}", "TEST_REDIS=" + redis.URL(), "TEST_POSTGRES=" + database,
				"GW_KEYS=" + filepath.Join(shared, "keys"), "GW_SHARED=" + filepath.Join(shared, "caddy"), "GW_UPSTREAM=" + chat, "GW_HEALTH=" + port,
			}})
		})
		f.nodes = append(f.nodes, f.start[i]())
		f.members = append(f.members, &member{name: name, addr: addr, ready: "http://" + health + "/readyz"})
	}
	f.lb = balance(t, f.members...)
	f.front = *f.nodes[0]
	f.front.Name, f.front.Addr = "balancer", f.lb.addr
	_, port, err := net.SplitHostPort(f.lb.addr)
	if err != nil {
		t.Fatal(err)
	}
	f.front.URL = "https://localhost:" + port
	for _, m := range f.members {
		f.comesIn(t, m)
	}
	kit.Chat(t, &f.front, chat)
	return f
}

func (f *fleet) comesIn(t *testing.T, m *member) {
	t.Helper()
	kit.Eventually(t, patience, m.name+" is ready", func() bool { return f.lb.isIn(m) })
}

// user makes an account and signs in through the balancer.
func (f *fleet) user(t *testing.T, name string) *kit.Client {
	t.Helper()
	u := kit.User{Username: name, Role: "user", Password: rand.Text()}
	kit.Secret(u.Password)
	n := f.nodes[0]
	if code, out := n.Exec(t, u.Password+"\n", "user", "add", name, "--role", "user", "--config", n.Config); code != 0 {
		t.Fatalf("user add: %d %s", code, out)
	}
	return f.front.Client(t).Login(t, u)
}

// Three gateways are restarted one after another, twice, while people read, post and talk: nobody meets an error, and every message that was answered is there, once.
func TestRollingRestartLosesNothing(t *testing.T) {
	f := startFleet(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l := newLedger()
	var all sync.WaitGroup
	room := ""
	for i := range 4 {
		who := fmt.Sprintf("person%d", i)
		c := f.user(t, who)
		if room == "" {
			room = c.NewRoom(t, "Rolling", "public").ID
		}
		another := func() *kit.Client { // each has connections of its own
			d := f.front.ClientFrom(t, c.IP)
			d.User, d.Access = c.User, c.Access
			return d
		}
		reader, poster := another(), another()
		all.Go(func() { read(ctx, reader, room, l) })
		all.Go(func() { post(ctx, poster, room, who, l) })
		for j := range 3 {
			talker := another()
			all.Go(func() { talk(ctx, talker, room, fmt.Sprintf("%s-%d", who, j), l) })
		}
	}
	began := time.Now()
	for round := range 2 {
		for i, m := range f.members {
			f.restart(t, round, i, m)
		}
	}
	took := time.Since(began)
	cancel()
	all.Wait()
	f.judge(t, l, room, took)
}

// restart ends a gateway by SIGTERM and starts it again, once the balancer has all others.
func (f *fleet) restart(t *testing.T, round, i int, m *member) {
	t.Helper()
	for _, o := range f.members {
		f.comesIn(t, o)
	}
	f.health(t, i, 0, "database")
	said := make(chan string, 1)
	go func() { said <- lastWords(m.ready) }()
	began := time.Now()
	if code := f.nodes[i].Process.StopIn(t, patience); code != 0 {
		t.Errorf("%s ended with %d", m.name, code)
	}
	ended := time.Since(began)
	if got := <-said; got != "shutting down" {
		t.Errorf("%s: %s", m.name, got)
	}
	f.health(t, i, 1, "no gateway answers")
	if f.lb.isIn(m) {
		kit.Eventually(t, patience, m.name+" is out", func() bool { return !f.lb.isIn(m) })
	}
	f.nodes[i] = f.start[i]()
	f.comesIn(t, m)
	t.Logf("round %d: %s ended in %.1f s, was ready again after %.1f s", round+1, m.name, ended.Seconds(), time.Since(began).Seconds())
}

// judge compares what clients saw with what the chat has.
func (f *fleet) judge(t *testing.T, l *ledger, room string, took time.Duration) {
	have := messages(t, f, room)
	kinds := map[string]*struct{ sent, acked, present, lost, doubled int }{}
	for _, kind := range []string{"POST", "socket"} {
		k := &struct{ sent, acked, present, lost, doubled int }{}
		kinds[kind] = k
		for text, how := range l.sent {
			if how != kind {
				continue
			}
			k.sent++
			if l.acked[text] {
				k.acked++
			}
			if have[text] > 0 {
				k.present++
			}
			if l.acked[text] && have[text] == 0 {
				k.lost++
				t.Errorf("%q was acknowledged and is gone", text)
			}
			if have[text] > 1 {
				k.doubled++
				t.Errorf("%q is there %d times", text, have[text])
			}
		}
	}
	for _, w := range l.wrong {
		t.Error(w)
	}
	outs := 0
	for _, m := range f.members {
		outs += m.left
	}
	t.Logf("\nrolling restart of three gateways, twice, in %.0f s:\n"+
		"| | sent | acknowledged | in the chat | lost | doubled |\n|---|---|---|---|---|---|\n| messages, POST | %d | %d | %d | %d | %d |\n| messages, socket | %d | %d | %d | %d | %d |\n"+
		"| GET | %d | %d | | | |\nsockets opened %d, closed by code %v, sent again on the next socket %d, handshakes told to come back %d, taken out by /readyz %d times, unexpected statuses and errors %d",
		took.Seconds(), kinds["POST"].sent, kinds["POST"].acked, kinds["POST"].present, kinds["POST"].lost, kinds["POST"].doubled,
		kinds["socket"].sent, kinds["socket"].acked, kinds["socket"].present, kinds["socket"].lost, kinds["socket"].doubled, l.gets, l.gets, l.opened, l.closes, l.again, l.turnedAway, outs, len(l.wrong))
	if k := kinds["socket"]; kinds["POST"].acked == 0 || k.acked == 0 || l.gets == 0 || l.closes[1001] == 0 || outs < 6 {
		t.Error("nothing was tried: no messages, no sockets that were told to go, or a gateway that was never taken out")
	}
}

// messages counts the texts in the room.
func messages(t *testing.T, f *fleet, room string) map[string]int {
	t.Helper()
	c := f.user(t, "auditor")
	count, next := map[string]int{}, ""
	for {
		path := kit.RoomPath(room, "messages") + "?limit=100"
		if next != "" {
			path += "&before=" + url.QueryEscape(next)
		}
		var page struct {
			Messages []kit.Message
			Next     string
		}
		c.Call(t, "GET", path, nil).Want(t, http.StatusOK).JSON(t, &page)
		for _, m := range page.Messages {
			count[m.Text]++
		}
		if next = page.Next; next == "" {
			return count
		}
	}
}

// lastWords is what /readyz says when it first says no; it must be there for that, before its listeners close.
func lastWords(url string) string {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		resp, err := client.Get(url)
		if err != nil {
			return "closed before it said that it shuts down: " + err.Error()
		}
		var s struct{ Status string }
		err = json.NewDecoder(resp.Body).Decode(&s)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			return s.Status
		}
		time.Sleep(lookEvery)
	}
}

// health runs `convosphere health` against the member.
func (f *fleet) health(t *testing.T, i int, want int, says string) {
	t.Helper()
	if code, out := f.nodes[i].Exec(t, "", "health", "--url", f.members[i].ready); code != want || !strings.Contains(out, says) {
		t.Errorf("health: %d %s, want %d %s", code, out, want, says)
	}
}
