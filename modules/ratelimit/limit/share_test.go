package limit

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/internal/redistest"
)

// Nodes that count each for itself admit no more together than the limit says, but for a burst that does not divide.
func TestShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 50).Draw(t, "nodes")
		l, err := New(rapid.Int64Range(1, 1000).Draw(t, "count"), time.Duration(rapid.Int64Range(1, 100_000).Draw(t, "ms"))*time.Millisecond, rapid.Int64Range(1, 1000).Draw(t, "burst"))
		if err != nil {
			return // no limit at all
		}
		s := l.share(n, 1)
		if s.Never() || s.Burst > max(1, l.Burst/n) || s.interval < l.interval*n || s.capacity != s.interval*s.Burst {
			t.Fatalf("%+v of %+v among %d", s, l, n)
		}
	})
	quota, err := NewQuota(10, Day)
	if err != nil {
		t.Fatal(err)
	}
	if s := quota.share(4, 1); s.Burst != 2 || s.kind != Quota {
		t.Errorf("%+v", s)
	}
	if s := quota.share(4, 7); s.Burst != 7 {
		t.Errorf("what may be asked at once is refused for ever: %+v", s)
	}
	year, err := New(1, 300*24*time.Hour, 1)
	if err != nil {
		t.Fatal(err)
	}
	if s := year.share(maxNodes, 1); s.capacity > longest.Microseconds() {
		t.Errorf("%+v", s)
	}
}

// Three nodes whose Redis is gone each admit a third, and the number of nodes is the last that was known.
func TestLocalDividesByLiveNodes(t *testing.T) {
	s := redistest.Start(t)
	c := s.Client()
	defer c.Close()
	ctx := context.Background()
	var fleet []*Limiter
	for range 3 {
		l := NewLimiter(NewState(0, time.Now), Options{Redis: c, Timeout: 100 * time.Millisecond})
		defer l.Close()
		fleet = append(fleet, l)
	}
	for _, l := range fleet {
		for end := time.Now().Add(20 * time.Second); l.remote.nodes.count() != 3; {
			if err := l.remote.nodes.note(ctx, true); err != nil || time.Now().After(end) {
				t.Fatalf("%d nodes: %v", l.remote.nodes.count(), err)
			}
		}
	}
	s.Kill()
	z := zone(t, "z", 30, time.Hour, 30, Local)
	admitted := 0
	for _, l := range fleet {
		for range 100 {
			if d := l.Take(ctx, charges("x", z)); d.Allowed {
				admitted++
			}
		}
	}
	if admitted != 30 {
		t.Errorf("%d admitted by three nodes", admitted)
	}
}

// A limiter that is closed ends its goroutine and goes from the registry, and still answers who has it.
func TestClose(t *testing.T) {
	c := redistest.Start(t).Client()
	defer c.Close()
	ctx := context.Background()
	state := NewState(0, time.Now)
	first := NewLimiter(state, Options{Redis: c, Timeout: time.Second})
	second := NewLimiter(state, Options{Redis: c, Timeout: time.Second})
	r := first.remote
	if r != second.remote {
		t.Fatal("two limiters of one process know different things of one Redis")
	}
	first.Close()
	first.Close()
	select {
	case <-r.done:
		t.Fatal("the first to go took the other's goroutine along")
	default:
	}
	second.Close()
	<-r.done
	if n := c.ZCard(ctx, nodesKey).Val(); n != 0 {
		t.Errorf("%d nodes are still noted", n)
	}
	if d := first.Take(ctx, charges("x", zone(t, "z", 1, time.Hour, 1, Closed))); !d.Allowed || d.Source != FromRedis {
		t.Errorf("%+v", d)
	}
}
