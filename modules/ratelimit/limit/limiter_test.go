package limit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/modules/internal/redistest"
)

func zone(t fataler, name string, count int64, period time.Duration, burst int64, f OnFailure) *Zone {
	t.Helper()
	l, err := New(count, period, burst)
	if err != nil {
		t.Fatal(err)
	}
	return &Zone{Name: name, Limit: l, OnFailure: f}
}

// fataler is a test, or a part of one.
type fataler interface {
	Helper()
	Fatal(...any)
}

func charges(who string, zones ...*Zone) []Charge {
	var c []Charge
	for _, z := range zones {
		c = append(c, Charge{Zone: z, Subject: NewSubject(who)})
	}
	return c
}

// limiters gives one that counts in memory, one in Redis, and one in a Redis Cluster.
func limiters(t testing.TB) map[string]*Limiter {
	single := redistest.Start(t).Client()
	node := redistest.Start(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf")
	one := node.Client()
	defer one.Close()
	if err := one.Do(context.Background(), "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{node.Addr}, MaxRedirects: -1, ContextTimeoutEnabled: true})
	for end := time.Now().Add(10 * time.Second); cluster.Set(context.Background(), "x", 1, time.Second).Err() != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the cluster does not come up")
		}
	}
	t.Cleanup(func() { _, _ = single.Close(), cluster.Close() })
	return map[string]*Limiter{
		"memory":  NewLimiter(NewState(0, time.Now), Options{}),
		"redis":   NewLimiter(NewState(0, time.Now), Options{Redis: single, Timeout: 2 * time.Second}),
		"cluster": NewLimiter(NewState(0, time.Now), Options{Redis: cluster, Timeout: 2 * time.Second}),
	}
}

func TestLimiter(t *testing.T) {
	ctx := context.Background()
	for name, l := range limiters(t) {
		t.Run(name, func(t *testing.T) {
			t.Run("burst", func(t *testing.T) {
				z := zone(t, "login", 10, time.Minute, 20, Local)
				for i := range 20 {
					c := charges("burst", z)
					if d := l.Take(ctx, c); !d.Allowed || c[0].Result.Remaining != int64(19-i) {
						t.Fatalf("attempt %d: %+v %+v", i+1, d, c[0].Result)
					}
				}
				c := charges("burst", z)
				if d := l.Take(ctx, c); d.Allowed || !c[0].Result.Refused || c[0].Result.Wait > 6*time.Second || c[0].Result.Wait < 4*time.Second {
					t.Fatalf("attempt 21: %+v %+v", d, c[0].Result)
				}
				if d := l.Take(ctx, charges("another", z)); !d.Allowed {
					t.Error("another subject is refused")
				}
			})
			t.Run("all or none", func(t *testing.T) {
				wide, tight := zone(t, "wide", 1, time.Hour, 100, Local), zone(t, "tight", 1, time.Hour, 1, Local)
				ask := func() ([]Charge, Decision) {
					c := []Charge{{Zone: wide, Subject: NewSubject("user")}, {Zone: tight, Subject: NewSubject("host")}, {Zone: wide2, Subject: NewSubject("user")}}
					return c, l.Take(ctx, c)
				}
				if _, d := ask(); !d.Allowed {
					t.Fatal("refused")
				}
				for range 5 {
					if c, d := ask(); d.Allowed {
						t.Fatalf("%+v", c)
					}
				}
				c := charges("user", wide)
				if d := l.Take(ctx, c); !d.Allowed || c[0].Result.Remaining != 98 {
					t.Errorf("the refused requests were charged elsewhere: %+v %+v", d, c[0].Result)
				}
			})
			t.Run("nothing", func(t *testing.T) {
				c := charges("nothing", zone(t, "some", 1, time.Hour, 5, Local), zone(t, "none", 0, time.Hour, 5, Open))
				if d := l.Take(ctx, c); d.Allowed || c[1].Result.Wait >= 0 || !c[1].Result.Refused || c[0].Result.Refused {
					t.Errorf("%+v %+v", d, c)
				}
				if d := l.Take(ctx, nil); !d.Allowed {
					t.Error("no zones refuse")
				}
			})
			t.Run("exact", func(t *testing.T) {
				z, other := zone(t, "exact", 1, time.Hour, 50, Local), zone(t, "other", 1, time.Hour, 1000, Local)
				var admitted atomic.Int64
				var wg sync.WaitGroup
				for range 32 {
					wg.Go(func() {
						for range 20 {
							if l.Take(ctx, charges("exact", z, other)).Allowed {
								admitted.Add(1)
							}
						}
					})
				}
				wg.Wait()
				c := charges("exact", other)
				if l.Take(ctx, c); admitted.Load() != 50 || c[0].Result.Remaining != 1000-51 {
					t.Errorf("%d admitted, %+v", admitted.Load(), c[0].Result)
				}
			})
			t.Run("wait is not too early", func(t *testing.T) {
				z := zone(t, "wait", 10, time.Second, 1, Local)
				if d := l.Take(ctx, charges("wait", z)); !d.Allowed {
					t.Fatal("refused")
				}
				c := charges("wait", z)
				if d := l.Take(ctx, c); d.Allowed {
					t.Fatal("allowed")
				}
				time.Sleep(c[0].Result.Wait + time.Millisecond)
				if d := l.Take(ctx, charges("wait", z)); !d.Allowed {
					t.Error("refused after the time it named")
				}
			})
		})
	}
}

var wide2 = &Zone{Name: "wide2", Limit: Limit{interval: 1e6, capacity: 1e9, Burst: 1000}}

func TestKeysExpire(t *testing.T) {
	s := redistest.Start(t)
	c := s.Client()
	defer c.Close()
	ctx := context.Background()
	l := NewLimiter(NewState(0, time.Now), Options{Redis: c, Timeout: time.Second})
	l.Take(ctx, charges("user@example.com", zone(t, "login", 10, time.Minute, 20, Local), zone(t, "api", 1, time.Second, 10, Local)))
	keys, err := c.Keys(ctx, "*}:*").Result()
	if err != nil || len(keys) != 2 {
		t.Fatal(keys, err)
	}
	for _, k := range keys {
		if ttl := c.PTTL(ctx, k).Val(); ttl <= 0 || ttl > 7*time.Second || len(k) > 60 {
			t.Errorf("%s: %s", k, ttl)
		}
	}
	if err := c.ScriptFlush(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	if d := l.Take(ctx, charges("x", zone(t, "login", 10, time.Minute, 20, Closed))); !d.Allowed || d.Source != FromRedis {
		t.Errorf("after SCRIPT FLUSH: %+v", d)
	}
}

func TestRefusedLocally(t *testing.T) {
	s := redistest.Start(t)
	c := s.Client()
	defer c.Close()
	ctx := context.Background()
	l := NewLimiter(NewState(0, time.Now), Options{Redis: c, Timeout: time.Second})
	z, more := zone(t, "login", 1, time.Minute, 2, Local), zone(t, "api", 1, time.Minute, 100, Local)
	for range 3 {
		l.Take(ctx, charges("x", more, z))
	}
	before := s.Scripts()
	if before < 3 {
		t.Fatalf("%d scripts counted", before)
	}
	for range 100 {
		c := charges("x", more, z)
		if d := l.Take(ctx, c); d.Allowed || d.Source != FromDenied || !c[1].Result.Refused || c[1].Result.Wait <= 50*time.Second || !c[0].Result.Skipped {
			t.Fatalf("%+v %+v", d, c)
		}
	}
	if n := s.Scripts() - before; n > 0 {
		t.Errorf("%d scripts for refused requests", n)
	}
	if d := l.Take(ctx, charges("y", more, z)); !d.Allowed {
		t.Error("another subject is refused")
	}
	if d := l.Take(ctx, charges("x", zone(t, "login", 1, time.Minute, 5, Local))); d.Source != FromRedis {
		t.Errorf("a changed limit is answered from the old one's refusal: %+v", d)
	}
}

func TestRedisLost(t *testing.T) {
	s := redistest.Start(t)
	c := s.Client()
	defer c.Close()
	ctx := context.Background()
	asked := 0
	l := NewLimiter(NewState(0, time.Now), Options{Redis: c, Timeout: 100 * time.Millisecond, Observe: func(time.Duration, error) { asked++ }})
	open, closed, local := zone(t, "open", 1, time.Hour, 2, Open), zone(t, "closed", 1, time.Hour, 2, Closed), zone(t, "local", 1, time.Hour, 2, Local)
	if d := l.Take(ctx, charges("x", open, closed, local)); !d.Allowed || d.Source != FromRedis {
		t.Fatalf("%+v", d)
	}
	s.Kill()
	asked = 0
	for i := range 20 {
		if d := l.Take(ctx, charges("x", open)); !d.Allowed {
			t.Errorf("open: %+v", d)
		}
		if d := l.Take(ctx, charges("x", closed, open)); d.Allowed || !d.Unavailable {
			t.Errorf("closed: %+v", d)
		}
		c := charges("x", local, open)
		if d := l.Take(ctx, c); d.Allowed != (i < 2) || d.Unavailable || c[0].Result.Refused != (i >= 2) || !c[1].Result.Skipped {
			t.Errorf("local %d: %+v %+v", i, d, c)
		}
	}
	if asked == 0 || asked > 20 {
		t.Errorf("of 60 questions %d were asked of a dead Redis: each may wait for the whole timeout", asked)
	}
	s.Run()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if d := l.Take(ctx, charges("y", closed)); d.Allowed && d.Source == FromRedis {
			break
		}
		if time.Now().After(end) {
			t.Fatal("Redis is back and not asked")
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	clock := time.Now()
	m := NewMemory(640, func() time.Time { return clock })
	z := zone(t, "z", 1, time.Minute, 2, Local)
	first := charges("first", z)
	m.Take(first)
	m.Take(first)
	admitted := 0
	for i := range 100_000 {
		if m.Take(charges(fmt.Sprint(i), z)) {
			admitted++
		}
	}
	if n := m.Len(); n > 640 {
		t.Errorf("%d keys", n)
	}
	if admitted > 2*640+2*m.buckets {
		t.Errorf("%d of those without room were admitted", admitted)
	}
	if m.Take(charges("first", z)) {
		t.Error("a flood of keys gave an old one its burst anew")
	}
	clock = clock.Add(3 * time.Minute) // all are full again: there is room
	for i := range 600 {               // all are full again
		if !m.Take(charges(fmt.Sprint("new", i), z)) {
			t.Fatalf("%d: refused though there is room", i)
		}
	}
	if n := m.Len(); n > 640 {
		t.Errorf("%d keys", n)
	}
}

func TestSubjects(t *testing.T) {
	if NewSubject("a", "bc") == NewSubject("ab", "c") || NewSubject("a") == NewSubject("a", "") {
		t.Error("joined parts collide")
	}
}

func BenchmarkMemory(b *testing.B) {
	l := NewLimiter(NewState(0, time.Now), Options{})
	benchmarkTake(b, l, 3, 10_000)
}

func BenchmarkMemoryMillionKeys(b *testing.B) {
	l := NewLimiter(NewState(1_000_000, time.Now), Options{})
	benchmarkTake(b, l, 1, 2_000_000)
}

func BenchmarkRedis(b *testing.B) {
	c := redistest.Start(b).Client()
	defer c.Close()
	benchmarkTake(b, NewLimiter(NewState(0, time.Now), Options{Redis: c, Timeout: time.Second}), 3, 10_000)
}

func BenchmarkRefused(b *testing.B) {
	c := redistest.Start(b).Client()
	defer c.Close()
	l := NewLimiter(NewState(0, time.Now), Options{Redis: c, Timeout: time.Second})
	z := zone(b, "z", 1, time.Hour, 1, Local)
	l.Take(context.Background(), charges("x", z))
	b.ReportAllocs()
	for b.Loop() {
		if l.Take(context.Background(), charges("x", z)).Allowed {
			b.Fatal("allowed")
		}
	}
}

func benchmarkTake(b *testing.B, l *Limiter, zones, subjects int) {
	var list []*Zone
	for i := range zones {
		list = append(list, zone(b, fmt.Sprint("zone", i), 1000, time.Second, 100_000, Local))
	}
	defer b.StopTimer()
	who := make([]Subject, subjects)
	for i := range who {
		who[i] = NewSubject(fmt.Sprint(i))
	}
	b.ReportAllocs()
	b.ResetTimer()
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		c := make([]Charge, zones)
		for pb.Next() {
			s := who[n.Add(1)%int64(subjects)]
			for i := range c {
				c[i] = Charge{Zone: list[i], Subject: s}
			}
			if !l.Take(context.Background(), c).Allowed {
				b.Error("refused")
			}
		}
	})
}
