package limit

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/convosphere/gateway/modules/internal/redistest"
)

// faulty is a Redis behind a proxy that can do it harm.
func faulty(t *testing.T) (*toxiproxy.Proxy, *redis.Client) {
	t.Helper()
	s := redistest.Start(t)
	p := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "redis", "127.0.0.1:0", s.Addr)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	c := redis.NewClient(&redis.Options{Addr: p.Listen, MaxRetries: -1, ContextTimeoutEnabled: true, DialTimeout: time.Second})
	t.Cleanup(func() { _ = c.Close() })
	return p, c
}

// Whatever happens to Redis under load: nobody is refused for it, few wait for it, and it is asked again once it is well.
func TestFaults(t *testing.T) {
	const callers, calls = 32, 100
	for _, f := range []struct {
		name, toxic string
		mild        bool // Redis goes on answering in time
	}{
		{"slow but in time", `{"type":"latency","attributes":{"latency":3,"jitter":2}}`, true},
		{"too slow", `{"type":"latency","attributes":{"latency":400}}`, false},
		{"cut", "", false},
		{"blackhole", `{"type":"timeout","attributes":{"timeout":0}}`, false},
		{"blackhole on the way there", `{"type":"timeout","stream":"upstream","attributes":{"timeout":0}}`, false},
		{"slow close", `{"type":"slow_close","attributes":{"delay":2000}}`, true},
		{"reset", `{"type":"reset_peer","attributes":{"timeout":0}}`, false},
		{"reset after a while", `{"type":"reset_peer","attributes":{"timeout":30}}`, false},
	} {
		t.Run(strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
			p, c := faulty(t)
			t.Parallel()
			var failed, changes, fromRedis, fromFailure atomic.Int64
			l := NewLimiter(NewState(0, time.Now), Options{
				Redis: c, Timeout: 100 * time.Millisecond,
				Observe: func(_ time.Duration, err error) {
					if err != nil {
						failed.Add(1)
					}
				},
				Changed: func(Change) { changes.Add(1) },
			})
			defer l.Close()
			z := zone(t, "z", 1000, time.Second, 100_000, Local)
			if d := l.Take(context.Background(), charges("x", z)); d.Source != FromRedis {
				t.Fatalf("%+v", d)
			}
			if f.toxic == "" {
				p.Stop()
			} else if _, err := p.Toxics.AddToxicJson(strings.NewReader(f.toxic)); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for i := range callers {
				wg.Go(func() {
					for range calls {
						d := l.Take(context.Background(), charges(fmt.Sprint(i), z))
						if !d.Allowed {
							t.Errorf("%+v", d)
						}
						if d.Source == FromRedis {
							fromRedis.Add(1)
						} else {
							fromFailure.Add(1)
						}
						time.Sleep(5 * time.Millisecond)
					}
				})
			}
			wg.Wait()
			t.Logf("of %d calls %d by Redis, %d by on_failure; %d waited for nothing; %d changes of mode", callers*calls, fromRedis.Load(), fromFailure.Load(), failed.Load(), changes.Load())
			if f.mild && fromRedis.Load() == 0 || !f.mild && (failed.Load() > (tolerated+1)*callers || changes.Load() == 0) {
				t.Error("too many waited, or nobody was told, or nobody asked")
			}
			if f.toxic == "" {
				if err := p.Start(); err != nil {
					t.Fatal(err)
				}
			} else {
				p.Toxics.ResetToxics(context.Background())
			}
			for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
				if d := l.Take(context.Background(), charges("y", z)); d.Source == FromRedis && !l.Lost() {
					break
				}
				if time.Now().After(end) {
					t.Fatal("Redis is well and not asked")
				}
			}
		})
	}
}
