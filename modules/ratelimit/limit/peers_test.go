package limit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/redistest"
)

// What others were found to get wrong. Each test shows the fault on a counter that has it, and then that ours has not.

// virtual is a clock that a test moves.
type virtual struct{ at atomic.Int64 }

func newVirtual() *virtual {
	v := new(virtual)
	v.at.Store(time.Date(2026, 1, 31, 23, 59, 59, 0, time.UTC).UnixMicro())
	return v
}

func (v *virtual) now() time.Time        { return time.UnixMicro(v.at.Load()) }
func (v *virtual) move(by time.Duration) { v.at.Add(by.Microseconds()) }

// fixedWindow counts in fixed windows, as many do.
type fixedWindow struct{ began, n int64 }

func (w *fixedWindow) take(now, length, limit int64) bool {
	if began := now / length; began != w.began {
		*w = fixedWindow{began: began}
	}
	w.n++
	return w.n <= limit
}

// envoyproxy/ratelimit #269: twice the limit passes around the edge of a window.
func TestNoWindowHasAnEdge(t *testing.T) {
	clock := newVirtual()
	clock.at.Store(clock.at.Load() / 1_000_000 * 1_000_000)
	clock.move(900 * time.Millisecond)
	l := NewLimiter(NewState(0, clock.now), Options{})
	z := zone(t, "z", 10, time.Second, 10, Local)
	var fixed fixedWindow
	theirs, ours := 0, 0
	for range 20 { // of 10 ms: the edge is in the middle
		for range 2 {
			if fixed.take(clock.at.Load(), 1_000_000, 10) {
				theirs++
			}
			if l.Take(context.Background(), charges("x", z)).Allowed {
				ours++
			}
		}
		clock.move(10 * time.Millisecond)
	}
	if theirs != 20 {
		t.Fatalf("the fault does not show: %d", theirs)
	}
	if ours > 11 { // the burst, and what comes back in 200 ms at 10/s, but for what is not there yet
		t.Errorf("%d of 10 each second were admitted within 200 ms", ours)
	}
}

// envoyproxy/ratelimit #348, #427, #808: a request that one rule refuses is charged by the others.
func TestRefusedByOneIsChargedByNone(t *testing.T) {
	ctx := context.Background()
	naive := func(left map[string]int, names ...string) {
		for _, n := range names {
			left[n]--
		}
	}
	left := map[string]int{"wide": 100, "tight": 1}
	for range 6 {
		naive(left, "wide", "tight")
	}
	if left["wide"] != 94 {
		t.Fatalf("the fault does not show: %v", left)
	}
	for name, l := range limiters(t) {
		for _, subjects := range [][2]string{{"same", "same"}, {"one", "another"}} {
			wide, tight := zone(t, "wide"+subjects[0], 1, time.Hour, 100, Local), zone(t, "tight"+subjects[0], 1, time.Hour, 1, Local)
			for range 6 {
				l.Take(ctx, []Charge{{Zone: wide, Subject: NewSubject(subjects[0])}, {Zone: tight, Subject: NewSubject(subjects[1])}})
			}
			c := []Charge{{Zone: wide, Subject: NewSubject(subjects[0])}}
			if err := l.Peek(ctx, c); err != nil || c[0].Result.Remaining != 99 {
				t.Errorf("%s, %v: %d remain: %v", name, subjects, c[0].Result.Remaining, err)
			}
		}
	}
}

// redis_rate divides by it, others panic.
func TestLimitOfNothing(t *testing.T) {
	ctx := context.Background()
	quota, err := NewQuota(0, Month)
	if err != nil {
		t.Fatal(err)
	}
	leases, err := NewConcurrent(0, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range limiters(t) {
		for _, none := range []Limit{{}, quota, leases} {
			z := &Zone{Name: "none", Limit: none}
			c := charges("x", z)
			if d := l.Take(ctx, c); d.Allowed || c[0].Result.Wait >= 0 {
				t.Errorf("%s: %+v %+v", name, d, c[0].Result)
			}
			if err := l.Peek(ctx, c); err != nil || !c[0].Result.Refused || c[0].Result.Wait >= 0 || c[0].Result.Remaining != 0 {
				t.Errorf("%s: %+v %v", name, c[0].Result, err)
			}
			shadow := *z
			shadow.Shadow = true
			c = charges("x", &shadow, zone(t, "some", 10, time.Second, 10, Local))
			if d := l.Take(ctx, c); !d.Allowed || !c[0].Result.Shadowed || c[0].Result.Charged != 0 || c[1].Result.Charged != 1 {
				t.Errorf("%s: %+v %+v", name, d, c)
			}
			for _, f := range []func(context.Context, []Charge) error{l.Debit, l.Refund, l.Renew} {
				if err := f(ctx, c); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
}

// redis_rate names a time after which a cost above the burst would be admitted, and it never is.
func TestCostAboveBurst(t *testing.T) {
	clock := newVirtual()
	l := NewLimiter(NewState(0, clock.now), Options{})
	z := zone(t, "z", 10, time.Second, 5, Local)
	cost := func(n int64) (Decision, Result) {
		c := []Charge{{Zone: z, Subject: NewSubject("x"), Cost: n}}
		return l.Take(context.Background(), c), c[0].Result
	}
	promised := z.Limit.interval*6 - z.Limit.capacity // what the algorithm without the check waits for
	if promised <= 0 {
		t.Fatal("the fault does not show")
	}
	for range 3 {
		if d, r := cost(6); d.Allowed || !r.Refused || r.Wait >= 0 {
			t.Errorf("%+v %+v", d, r)
		}
		clock.move(time.Hour)
	}
	if d, r := cost(5); !d.Allowed || r.Charged != 5 || r.Remaining != 0 {
		t.Errorf("%+v %+v", d, r)
	}
	_, r := cost(3)
	if r.Wait != 300*time.Millisecond {
		t.Errorf("%+v", r)
	}
	clock.move(r.Wait - time.Microsecond)
	if d, _ := cost(3); d.Allowed {
		t.Error("admitted before the time that was named")
	}
	clock.move(time.Microsecond)
	if d, _ := cost(3); !d.Allowed {
		t.Error("refused at the time that was named")
	}
}

// Keys made by joining parts collide: a_b and c, a and b_c.
func TestKeysDoNotCollide(t *testing.T) {
	join := func(parts ...string) string { return fmt.Sprint(parts[0], "_", parts[1]) }
	if join("a_b", "c") != join("a", "b_c") {
		t.Fatal("the fault does not show")
	}
	quota, _ := NewQuota(5, Day)
	month, _ := NewQuota(5, Month)
	held, _ := NewConcurrent(5, time.Second)
	rate := zone(t, "", 1, time.Second, 1, Local).Limit
	seen := map[string]string{}
	for _, subject := range [][]string{{"a_b", "c"}, {"a", "b_c"}, {"a", "b", "c"}, {"ab", "c"}, {"a", "bc"}, {"a", "bc", ""}, {"", "abc"}, {"abc"}} {
		for _, z := range []Zone{{Name: "a"}, {Name: "a", Tier: "b"}, {Name: "ab"}, {Name: "a_b"}, {Name: "a", Tier: "day"}, {Name: "a", Tier: "b_day"}, {Name: "a_b", Tier: "day"}} {
			for _, l := range []Limit{rate, quota, month, held} {
				z.Limit = l
				c := Charge{Zone: &z, Subject: NewSubject(subject...)}
				what := fmt.Sprintf("%q %s/%s %s", subject, z.Name, z.Tier, l)
				if other, ok := seen[c.key()]; ok {
					t.Errorf("%s and %s are both %s", what, other, c.key())
				}
				seen[c.key()] = what
			}
		}
	}
}

// Nodes whose clocks are hours apart count by Redis's: what each says of its own time changes nothing.
func TestClockSkew(t *testing.T) {
	ctx := context.Background()
	c := redistest.Start(t).Client()
	defer c.Close()
	z := zone(t, "z", 1, time.Hour, 20, Closed)
	day, _ := NewQuota(20, Day)
	q := &Zone{Name: "q", Limit: day, OnFailure: Closed}
	var nodes []*Limiter
	byOwnClock := 0
	for _, skew := range []time.Duration{0, -5 * time.Hour, 30 * time.Hour, 400 * 24 * time.Hour} {
		now := func() time.Time { return time.Now().Add(skew) }
		l := NewLimiter(NewState(0, now), Options{Redis: c, Timeout: 2 * time.Second})
		defer l.Close()
		nodes = append(nodes, l)
		// A counter that trusts the node: it reads the shared time by its own clock.
		tat, _ := c.Get(ctx, "naive").Int64()
		mine := now().UnixMicro()
		for level := min(max(tat-mine, 0), z.Limit.capacity); level+z.Limit.interval <= z.Limit.capacity; level += z.Limit.interval {
			byOwnClock++
			c.Set(ctx, "naive", mine+level+z.Limit.interval, 0)
		}
	}
	if byOwnClock <= 20 {
		t.Fatalf("the fault does not show: %d", byOwnClock)
	}
	admitted := 0
	var last Charge
	for range 10 {
		for _, l := range nodes {
			ask := charges("x", z, q)
			if l.Take(ctx, ask).Allowed {
				admitted++
			} else {
				last = ask[0]
			}
		}
	}
	if admitted != 20 || last.Result.Wait > time.Hour {
		t.Errorf("%d of 20 were admitted, %+v", admitted, last.Result)
	}
}

// SCRIPT FLUSH, again and again, while many ask.
func TestScriptFlush(t *testing.T) {
	ctx := context.Background()
	c := redistest.Start(t).Client()
	defer c.Close()
	l := NewLimiter(NewState(0, time.Now), Options{Redis: c, Timeout: 5 * time.Second})
	defer l.Close()
	if err := c.EvalSha(ctx, l.remote.counter.script.Hash(), []string{"x"}, "T").Err(); err == nil {
		t.Fatal("the fault does not show: Redis knows a script that was never sent")
	}
	z := zone(t, "z", 1, time.Hour, 100, Closed)
	var admitted, failed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 40 {
				ask := charges("x", z)
				switch d := l.Take(ctx, ask); {
				case d.Allowed:
					admitted.Add(1)
				case d.Unavailable:
					failed.Add(1)
				}
				if i%2 == 0 {
					if err := l.Peek(ctx, charges("y", z)); err != nil {
						failed.Add(1)
					}
				}
				if err := c.ScriptFlush(ctx).Err(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if admitted.Load() != 100 || failed.Load() != 0 {
		t.Errorf("%d of 100 were admitted, %d failed", admitted.Load(), failed.Load())
	}
}

// caddy-ratelimit #44: 4.8 GB of keys that nobody asks for any more. In Redis each key expires, whatever was done with it.
func TestEveryKeyExpires(t *testing.T) {
	ctx := context.Background()
	c := redistest.Start(t).Client()
	defer c.Close()
	l := NewLimiter(NewState(0, time.Now), Options{Redis: c, Timeout: 5 * time.Second})
	defer l.Close()
	day, _ := NewQuota(5, Day)
	month, _ := NewQuota(5, Month)
	held, _ := NewConcurrent(50, time.Minute)
	zones := []*Zone{zone(t, "rate", 1, time.Minute, 5, Local), {Name: "day", Limit: day}, {Name: "month", Limit: month}, {Name: "held", Limit: held}}
	for i := range 200 {
		ask := charges(fmt.Sprint(i), zones...)
		l.Take(ctx, ask)
		for n, f := range []func(context.Context, []Charge) error{l.Debit, l.Renew, l.Refund, l.Peek} {
			if i%(n+2) == 0 {
				if err := f(ctx, ask); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	keys, err := c.Keys(ctx, "gw:{rl:*").Result()
	if err != nil || len(keys) < 100 {
		t.Fatal(len(keys), err)
	}
	for _, k := range keys {
		if ttl := c.PTTL(ctx, k).Val(); ttl <= 0 || ttl > 32*24*time.Hour {
			t.Errorf("%s expires in %s", k, ttl)
		}
	}
}
