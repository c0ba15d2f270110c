package limit

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/modules/internal/redistest"
)

// stat is a number of INFO stats.
func stat(t testing.TB, c redis.UniversalClient, name string) int {
	t.Helper()
	info, err := c.InfoMap(context.Background(), "stats").Result()
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(info["Stats"][name])
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// Redis reads once for many requests when they come at the same time.
func TestCallsShareAConversation(t *testing.T) {
	c := redistest.Start(t).Client()
	defer c.Close()
	ctx := context.Background()
	l := NewLimiter(NewState(0, time.Now), Options{Redis: c, Timeout: 10 * time.Second})
	defer l.Close()
	z := zone(t, "z", 1000, time.Second, 1_000_000, Closed)
	l.Take(ctx, charges("x", z)) // the script is known
	before := stat(t, c, "total_reads_processed")
	const callers, each = 64, 100
	var wg sync.WaitGroup
	var admitted atomic.Int64
	for i := range callers {
		wg.Go(func() {
			for range each {
				if d := l.Take(ctx, charges(fmt.Sprint(i), z)); d.Allowed && d.Source == FromRedis {
					admitted.Add(1)
				}
			}
		})
	}
	wg.Wait()
	reads := stat(t, c, "total_reads_processed") - before
	if admitted.Load() != callers*each || reads > callers*each/3 {
		t.Errorf("%d admitted, %d reads for %d calls", admitted.Load(), reads, callers*each)
	}
	t.Logf("%d calls in %d reads", callers*each, reads)
}

// Who waits for a conversation and gives up is not charged, and takes nobody along.
func TestWhoLeavesTheQueueIsNotCharged(t *testing.T) {
	c := redistest.Start(t).Client()
	defer c.Close()
	w := &lane{client: c, flying: maxFlights} // as if all were under way
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if cmd := w.do(gone, []any{"incr", "gone"}); cmd.Err() == nil {
		t.Error("an answer from nowhere")
	}
	stays := make(chan error)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		stays <- w.do(ctx, []any{"incr", "stays"}).Err()
	}()
	for queued := 0; queued < 2; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		queued = len(w.queue)
		w.mu.Unlock()
	}
	w.land() // one is back
	if err := <-stays; err != nil {
		t.Error(err)
	}
	if n := c.Exists(context.Background(), "gone").Val(); n != 0 {
		t.Error("who had left was charged")
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		flying := w.flying
		w.mu.Unlock()
		if flying == maxFlights-1 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d under way, and nobody waits", flying)
		}
	}
}

func TestQueueIsBounded(t *testing.T) {
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer c.Close()
	w := &lane{client: c, flying: maxFlights, queue: make([]*call, maxQueue)}
	if err := w.do(context.Background(), []any{"ping"}).Err(); err != errBusy {
		t.Error(err)
	}
}

// The examples of the specification of Redis Cluster, and of its reference implementation.
func TestHashSlot(t *testing.T) {
	for key, want := range map[string]int{
		"123456789": 12739, "foo": 12182, "{foo}bar": 12182, "a{foo}{bar}": 12182, "foo{}{bar}": 8363, "foo{{bar}}zap": 4015, "": 0,
	} {
		if got := hashSlot(key); got != want {
			t.Errorf("%q: %d, want %d", key, got, want)
		}
	}
}

func TestNodesKnowOfEachOther(t *testing.T) {
	s := redistest.Start(t)
	c := s.Client()
	defer c.Close()
	ctx := context.Background()
	a, b := newNodes(c), newNodes(c)
	for _, n := range []*nodes{a, b, a} {
		if err := n.note(ctx, true); err != nil {
			t.Fatal(err)
		}
	}
	if a.count() != 2 || b.count() != 2 {
		t.Errorf("%d and %d nodes", a.count(), b.count())
	}
	if ttl := c.PTTL(ctx, nodesKey).Val(); ttl <= 0 || ttl > lifetime {
		t.Errorf("the registry stays for %s", ttl)
	}
	// A node that was killed: its note grows old.
	if err := c.ZAdd(ctx, nodesKey, redis.Z{Score: 1, Member: "killed"}).Err(); err != nil {
		t.Fatal(err)
	}
	if err := a.note(ctx, true); err != nil || a.count() != 2 {
		t.Errorf("%d nodes: %v", a.count(), err)
	}
	s.Kill()
	if err := a.note(ctx, true); err == nil || a.count() != 2 {
		t.Errorf("Redis is away: %d nodes, %v", a.count(), err)
	}
	s.Run()
	if err := b.note(ctx, true); err != nil || b.count() != 1 {
		t.Errorf("%d nodes: %v", b.count(), err)
	}
	if err := b.note(ctx, false); err != nil || b.count() != 1 {
		t.Errorf("one that goes counts %d: %v", b.count(), err)
	}
}

// The registry, and tokens, work over a Cluster as over one server.
func TestClusterKnowsNodesAndTokens(t *testing.T) {
	ctx := context.Background()
	l := limiters(t)["cluster"]
	defer l.Close()
	if err := l.remote.nodes.note(ctx, true); err != nil || l.remote.nodes.count() != 1 {
		t.Errorf("%d nodes: %v", l.remote.nodes.count(), err)
	}
	a, b := leased(t, "a", 1, time.Hour, 1000, 100), leased(t, "b", 1, time.Hour, 1000, 100)
	fromLease := 0
	for range 100 {
		list := []Charge{{Zone: a, Subject: NewSubject("one slot")}, {Zone: b, Subject: NewSubject("another")}}
		d := l.Take(ctx, list)
		if !d.Allowed || d.Source == FromFailure {
			t.Fatalf("%+v %+v", d, list)
		}
		if d.Source == FromLease {
			fromLease++
		}
	}
	if fromLease < 50 {
		t.Errorf("%d of 100 by tokens", fromLease)
	}
}
