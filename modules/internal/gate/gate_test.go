package gate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever is asked for, no more is in flight than may be, in all and of one client, and nothing is left over.
func TestGateBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(16)
		var all, most, served, refused atomic.Int64
		var each [3]atomic.Int64
		var wg sync.WaitGroup
		for i := range 300 {
			wg.Go(func() {
				client := i % len(each)
				time.Sleep(time.Duration(i%7) * time.Millisecond)
				s, err := g.Enter(t.Context(), fmt.Sprint(client), 1+int64(i%13), 200*time.Millisecond)
				if err != nil {
					refused.Add(1)
					return
				}
				defer s.Leave()
				served.Add(1)
				n := all.Add(s.weight)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				if c := each[client].Add(s.weight); c > 8 || n > 16 || s.weight > 8 {
					t.Errorf("in flight: %d, of the client %d, of the request %d", n, c, s.weight)
				}
				time.Sleep(5 * time.Millisecond)
				each[client].Add(-s.weight)
				all.Add(-s.weight)
			})
		}
		wg.Wait()
		if most.Load() < 12 || served.Load() < 50 || refused.Load() == 0 {
			t.Errorf("at most %d in flight, %d served, %d refused", most.Load(), served.Load(), refused.Load())
		}
		if !g.Idle() {
			t.Error("room is still taken, or a client remembered")
		}
	})
}

func TestGateWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(4)
		enter := func(ctx context.Context, client string) error {
			s, err := g.Enter(ctx, client, 2, time.Second) // weighs 2: a whole share
			if err == nil {
				s.Leave()
			}
			return err
		}
		a, err := g.Enter(t.Context(), "a", 1<<30, time.Second)
		if err != nil || a.weight != 2 {
			t.Fatal(a, err)
		}
		start := time.Now()
		if err := enter(t.Context(), "a"); !errors.Is(err, ErrClient) || time.Since(start) != time.Second {
			t.Errorf("over the share: %v after %s", err, time.Since(start))
		}
		start = time.Now()
		if err := enter(t.Context(), "b"); err != nil || time.Since(start) > 0 {
			t.Errorf("another client: %v after %s", err, time.Since(start))
		}
		b, _ := g.Enter(t.Context(), "b", 2, time.Second)
		if err := enter(t.Context(), "c"); !errors.Is(err, ErrBusy) {
			t.Errorf("over the capacity: %v", err)
		}
		gone, cancel := context.WithCancel(t.Context())
		go func() { time.Sleep(time.Millisecond); cancel() }()
		if err := enter(gone, "c"); !errors.Is(err, context.Canceled) {
			t.Errorf("a client that went away: %v", err)
		}
		go func() { time.Sleep(time.Millisecond); b.Leave() }()
		if err := enter(t.Context(), "c"); err != nil {
			t.Errorf("after room was made: %v", err)
		}
		a.Leave()
		if !g.Idle() {
			t.Error("room is still taken, or a client remembered")
		}
	})
}
