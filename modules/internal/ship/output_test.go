package ship

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

// within waits until f holds.
func within(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// catcher is a receiver in memory. what says what it answers to a batch; nil takes all.
type catcher struct {
	mu     sync.Mutex
	got    []Message
	what   func(batch []Message) error
	tries  int
	closed bool
}

func (c *catcher) Send(ctx context.Context, batch []Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries++
	if c.closed {
		return errGone
	}
	if c.what != nil {
		if err := c.what(batch); err != nil {
			return err
		}
	}
	c.got = append(c.got, batch...)
	return ctx.Err()
}

func (c *catcher) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return nil
}

func (c *catcher) answer(f func([]Message) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.what = f
}

// actions are what arrived, in order, doubles left out.
func (c *catcher) actions() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	seen := map[string]bool{}
	for _, m := range c.got {
		if !seen[m.ID] {
			all = append(all, m.Action)
		}
		seen[m.ID] = true
	}
	return all
}

func (c *catcher) has(action string) bool { return slices.Contains(c.actions(), action) }

// rig is a bus with one output.
type rig struct {
	*Output
	t    *testing.T
	dir  string
	bus  *event.Bus
	stop func()
}

func newRig(t *testing.T, c Config) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir()}
	r.start(c)
	t.Cleanup(func() { r.stop() })
	return r
}

// start opens bus and output; stop ends them as the gateway does. Both may be called in turn.
func (r *rig) start(c Config) {
	r.t.Helper()
	bus, err := event.Open(event.Options{Dir: filepath.Join(r.dir, "events")})
	if err != nil {
		r.t.Fatal(err)
	}
	o := New("test", filepath.Join(r.dir, "spool"))
	if c.SpoolSize == 0 {
		c.SpoolSize = 64 << 20
	}
	release, err := o.Use(c, bus)
	if err != nil {
		r.t.Fatal(err)
	}
	r.bus, r.Output = bus, o
	r.stop = sync.OnceFunc(func() {
		release()
		if err := errors.Join(bus.Close(), o.Close()); err != nil {
			r.t.Error(err)
		}
	})
}

func (r *rig) emit(from, to int) {
	for i := from; i < to; i++ {
		r.bus.Emit(&event.Event{Category: "web", Action: fmt.Sprint("n", i), Outcome: event.Success})
	}
}

func names(from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint("n", i))
	}
	return all
}

func ours(all []string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return !strings.HasPrefix(s, "n") })
}

// A receiver that is away makes nobody wait and costs nothing: when it is back it gets all, in order, and is told that it was away.
func TestReceiverAway(t *testing.T) {
	c := &catcher{what: func([]Message) error { return errors.New("connection refused") }}
	r := newRig(t, Config{Sender: c, Format: ECS})
	r.emit(0, 1000)
	within(t, "it is said to be away", func() bool { return r.Status().Away && r.Status().Waiting > 0 })
	r.emit(1000, 1200)
	c.answer(nil)
	within(t, "all arrived", func() bool { return len(ours(c.actions())) == 1200 && c.has("output-back") })
	if got := ours(c.actions()); !slices.Equal(got, names(0, 1200)) {
		t.Fatal("out of order")
	}
	if !c.has("output-lost") || r.Status().Away {
		t.Fatal("it was not told")
	}
	for reason, n := range r.Status().Lost {
		if n != 0 {
			t.Fatal(reason, n)
		}
	}
}

// What waits when the gateway ends is delivered by the next one.
func TestSpoolOutlivesARestart(t *testing.T) {
	away := &catcher{what: func([]Message) error { return errGone }}
	r := newRig(t, Config{Sender: away})
	r.emit(0, 500)
	r.stop()
	if len(away.got) > 0 || !away.closed {
		t.Fatal("somebody took them")
	}
	there := &catcher{}
	r.start(Config{Sender: there})
	r.emit(500, 510)
	within(t, "all arrived", func() bool { return len(ours(there.actions())) == 510 })
	if !slices.Equal(ours(there.actions()), names(0, 510)) {
		t.Fatal("out of order")
	}
	r.stop()
}

// Events that come until the very end of the gateway arrive before it ends.
func TestTheLastEventArrives(t *testing.T) {
	c := &catcher{}
	r := newRig(t, Config{Sender: c, Linger: 10 * time.Second})
	r.emit(0, 300)
	r.stop()
	if got := ours(c.actions()); !slices.Equal(got, names(0, 300)) {
		t.Fatal(len(got))
	}
}

// A full spool refuses what is new, counts it by reason and says so; the bus never waits.
func TestFullSpoolIsToldAndBlocksNobody(t *testing.T) {
	c := &catcher{what: func([]Message) error { return errGone }}
	r := newRig(t, Config{Sender: c, SpoolSize: 1 << 20})
	long := strings.Repeat("x", 500)
	emitted := 0
	within(t, "the spool is full", func() bool {
		for range 200 {
			r.bus.Emit(&event.Event{Category: "web", Action: fmt.Sprint("n", emitted), Path: "/" + long})
			emitted++
		}
		return r.Status().Lost["full"] > 0
	})
	c.answer(nil)
	within(t, "it says what it lost", func() bool {
		r.bus.Emit(&event.Event{Action: "after"})
		return c.has("output-dropped")
	})
	got := ours(c.actions())
	if !slices.Equal(got[:500], names(0, 500)) {
		t.Fatal("the first are not the ones that were kept")
	}
	if q, disk := r.bus.Dropped(); disk > 0 || q > int64(emitted) {
		t.Fatal(q, disk)
	}
}

// Whoever sends an event that a receiver can't take stops no other: it alone is left out, and counted.
func TestPoisonedEventIsLeftOutAlone(t *testing.T) {
	c := &catcher{what: func(batch []Message) error {
		for _, m := range batch {
			if m.Action == "n137" {
				return Refused{Err: errors.New("400")}
			}
		}
		return nil
	}}
	r := newRig(t, Config{Sender: c})
	r.emit(0, 300)
	within(t, "the rest arrived", func() bool { return len(ours(c.actions())) == 299 })
	if got := ours(c.actions()); !slices.Equal(got, slices.Concat(names(0, 137), names(138, 300))) {
		t.Fatal("another is missing")
	}
	if r.Status().Lost["refused"] != 1 {
		t.Fatal(r.Status())
	}
}

// A receiver that takes some and names how many it leaves out gets nothing twice.
func TestPartialRefusal(t *testing.T) {
	c := &catcher{}
	c.what = func(batch []Message) error {
		c.got = append(c.got, batch[1:]...)
		return Refused{Err: errors.New("partial"), Some: 1}
	}
	r := newRig(t, Config{Sender: c, Linger: 50 * time.Millisecond})
	r.emit(0, 50)
	within(t, "all is done with", func() bool { return r.Status().Waiting == 0 && r.Status().Sent+r.Status().Lost["refused"] >= 50 })
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := map[string]bool{}
	for _, m := range c.got {
		if ids[m.ID] {
			t.Fatal("twice")
		}
		ids[m.ID] = true
	}
}

// Another configuration takes over spool and place; one that is taken back leaves the earlier in force.
func TestOutputsAcrossReloads(t *testing.T) {
	first, second, third := &catcher{what: func([]Message) error { return errGone }}, &catcher{}, &catcher{}
	r := newRig(t, Config{Sender: first})
	r.emit(0, 100)
	within(t, "away", func() bool { return r.Status().Away })
	undo, err := r.Use(Config{Sender: second, SpoolSize: 1 << 20}, r.bus)
	if err != nil {
		t.Fatal(err)
	}
	within(t, "the second has all", func() bool { return len(ours(second.actions())) == 100 })
	failed, err := r.Use(Config{Sender: third, SpoolSize: 1 << 20, Only: []string{"nothing"}}, r.bus)
	if err != nil {
		t.Fatal(err)
	}
	failed()
	r.emit(100, 150)
	within(t, "the second goes on", func() bool { return len(ours(second.actions())) == 150 })
	// What the output tells of itself may have been on its way: the third may send that.
	if !third.closed || second.closed || len(ours(third.actions())) > 0 {
		t.Fatalf("the wrong one was closed, or got what it is not to take: %v %v %v", third.closed, second.closed, third.actions())
	}
	undo()
}

func TestOutputTakesWhatItIsToTake(t *testing.T) {
	for name, c := range map[string]struct {
		only  []string
		level Level
		want  []string
	}{
		"all":      {want: []string{"login", "http-request", "ban-added", "finding", "refresh-reuse"}},
		"category": {only: []string{"authentication"}, want: []string{"login"}},
		"action":   {only: []string{"ban-added", "login"}, want: []string{"login", "ban-added"}},
		"low":      {level: Low, want: []string{"login", "ban-added", "finding", "refresh-reuse"}},
		"medium":   {level: Medium, want: []string{"ban-added", "finding", "refresh-reuse"}},
		"critical": {level: Critical, want: []string{"finding"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := &catcher{}
			r := newRig(t, Config{Sender: got, Only: c.only, Level: c.level})
			for _, e := range []event.Event{
				{Category: "authentication", Action: "login", Outcome: event.Failure},
				{Category: "web", Action: "http-request", Outcome: event.Success, Path: `/","gateway.finding.level":"critical`},
				{Category: "intrusion_detection", Action: "ban-added"},
				{Category: "intrusion_detection", Action: "finding", Fields: []zap.Field{zap.String("gateway.finding.level", "critical")}},
				{Category: "session", Action: "refresh-reuse"},
			} {
				r.bus.Emit(&e)
			}
			r.stop()
			if !slices.Equal(got.actions(), c.want) {
				t.Fatal(got.actions())
			}
		})
	}
}

// With `encrypt` nothing of an event is to be read in the spool; an output reads it all the same, also after encryption was left off.
func TestSpoolIsSealed(t *testing.T) {
	keys, err := keyring.Open(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	away := &catcher{what: func([]Message) error { return errGone }}
	r := newRig(t, Config{Sender: away, Sealer: keys, Opener: keys})
	r.emit(0, 20)
	r.stop()
	raw, err := os.ReadFile(segmentPath(filepath.Join(r.dir, "spool"), 1))
	if err != nil || len(raw) == 0 || strings.Contains(string(raw), "event.action") {
		t.Fatalf("%v %q", err, raw)
	}
	there := &catcher{}
	r.start(Config{Sender: there, Opener: keys})
	within(t, "all arrived", func() bool { return len(ours(there.actions())) == 20 })
	r.stop()
	var e map[string]any
	if err := json.Unmarshal(there.got[0].Body, &e); err != nil || e["event.action"] != "n0" {
		t.Fatal(e, err)
	}
}

func TestBackoff(t *testing.T) {
	for n := range 40 {
		if d := backoff(n); d < firstWait*3/4 || d > longestWait {
			t.Fatal(n, d)
		}
	}
	if backoff(30) < longestWait*3/4 {
		t.Fatal("it does not grow")
	}
}
