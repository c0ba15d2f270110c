package fleet

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/detect/correlate"
	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

const rulesFile = `
title: Failed login
name: failed
logsource: {product: convosphere, service: gateway}
detection: {s: {event.action: login, event.outcome: failure}, condition: s}
---
title: Successful login
name: succeeded
logsource: {product: convosphere, service: gateway}
detection: {s: {event.action: login, event.outcome: success}, condition: s}
---
title: Spraying
id: 6a1f0d52-6d0f-4a3f-8f3f-000000000001
correlation:
  type: value_count
  rules: [failed]
  group-by: [source.ip]
  timespan: 1h
  condition: {field: gateway.account, gte: 6}
level: high
gateway: {subject: [source.ip], suppress: 1h}
---
title: Brute force
id: 6a1f0d52-6d0f-4a3f-8f3f-000000000002
name: brute
correlation:
  type: event_count
  rules: [failed]
  group-by: [gateway.account]
  timespan: 1h
  condition: {gte: 5}
level: medium
gateway: {subject: [gateway.account], suppress: 1h}
---
title: Brute force that succeeded
id: 6a1f0d52-6d0f-4a3f-8f3f-000000000003
correlation:
  type: temporal_ordered
  rules: [brute, succeeded]
  group-by: [source.ip]
  timespan: 1h
level: critical
gateway: {subject: [source.ip], suppress: 1h}
`

func testRules(t testing.TB) *detect.Rules {
	t.Helper()
	rules, problems := detect.Load(fstest.MapFS{"r.yml": {Data: []byte(rulesFile)}})
	for _, p := range problems {
		if !p.Warning {
			t.Fatal(p)
		}
	}
	return rules
}

// node is a gateway's detection: it matches events, and counts with the fleet.
type node struct {
	fleet *Fleet
	local *correlate.Windows
	rules *detect.Rules

	mu    sync.Mutex
	found []*finding.Finding
}

// sealing is the fleet's box: all tests go over one, but for what Redis itself shows.
var sealing = func() *store.Box {
	box, err := store.NewBox(make([]byte, 32))
	if err != nil {
		panic(err)
	}
	return box
}()

// key is one of the fleet's partitions'.
func key(p int, parts ...string) string {
	return (&Fleet{o: Options{Box: sealing}}).key(p, parts...)
}

func join(rules *detect.Rules, s store.Store, o Options) *node {
	n := &node{rules: rules}
	o.Box = sealing
	n.fleet = New(s.Redis(), func() *detect.Rules { return rules }, o, n.take)
	n.local = correlate.New(rules, correlate.Options{Route: n.fleet.Route})
	return n
}

func (n *node) take(f *finding.Finding) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.found = append(n.found, f)
}

func (n *node) all() []*finding.Finding {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.found)
}

func (n *node) see(e *ecs.Event) {
	n.rules.Match(e, func(r *detect.Rule) {
		n.local.Observe(r, e, func(f *finding.Finding) {
			n.fleet.Told(f)
			n.take(f)
		})
	})
}

// login is a failed or successful login, now.
func login(id, outcome, ip, account string) *ecs.Event {
	e := new(ecs.Event)
	err := e.Parse(fmt.Appendf(nil, `{"@timestamp":%q,"event.id":%q,"event.category":"authentication","event.action":"login","event.outcome":%q,"source.ip":%q,"gateway.account":%q,"user_agent.original":"x"}`,
		time.Now().UTC().Format("2006-01-02T15:04:05.000000Z07:00"), id, outcome, ip, account))
	if err != nil {
		panic(err)
	}
	return e
}

// quick has tests wait little, and yet a busy machine keep its leases.
func quick() Options { return Options{Tick: 10 * time.Millisecond, Lease: 3 * time.Second} }

func connect(t testing.TB, url string) store.Store {
	t.Helper()
	s, err := store.OpenRedis(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within a minute:", what)
		}
	}
}

// owned waits until each partition is some node's, and none has too few.
func owned(t testing.TB, nodes ...*node) {
	t.Helper()
	eventually(t, "an owner for each partition", func() bool {
		n := 0
		for _, one := range nodes {
			n += one.fleet.Stats().Owned
		}
		return n == Partitions
	})
}

// TestMain also runs a node of its own process, for tests that kill it.
func TestMain(m *testing.M) {
	if url := os.Getenv("FLEET_NODE_OF_TEST"); url != "" {
		childMain(url)
		return
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/maintnotifications.(*CircuitBreakerManager).cleanupLoop"))
}

// childMain sees the events that come in and writes what it finds.
func childMain(url string) {
	s, err := store.OpenRedis(context.Background(), url)
	if err != nil {
		panic(err)
	}
	rules, _ := detect.Load(fstest.MapFS{"r.yml": {Data: []byte(rulesFile)}})
	o := quick()
	if o.Save, err = time.ParseDuration(os.Getenv("FLEET_SAVE_OF_TEST")); err != nil {
		panic(err)
	}
	n := join(rules, s, o)
	out := json.NewEncoder(os.Stdout)
	said := 0
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if in.Text() == "?" { // how it is
			all := n.all()
			_ = out.Encode(map[string]any{"owned": n.fleet.Stats().Owned, "sent": n.fleet.Stats().Sent, "found": all[said:]})
			said = len(all)
			continue
		}
		e := new(ecs.Event)
		if err := e.Parse(in.Bytes()); err != nil {
			panic(err)
		}
		n.see(e)
	}
}

// child is a node in a process of its own.
type child struct {
	t   testing.TB
	cmd *exec.Cmd
	in  *bufio.Writer
	out *bufio.Scanner
	all []*finding.Finding
}

func startChild(t testing.TB, url string, save time.Duration) *child {
	t.Helper()
	c := &child{t: t, cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), "FLEET_NODE_OF_TEST="+url, "FLEET_SAVE_OF_TEST="+save.String())
	in, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.cmd.Stderr = os.Stderr
	c.in, c.out = bufio.NewWriter(in), bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	return c
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// login has the node see one.
func (c *child) login(id, outcome, ip, account string) {
	e := login(id, outcome, ip, account)
	fields := map[string]string{}
	for _, f := range e.Fields() {
		fields[f.Name] = f.Value.Text
	}
	b, _ := json.Marshal(fields) // of strings there is no error
	c.say(string(b))
}

func (c *child) say(line string) {
	_, _ = c.in.WriteString(strings.TrimSpace(line) + "\n")
	if err := c.in.Flush(); err != nil {
		c.t.Fatal(err)
	}
}

// asks how it is.
func (c *child) ask() (owned int, sent int64) {
	c.t.Helper()
	c.say("?")
	if !c.out.Scan() {
		c.t.Fatal("the node is gone")
	}
	var a struct {
		Owned int
		Sent  int64
		Found []*finding.Finding
	}
	if err := json.Unmarshal(c.out.Bytes(), &a); err != nil {
		c.t.Fatal(err)
	}
	c.all = append(c.all, a.Found...)
	return a.Owned, a.Sent
}
