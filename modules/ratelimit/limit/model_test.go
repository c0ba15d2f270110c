package limit

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/internal/redistest"
)

// model is the continuous-state leaky bucket, the other form of the algorithm in ITU-T I.371: each unit fills the bucket by the interval,
// which leaks one a microsecond; what would overflow is refused.
type model struct {
	buckets map[string]bucket
}

type bucket struct{ level, at int64 }

func (m *model) take(now int64, names []string, limits []Limit, waits []int64) bool {
	ok := true
	after := make([]int64, len(names))
	for i, n := range names {
		b := m.buckets[n]
		level := max(0, b.level-(now-b.at))
		waits[i] = max(0, level+limits[i].interval-limits[i].capacity)
		after[i] = level + limits[i].interval
		ok = ok && waits[i] == 0
	}
	if ok {
		for i, n := range names {
			m.buckets[n] = bucket{after[i], now}
		}
	}
	return ok
}

// schedule runs a random schedule on take and on the model.
func schedule(t *rapid.T, set func(now int64), take func([]Charge) bool) {
	zones := make([]*Zone, 4)
	for i := range zones {
		l, err := New(rapid.Int64Range(1, 50).Draw(t, "count"), time.Duration(rapid.Int64Range(1, 5000).Draw(t, "ms"))*time.Millisecond, rapid.Int64Range(1, 12).Draw(t, "burst"))
		if err != nil {
			t.Fatal(err)
		}
		zones[i] = &Zone{Name: string(rune('a' + i)), Limit: l}
	}
	m := &model{map[string]bucket{}}
	now := int64(1_790_000_000_000_000)
	for range rapid.IntRange(1, 120).Draw(t, "steps") {
		step := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 3), rapid.Int64Range(0, 200_000), rapid.Int64Range(0, 20_000_000))
		now += step.Draw(t, "step")
		set(now)
		var charges []Charge
		var names []string
		var limits []Limit
		for i, z := range zones {
			if !rapid.Bool().Draw(t, "zone") && i > 0 {
				continue
			}
			who := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "who")
			charges = append(charges, Charge{Zone: z, Subject: NewSubject(t.Name(), who)})
			names, limits = append(names, z.Name+who), append(limits, z.Limit)
		}
		waits := make([]int64, len(charges))
		want := m.take(now, names, limits, waits)
		if got := take(charges); got != want {
			t.Fatalf("at %d: allowed %t, the model says %t", now, got, want)
		}
		for i, c := range charges {
			b := m.buckets[names[i]]
			level := max(0, b.level-(now-b.at))
			want := Result{Refused: waits[i] > 0, Wait: micros(waits[i]), Reset: micros(level), Remaining: (limits[i].capacity - level) / limits[i].interval}
			if c.Result != want {
				t.Fatalf("at %d, %s: %+v, the model says %+v", now, names[i], c.Result, want)
			}
		}
	}
}

func TestMemoryIsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clock := time.Now()
		zero := int64(0)
		m := NewMemory(0, func() time.Time { return clock })
		start := clock
		schedule(t, func(now int64) {
			if zero == 0 {
				zero = now
			}
			clock = start.Add(micros(now - zero))
		}, m.Take)
	})
}

// The script runs as it is, but for its clock, which the test sets, and the expiry, which would go by the real one.
func TestScriptIsTheModel(t *testing.T) {
	s := redistest.Start(t)
	c := s.Client()
	defer c.Close()
	ctx := context.Background()
	source := strings.Replace(gcraSource, "redis.call('TIME')", "redis.call('MGET', 'sec', 'usec')", 1)
	source, expiry := strings.Replace(source, "'PX'", "'KEEPTTL') -- ", 1), source
	if expiry == gcraSource || source == expiry {
		t.Fatal("the script has no clock or no expiry to replace")
	}
	real := gcra
	gcra = redis.NewScript(source)
	defer func() { gcra = real }()
	rapid.Check(t, func(t *rapid.T) {
		if err := c.FlushAll(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		r := newRedisCounter(c)
		schedule(t, func(now int64) {
			if err := c.MSet(ctx, "sec", now/1_000_000, "usec", now%1_000_000).Err(); err != nil {
				t.Fatal(err)
			}
		}, func(charges []Charge) bool {
			ok, err := r.take(ctx, charges)
			if err != nil {
				t.Fatal(err)
			}
			return ok
		})
	})
}
