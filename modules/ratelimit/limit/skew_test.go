package limit

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/redistest"
)

// Nodes whose clocks are hours apart, run at different speeds, or jump, admit no more together than one whose clock is right: all is counted by
// Redis's.
func TestClocksOfNodesDisagree(t *testing.T) {
	r := redistest.Start(t).Client()
	defer r.Close()
	ctx, began := context.Background(), time.Now()
	clocks := map[string]func() time.Time{
		"right":  time.Now,
		"ahead":  func() time.Time { return time.Now().Add(26 * time.Hour) },
		"behind": func() time.Time { return time.Now().Add(-26 * time.Hour) },
		"fast":   func() time.Time { return began.Add(20 * time.Since(began)) },
		"slow":   func() time.Time { return began.Add(time.Since(began) / 20) },
		"jumps": func() time.Time {
			since := time.Since(began)
			if since/(50*time.Millisecond)%2 == 1 {
				return began.Add(since + time.Hour)
			}
			return began.Add(since)
		},
	}
	for _, mode := range []Mode{Exact, Leased} {
		const lease = 5
		z := zone(t, "skewed", 500, time.Second, 50, Closed)
		z.Mode, z.Lease = mode, lease
		who := "exact"
		allowed := int64(0)
		if mode == Leased {
			who, allowed = "leased", lease*int64(len(clocks))
		}
		start, err := r.Time(ctx).Result()
		if err != nil {
			t.Fatal(err)
		}
		var admitted atomic.Int64
		var asking sync.WaitGroup
		for name, clock := range clocks {
			l := NewLimiter(NewState(0, clock), Options{Redis: r, Timeout: 10 * time.Second})
			defer l.Close()
			asking.Go(func() {
				mine := 0
				for range 1500 {
					d := l.Take(ctx, charges(who, z))
					if d.Unavailable {
						t.Errorf("%s: %+v", name, d)
						return
					}
					if d.Allowed {
						admitted.Add(1)
						mine++
					}
				}
				t.Logf("%s, a clock that is %s: %d admitted", who, name, mine)
			})
		}
		asking.Wait()
		end, err := r.Time(ctx).Result()
		if err != nil {
			t.Fatal(err)
		}
		allowed += z.Limit.Burst + end.Sub(start).Microseconds()/z.Limit.interval
		t.Logf("%s: %d admitted of %d", who, admitted.Load(), allowed)
		if admitted.Load() > allowed {
			t.Errorf("%s: %d admitted of %d", who, admitted.Load(), allowed)
		}
	}
}
