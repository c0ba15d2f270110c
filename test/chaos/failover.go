package chaos

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/test/kit"
	"github.com/convosphere/gateway/test/redisfleet"
)

// hoard is a limit that nothing flows back into while a test lasts: what was admitted is what was charged.
var hoard = rate{1000, 100 * 24 * time.Hour, 4000}

// FailedOver is what became of a limit whose master froze under load, and was followed by a replica that did not know all of it.
type FailedOver struct {
	Lag         time.Duration
	Burst       int
	Before      int // admitted until the master froze
	After       int // and by the master that followed
	Unavailable int // refused because they could not be counted
	Withheld    int // of what the new master had left: neither admitted, nor perhaps charged without an answer
	Failed      int
	Charged     int           // by the old master
	Known       int           // of these to the new one when it took over
	LostBytes   int64         // of the replication stream
	Named       time.Duration // from the freeze until all Sentinels named the new one
	Outage      time.Duration // and until gateways were seen to count by it, where they are asked again after that
}

// Lost charges are those that the old master had not passed on.
func (f FailedOver) Lost() int { return f.Charged - f.Known }

// Over is how many more were admitted than the limit allows.
func (f FailedOver) Over() int { return f.Before + f.After - f.Burst }

// FailOver has replicas lag behind their master, freezes it in the middle of the load, and lets Sentinels name another.
func FailOver(t kit.T, lag time.Duration) FailedOver {
	t.Helper()
	s := redisfleet.StartSentinels(t, 2)
	lines := "\t\t\tstore_timeout 1s\n\t\t\tzone hoard {\n\t\t\t\tkey global\n\t\t\t\trate 1000/100d\n\t\t\t\tburst 4000\n\t\t\t\ton_failure closed\n\t\t\t\tmode exact\n\t\t\t}"
	running := startNodes(t, nodes, "redis "+s.URL(), lines)
	way := delayed(t, s.First.Addr, lag)
	s.Lag(way.Listen)

	f := FailedOver{Lag: lag, Burst: hoard.burst}
	clients := load{running, 16, "/", 10 * time.Millisecond}
	ctx, stop := context.WithCancel(context.Background())
	seen := make(chan *tally)
	go func() { seen <- clients.run(ctx) }()
	spent := func() int { return charged(t, s.First.Client(), hoard) }
	kit.Eventually(t, time.Minute, "a third of the burst is spent", func() bool { return spent() > hoard.burst/3 })
	s.First.Freeze()
	way.Stop() // what is under way is lost
	froze := time.Now()
	stop()
	before := <-seen

	m := s.Failed()
	f.Named = time.Since(froze)
	f.Known = charged(t, m.Client(), hoard)
	s.First.Thaw()
	f.Charged = charged(t, s.First.Client(), hoard)
	old, _ := s.First.Offset()
	_, taken := m.Offset()
	f.LostBytes = old - taken

	var after tally
	kit.Eventually(t, 2*time.Minute, "the rest of the burst is spent", func() bool {
		part := clients.lasting(250 * time.Millisecond)
		if f.Outage == 0 && part.admitted > 0 {
			f.Outage = time.Since(froze)
		}
		after.add(*part)
		return part.admitted == 0 && part.unavailable == 0 && part.refused > 0
	})
	f.Before, f.After = before.admitted, after.admitted
	f.Withheld = max(0, f.Burst-f.Known-f.After-after.unavailable)
	f.Unavailable, f.Failed = before.unavailable+after.unavailable, before.failed+after.failed
	return f
}

// charged is how many units a limit's only key holds in this Redis: it expires when they are free again.
func charged(t kit.T, c *redis.Client, r rate) int {
	t.Helper()
	ctx := context.Background()
	keys, err := c.Keys(ctx, "gw:*").Result()
	if err != nil {
		t.Fatalf("looking for the limit's key: %v", err)
	}
	for _, k := range keys {
		if !strings.HasSuffix(k, ":hoard") {
			continue
		}
		left, err := c.PTTL(ctx, k).Result()
		if err != nil {
			t.Fatalf("asking for what is charged: %v", err)
		}
		return int(math.Ceil(float64(left-time.Second) / float64(r.period/time.Duration(r.count))))
	}
	return 0
}
