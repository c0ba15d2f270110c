package limit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/internal/redistest"
)

func leased(t testing.TB, name string, count int64, period time.Duration, burst, lease int64) *Zone {
	t.Helper()
	z := zone(t, name, count, period, burst, Local)
	z.Mode, z.Lease = Leased, lease
	return z
}

// fleet is nodes over one Redis. Each counts what it was told of tokens.
type fleet struct {
	nodes  []*Limiter
	tokens [3]atomic.Int64
}

func newFleet(t testing.TB, c redis.UniversalClient, n int) *fleet {
	f := new(fleet)
	for range n {
		l := NewLimiter(NewState(0, time.Now), Options{Redis: c, Timeout: 5 * time.Second, Tokens: func(_ string, what Fate, n int64) { f.tokens[what].Add(n) }})
		f.nodes = append(f.nodes, l)
		t.Cleanup(l.Close)
	}
	return f
}

// Many requests for one key cost Redis few calls, and not one is admitted that Redis did not admit.
func TestLeasedAsksSeldom(t *testing.T) {
	s := redistest.Start(t)
	c := s.Client()
	defer c.Close()
	f := newFleet(t, c, 3)
	z := leased(t, "z", 1, time.Minute, 10_000, 100)
	const each, clients = 500, 6
	var admitted, fromLease atomic.Int64
	var wg sync.WaitGroup
	for _, l := range f.nodes {
		for range clients {
			wg.Go(func() {
				for range each {
					if d := l.Take(context.Background(), charges("hot", z)); d.Allowed {
						admitted.Add(1)
						if d.Source == FromLease {
							fromLease.Add(1)
						}
					}
				}
			})
		}
	}
	wg.Wait()
	total := 3 * clients * each
	scripts := s.Scripts()
	t.Logf("%d requests: %d from tokens, %d scripts", total, fromLease.Load(), scripts)
	if int(admitted.Load()) != total || scripts > total/5 {
		t.Errorf("%d of %d admitted, by %d scripts", admitted.Load(), total, scripts)
	}
}

// What is not spent by one node is found by the others, to the last unit, and never one more.
func TestLeasedSpendsAllAndNoMore(t *testing.T) {
	c := redistest.Start(t).Client()
	defer c.Close()
	f := newFleet(t, c, 3)
	z := leased(t, "z", 1, 8*time.Hour, 1000, 50)
	var admitted atomic.Int64
	var wg sync.WaitGroup
	for i, l := range f.nodes {
		wg.Go(func() {
			for range 150 * (i + 1) {
				if l.Take(context.Background(), charges("hot", z)).Allowed {
					admitted.Add(1)
				}
			}
		})
	}
	wg.Wait()
	held := int64(0)
	for _, l := range f.nodes {
		held += l.remote.pools.held()
	}
	if held > 3*50 {
		t.Errorf("%d tokens are held by three nodes", held)
	}
	for end := time.Now().Add(30 * time.Second); admitted.Load() < 1000 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if f.nodes[0].Take(context.Background(), charges("hot", z)).Allowed {
			admitted.Add(1)
		}
	}
	for range 2000 {
		for _, l := range f.nodes {
			if l.Take(context.Background(), charges("hot", z)).Allowed {
				admitted.Add(1)
			}
		}
	}
	taken, returned, wasted := f.tokens[Taken].Load(), f.tokens[Returned].Load(), f.tokens[Wasted].Load()
	t.Logf("%d admitted; %d tokens held when all had asked; of %d taken %d went back, %d were wasted", admitted.Load(), held, taken, returned, wasted)
	if admitted.Load() != 1000 || wasted != 0 {
		t.Errorf("%d admitted of 1000, %d wasted", admitted.Load(), wasted)
	}
}

// In any stretch of time, on any schedule, the nodes admit at most the limit's burst and rate and a lease each.
func TestLeasedBound(t *testing.T) {
	c := redistest.Start(t).Client()
	defer c.Close()
	ctx := context.Background()
	clock := clocked(t)
	most := int64(0)
	check(t, func(t *rapid.T) {
		if err := c.FlushAll(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		nodes := rapid.Int64Range(1, 4).Draw(t, "nodes")
		lease := rapid.Int64Range(1, 30).Draw(t, "lease")
		l, err := New(rapid.Int64Range(1, 200).Draw(t, "count"), time.Second, rapid.Int64Range(1, 200).Draw(t, "burst"))
		if err != nil {
			t.Fatal(err)
		}
		z := &Zone{Name: "z", Limit: l, Mode: Leased, Lease: lease}
		now, start := int64(1_790_000_000_000_000), time.Now()
		var fleet []*Limiter
		zero := now
		for range nodes {
			s := NewState(0, func() time.Time { return start.Add(micros(now - zero)) })
			r := s.newRemote(c) // swept by the schedule, not by a goroutine
			r.counter.script = clock
			r.nodes.live.Store(nodes)
			fleet = append(fleet, &Limiter{state: s, remote: r, Options: Options{Redis: c, Timeout: 10 * time.Second}})
		}
		var times []int64
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 20_000), rapid.Int64Range(0, 3_000_000)).Draw(t, "step")
			if err := c.MSet(ctx, "sec", now/1_000_000, "usec", now%1_000_000).Err(); err != nil {
				t.Fatal(err)
			}
			n := fleet[rapid.IntRange(0, len(fleet)-1).Draw(t, "node")]
			if rapid.IntRange(0, 9).Draw(t, "sweep") == 0 {
				n.remote.giveBack(n.remote.pools.sweep(n.remote.link.now(), rapid.Bool().Draw(t, "all")))
				n.remote.flush(ctx, 10*time.Second)
				continue
			}
			for range rapid.IntRange(1, 30).Draw(t, "requests") {
				list := charges("x", z)
				if n.Take(ctx, list).Allowed {
					times = append(times, now)
					if rapid.IntRange(0, 9).Draw(t, "refund") == 0 {
						if err := n.Refund(ctx, list); err != nil {
							t.Fatal(err)
						}
						times = times[:len(times)-1]
					}
				}
			}
		}
		for i, from := range times {
			for j := i; j < len(times); j++ {
				admitted := int64(j - i + 1)
				bound := l.Burst + (times[j]-from)/l.interval
				most = max(most, admitted-bound)
				if admitted > bound+nodes*lease {
					t.Fatalf("%d admitted in %s by %d nodes of lease %d: the bound is %d + %d", admitted, micros(times[j]-from), nodes, lease, bound, nodes*lease)
				}
			}
		}
	})
	t.Logf("at most %d beyond the limit", most)
}

// One request through zones of all modes is charged all or none.
func TestModesTogether(t *testing.T) {
	c := redistest.Start(t).Client()
	defer c.Close()
	ctx := context.Background()
	l := newFleet(t, c, 1).nodes[0]
	here := zone(t, "here", 1, time.Hour, 100, Local)
	here.Mode = InProcess
	tokens := leased(t, "tokens", 1, time.Hour, 100, 10)
	exact := zone(t, "exact", 1, time.Hour, 30, Local)
	for i := range 50 {
		list := charges("x", here, tokens, exact)
		if d := l.Take(ctx, list); d.Allowed != (i < 30) || d.Source != FromRedis && d.Source != FromDenied {
			t.Fatalf("%d: %+v %+v", i, d, list)
		}
	}
	if list := charges("x", here); !l.Take(ctx, list).Allowed || list[0].Result.Remaining != 69 {
		t.Errorf("counted here: %+v", list[0].Result)
	}
	spent := 0
	for l.Take(ctx, charges("x", tokens)).Allowed {
		spent++
	}
	if spent < 70-10 || spent > 70 { // some may be on their way back
		t.Errorf("%d tokens were left of 70", spent)
	}
	narrow := zone(t, "narrow", 1, time.Hour, 2, Local)
	narrow.Mode = InProcess
	wide := zone(t, "wide", 1, time.Hour, 100, Local)
	for range 20 {
		l.Take(ctx, charges("y", wide, narrow))
	}
	if list := charges("y", wide); !l.Take(ctx, list).Allowed || list[0].Result.Remaining != 97 {
		t.Errorf("what is refused here was charged there: %+v", list[0].Result)
	}
}

// A limit that changed has no tokens of the old one.
func TestTokensBelongToTheirLimit(t *testing.T) {
	c := redistest.Start(t).Client()
	defer c.Close()
	ctx := context.Background()
	l := newFleet(t, c, 1).nodes[0]
	old := leased(t, "z", 1, time.Hour, 1000, 100)
	for range 30 {
		l.Take(ctx, charges("x", old))
	}
	if l.remote.pools.held() == 0 {
		t.Fatal("no tokens are held")
	}
	if d := l.Take(ctx, charges("x", leased(t, "z", 1, time.Hour, 10, 5))); d.Allowed || d.Source != FromRedis {
		t.Errorf("30 were spent, 10 are allowed: %+v", d)
	}
}

// What a request gives back serves the next.
func TestRefundedTokensStayHere(t *testing.T) {
	s := redistest.Start(t)
	c := s.Client()
	defer c.Close()
	ctx := context.Background()
	l := newFleet(t, c, 1).nodes[0]
	z := leased(t, "z", 1, time.Hour, 1000, 100)
	var list []Charge
	for l.remote.pools.held() < 5 {
		l.Take(ctx, charges("x", z))
	}
	before, held := s.Scripts(), l.remote.pools.held()
	for range 100 {
		list = charges("x", z)
		if d := l.Take(ctx, list); d.Source != FromLease {
			t.Fatalf("%+v", d)
		}
		if err := l.Refund(ctx, list); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Scripts() - before; n > 2 || l.remote.pools.held() > held { // the registry, and tokens whose time has come
		t.Errorf("%d scripts, %d tokens of %d", n, l.remote.pools.held(), held)
	}
}

// Tokens outlive their Redis by a second; who stops gives them back.
func TestTokensWithoutRedis(t *testing.T) {
	s := redistest.Start(t)
	c := s.Client()
	defer c.Close()
	ctx := context.Background()
	z := leased(t, "z", 1, time.Hour, 1000, 100)
	z.OnFailure = Closed
	a, b := newFleet(t, c, 1), newFleet(t, c, 1)
	spend := func(f *fleet) {
		for f.nodes[0].remote.pools.held() < 5 {
			if !f.nodes[0].Take(ctx, charges("x", z)).Allowed {
				t.Fatal("refused")
			}
		}
	}
	spend(a)
	held := a.nodes[0].remote.pools.held()
	a.nodes[0].Close()
	if a.tokens[Returned].Load() < held || a.nodes[0].remote.pools.held() != 0 {
		t.Errorf("of %d tokens %d were given back at the end", held, a.tokens[Returned].Load())
	}
	for range 100 {
		if d := a.nodes[0].Take(ctx, charges("x", z)); !d.Allowed || d.Source != FromRedis {
			t.Fatalf("a closed limiter takes tokens that nobody would give back: %+v", d)
		}
	}
	spend(b)
	s.Kill()
	b.nodes[0].Timeout = 50 * time.Millisecond
	if d := b.nodes[0].Take(ctx, charges("x", z)); !d.Allowed || d.Source != FromLease {
		t.Errorf("%+v", d)
	}
	for end := time.Now().Add(20 * time.Second); b.tokens[Wasted].Load() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("tokens that can't be given back are not counted")
		}
	}
	if d := b.nodes[0].Take(ctx, charges("x", z)); !d.Unavailable {
		t.Errorf("%+v", d)
	}
}

func TestPoolsAreBounded(t *testing.T) {
	p := newPools()
	z := leased(t, "z", 1, time.Hour, 1000, 100)
	for i := range 3 * maxPools {
		c := Charge{Zone: z, Subject: NewSubject(fmt.Sprint(i)), Result: Result{Charged: 1, Remaining: 900}}
		p.deposit(&c, 0, 0, int64(i))
	}
	n := 0
	for i := range p.shards {
		n += len(p.shards[i].m)
	}
	if n > maxPools {
		t.Errorf("%d pools", n)
	}
	p.sweep(3*maxPools+2*keep.Microseconds(), false)
	for i := range p.shards {
		if len(p.shards[i].m) > 0 {
			t.Fatal("cold pools stay")
		}
	}
}

func BenchmarkLeased(b *testing.B) {
	c := redistest.Start(b).Client()
	defer c.Close()
	l := NewLimiter(NewState(0, time.Now), Options{Redis: c, Timeout: time.Second})
	defer l.Close()
	z := leased(b, "z", 1_000_000, time.Second, 1_000_000, 1000)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		list := charges("hot", z)
		for pb.Next() {
			list[0].Result = Result{}
			if !l.Take(context.Background(), list).Allowed {
				b.Error("refused")
			}
		}
	})
}

// Tokens of a quota go back into their period, also when another question was refused meanwhile.
func TestTokensOfAQuotaGoBack(t *testing.T) {
	c := redistest.Start(t).Client()
	defer c.Close()
	ctx := context.Background()
	f := newFleet(t, c, 2)
	a, b := f.nodes[0], f.nodes[1]
	quota, err := NewQuota(100, Month)
	if err != nil {
		t.Fatal(err)
	}
	z := &Zone{Name: "z", Limit: quota, Mode: Leased, Lease: 40}
	spent := int64(0)
	for ; a.remote.pools.held() < 5; spent++ {
		if !a.Take(ctx, charges("x", z)).Allowed {
			t.Fatal("refused")
		}
	}
	large := charges("x", z)
	large[0].Cost = 99
	if a.Take(ctx, large).Allowed {
		t.Fatal("more than there is")
	}
	a.Close()
	for range 100 - spent {
		if d := b.Take(ctx, charges("x", z)); !d.Allowed {
			t.Fatalf("%d were spent, and what was not is gone: %+v", spent, d)
		}
		spent++
	}
	if b.Take(ctx, charges("x", z)).Allowed {
		t.Errorf("more than 100, after %d", spent)
	}
}
