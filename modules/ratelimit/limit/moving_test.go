package limit

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/redisfleet"
)

// A slot that moves on before all have learned where it moved to last leads from master to master. Nothing was run by any of them, so it is
// asked for again, and no request is taken for one that could not be counted.
func TestMovingSlotsAreFollowed(t *testing.T) {
	c := redisfleet.StartCluster(t, 3)
	ctx, cancel := context.WithCancel(context.Background())
	one, two := zone(t, "one", 100_000, time.Second, 1_000_000, Closed), zone(t, "two", 90_000, time.Second, 1_000_000, Closed)
	var asked, uncounted, refused atomic.Int64
	var asking sync.WaitGroup
	for range 3 {
		l := NewLimiter(NewState(0, time.Now), Options{Redis: c.Client(), Timeout: 10 * time.Second})
		defer l.Close()
		for range 16 {
			asking.Go(func() {
				for ctx.Err() == nil {
					d := l.Take(context.Background(), charges("moving", one, two))
					asked.Add(1)
					switch {
					case d.Unavailable:
						uncounted.Add(1)
					case !d.Allowed:
						refused.Add(1)
					}
				}
			})
		}
	}
	slot := c.Slot(charges("moving", one)[0].key())
	for range 60 {
		i := slices.Index(c.Masters, c.Owner(slot))
		c.Move(slot, c.Masters[(i+1)%len(c.Masters)], func() { time.Sleep(2 * time.Millisecond) })
	}
	cancel()
	asking.Wait()
	t.Logf("%d asked during 60 moves", asked.Load())
	if uncounted.Load() > 0 || refused.Load() > 0 {
		t.Errorf("of %d requests %d were not counted and %d refused, though there was room", asked.Load(), uncounted.Load(), refused.Load())
	}
}
