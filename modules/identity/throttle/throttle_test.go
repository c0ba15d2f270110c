package throttle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/internal/redistest"
	"github.com/convosphere/gateway/modules/internal/store"
)

var (
	ctx  = context.Background()
	rule = Rule{Free: 5, First: 30 * time.Second, Longest: time.Hour}
)

type clock struct{ us atomic.Int64 }

func (c *clock) now() time.Time      { return time.UnixMicro(c.us.Load()) }
func (c *clock) add(d time.Duration) { c.us.Add(d.Microseconds()) }
func newClock() *clock {
	c := new(clock)
	c.us.Store(time.Now().UnixMicro())
	return c
}

func inMemory(t *testing.T) (*Throttle, *clock) {
	t.Helper()
	c := newClock()
	return New(store.NewMemory(0), c.now, zap.NewNop()), c
}

func inRedis(t *testing.T, s *redistest.Server) *Throttle {
	t.Helper()
	r, err := store.OpenRedis(ctx, "redis://"+s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return New(r, time.Now, zap.NewNop())
}

func scope(name string) Scope { return Scope{Name: name, Key: Key(name), Rule: rule} }

// miss tries once, wrongly, and tells how long to wait instead.
func miss(t *testing.T, on *Throttle, scopes ...Scope) time.Duration {
	t.Helper()
	k, err := on.Charge(ctx, scopes)
	var refused Refused
	if err != nil && !errors.As(err, &refused) {
		t.Fatal(err)
	}
	if err == nil {
		k.Wrong(ctx)
	}
	return refused.Wait
}

func TestWaitsDouble(t *testing.T) {
	th, c := inMemory(t)
	for i := range 5 {
		if w := miss(t, th, scope("a")); w != 0 {
			t.Fatalf("try %d waits %s", i+1, w)
		}
	}
	for _, want := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute} {
		for range 100 { // tries that are refused make nothing longer
			if w := miss(t, th, scope("a")); w != want {
				t.Fatalf("waits %s, want %s", w, want)
			}
		}
		c.add(want)
		if w := miss(t, th, scope("a")); w != 0 {
			t.Fatalf("still waits %s after %s", w, want)
		}
	}
	if w := miss(t, th, scope("b")); w != 0 {
		t.Fatal("somebody else waits", w)
	}
}

// However patient an attacker is, there is one try each longest wait, after those that are free.
func TestGuessingIsSlowForEver(t *testing.T) {
	for _, pause := range []time.Duration{time.Second, 10 * time.Minute, 59 * time.Minute, 3 * time.Hour} {
		th, c := inMemory(t)
		tries := 0
		const month = 30 * 24 * time.Hour
		for spent := time.Duration(0); spent < month; spent += max(pause, time.Minute) {
			for miss(t, th, scope("a")) == 0 {
				tries++
			}
			c.add(max(pause, time.Minute))
		}
		if most := 5 + 10 + 30*24; tries > most {
			t.Errorf("every %s: %d tries in a month, want at most %d", pause, tries, most)
		}
	}
}

func TestWhoIsLetBeIsForgiven(t *testing.T) {
	th, c := inMemory(t)
	for range 40 {
		c.add(miss(t, th, scope("a")))
	}
	c.add(time.Hour) // no wait is longer
	if w := miss(t, th, scope("a")); w != 0 {
		t.Fatal("waits", w)
	}
	c.add(10 * 24 * time.Hour)
	for i := range 5 {
		if w := miss(t, th, scope("a")); w != 0 {
			t.Fatalf("try %d after ten quiet days waits %s", i+1, w)
		}
	}
}

func TestAClockSetBackShutsNobodyOut(t *testing.T) {
	th, c := inMemory(t)
	for range 10 {
		c.add(miss(t, th, scope("a")))
		miss(t, th, scope("a"))
	}
	c.add(-365 * 24 * time.Hour)
	if w := miss(t, th, scope("a")); w > time.Hour {
		t.Fatal("waits", w)
	}
}

func both(t *testing.T) map[string][2]*Throttle {
	s := redistest.Start(t)
	m, _ := inMemory(t)
	return map[string][2]*Throttle{"memory": {m, m}, "redis": {inRedis(t, s), inRedis(t, s)}} // two gateways on one Redis
}

func TestParallelTriesCountAsSoMany(t *testing.T) {
	for name, nodes := range both(t) {
		var looked atomic.Int32
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				if miss(t, nodes[i%2], scope("a"), scope(fmt.Sprint("other", i))) == 0 {
					looked.Add(1)
				}
			})
		}
		wg.Wait()
		if looked.Load() != 5 {
			t.Errorf("%s: %d of 200 parallel tries were looked at, want 5", name, looked.Load())
		}
	}
}

func TestARefusedTryCountsNowhere(t *testing.T) {
	for name, nodes := range both(t) {
		th := nodes[0]
		for range 5 {
			miss(t, th, scope("shut"))
		}
		for range 20 {
			if miss(t, th, scope("open"), scope("shut")) == 0 {
				t.Fatal(name, "was let through")
			}
		}
		if n := th.Counts(ctx, []Scope{scope("open"), scope("shut")}); n[0] != 0 || n[1] != 5 {
			t.Errorf("%s: %v", name, n)
		}
	}
}

func TestARightTryTakesItsOwnBack(t *testing.T) {
	for name, nodes := range both(t) {
		th := nodes[0]
		keeps, clears, late := scope("keeps"), scope("clears"), scope("late")
		clears.Clears = true
		for range 3 {
			miss(t, th, keeps, clears)
		}
		k, err := th.Charge(ctx, []Scope{keeps, clears, late})
		if err != nil {
			t.Fatal(err)
		}
		k.Right(ctx)
		if n := th.Counts(ctx, []Scope{keeps, clears, late}); n[0] != 3 || n[1] != 0 || n[2] != 0 {
			t.Errorf("%s: right: %v", name, n)
		}
		for range 2 {
			miss(t, th, keeps, clears)
		}
		// Who signs in to an account of the own between guesses gains nothing.
		if miss(t, th, keeps) == 0 {
			t.Error(name, "a right try gave others anew")
		}
		k, _ = th.Charge(ctx, []Scope{clears})
		k.Void(ctx)
		if n := th.Counts(ctx, []Scope{clears}); n[0] != 2 {
			t.Errorf("%s: void: %v", name, n)
		}
	}
}

// Many right tries at once wait for each other rather than for nothing.
func TestParallelRightTriesAllComeThrough(t *testing.T) {
	for name, nodes := range both(t) {
		var most, now atomic.Int32
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				k, err := nodes[i%2].Charge(ctx, []Scope{scope("a")})
				if err != nil {
					t.Error(name, err)
					return
				}
				for n := now.Add(1); ; {
					if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
						break
					}
				}
				time.Sleep(time.Millisecond)
				now.Add(-1)
				k.Right(ctx)
			})
		}
		wg.Wait()
		if most.Load() > 5 {
			t.Errorf("%s: %d were looked at at once", name, most.Load())
		}
		if n := nodes[0].Counts(ctx, []Scope{scope("a")}); n[0] != 0 {
			t.Error(name, n)
		}
	}
}

func TestWaitingEndsWithTheClient(t *testing.T) {
	th, _ := inMemory(t)
	for range 5 {
		if _, err := th.Charge(ctx, []Scope{scope("a")}); err != nil { // and never ends it
			t.Fatal(err)
		}
	}
	gone, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if _, err := th.Charge(gone, []Scope{scope("a")}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

// The fifth try begins a wait as it is counted, and takes that back if it was right.
func TestARightTryLeavesNoWait(t *testing.T) {
	for name, nodes := range both(t) {
		th := nodes[0]
		for range 4 {
			miss(t, th, scope("a"))
		}
		for range 3 {
			k, err := th.Charge(ctx, []Scope{scope("a")})
			if err != nil {
				t.Fatal(name, err)
			}
			if s, w := k.Waits(); len(s) != 1 || w != rule.First {
				t.Error(name, s, w)
			}
			if nodes[1] != th && miss(t, nodes[1], scope("a")) == 0 {
				t.Error(name, "another gateway looked at another meanwhile")
			}
			k.Right(ctx)
		}
	}
}

func TestALiftedWaitCountsAllTheSame(t *testing.T) {
	for name, nodes := range both(t) {
		th := nodes[0]
		for range 5 {
			miss(t, th, scope("a"))
		}
		lifted := scope("a")
		lifted.Lifted = true
		if miss(t, th, lifted) != 0 {
			t.Error(name, "waits")
		}
		if n := th.Counts(ctx, []Scope{lifted}); n[0] != 6 {
			t.Error(name, n)
		}
		if miss(t, th, scope("a")) == 0 {
			t.Error(name, "the wait is gone")
		}
	}
}

func TestWithoutTheStoreTheProcessCounts(t *testing.T) {
	s := redistest.Start(t)
	th := inRedis(t, s)
	miss(t, th, scope("a"))
	s.Kill()
	looked := 0
	for range 20 {
		if miss(t, th, scope("a")) == 0 {
			looked++
		}
	}
	if looked != 5 {
		t.Errorf("%d tries without the store, want 5", looked)
	}
	k, err := th.Charge(ctx, []Scope{scope("b")})
	if err != nil {
		t.Fatal(err)
	}
	s.Run()
	k.Right(ctx) // goes where it was counted
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		n := th.Counts(ctx, []Scope{scope("a"), scope("b")})
		if n[0] == 0 && n[1] == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the new server is not asked:", n)
		}
	}
}

func TestKeysExpire(t *testing.T) {
	s := redistest.Start(t)
	th := inRedis(t, s)
	miss(t, th, scope("a"))
	k, _ := th.Charge(ctx, []Scope{scope("a")})
	k.Void(ctx)
	ttl := s.Client().PTTL(ctx, scope("a").Key).Val()
	if ttl < time.Hour || ttl > 3*time.Hour {
		t.Fatal(ttl)
	}
	if strings.Contains(scope("a").Key, " ") || !strings.HasPrefix(scope("a").Key, "gw:{throttle}:") {
		t.Error(scope("a").Key)
	}
}

// The script and the process count alike.
func TestScriptIsTheMemory(t *testing.T) {
	client := redistest.Start(t).Client()
	defer client.Close()
	// The script at a time that the test tells.
	script := redis.NewScript(strings.Replace(chargeSource, "redis.call('TIME')", "{ARGV[#ARGV - 1], ARGV[#ARGV]}", 1))
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		c := newClock()
		m := memory{store.NewMemory(0), c.now}
		scopes := make([]Scope, rapid.IntRange(1, 3).Draw(t, "scopes"))
		for i := range scopes {
			scopes[i] = Scope{Key: Key(fmt.Sprint(n), fmt.Sprint(i)), Rule: Rule{
				Free: rapid.IntRange(1, 6).Draw(t, "free"), First: time.Duration(rapid.IntRange(1, 90).Draw(t, "first")) * time.Second,
				Longest: time.Duration(rapid.IntRange(90, 7200).Draw(t, "longest")) * time.Second,
			}}
		}
		for range rapid.IntRange(1, 40).Draw(t, "tries") {
			c.add(time.Duration(rapid.Int64Range(-1e6, 4e9).Draw(t, "later")) * time.Microsecond)
			look := rapid.IntRange(0, 9).Draw(t, "look") == 0
			scopes[0].Lifted = rapid.IntRange(0, 4).Draw(t, "lifted") == 0
			keys, args := []string{}, []any{bit(!look)}
			for _, s := range scopes {
				keys = append(keys, s.Key)
				args = append(args, s.Rule.Free, s.Rule.First.Microseconds(), s.Rule.Longest.Microseconds(), bit(s.Lifted))
			}
			us := c.us.Load()
			got, err := script.Run(ctx, client, keys, append(args, us/1e6, us%1e6)...).Slice()
			if err != nil {
				t.Fatal(err)
			}
			a, _ := m.charge(ctx, scopes, look)
			want := []any{int64(1)}
			if a.wait > 0 {
				want = []any{int64(0), int64(a.which + 1), fmt.Sprint(a.wait.Microseconds()), a.open}
			} else {
				for _, c := range a.counts {
					want = append(want, fmt.Sprint(c.n), fmt.Sprint(c.till))
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("script %v, memory %v", got, want)
			}
			if a.wait > 0 || look {
				continue
			}
			var ends []end
			for i, s := range scopes {
				ends = append(ends, end{s.Key, s.Rule, rapid.SampledFrom([]string{right, void, wrong, wrong, wrong}).Draw(t, "how"), a.counts[i].till})
			}
			if err := errors.Join(m.settle(ctx, ends), shared{client, func(key string) string { return key }}.settle(ctx, ends)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestRuleCheck(t *testing.T) {
	for _, r := range []Rule{{}, {Free: 5}, {0, time.Second, time.Second}, {5, time.Hour, time.Minute}, {5, time.Millisecond, time.Hour}, {5, time.Second, 48 * time.Hour}, {-1, time.Second, time.Hour}} {
		if r.Check() == nil {
			t.Errorf("%+v", r)
		}
	}
	if err := rule.Check(); err != nil {
		t.Error(err)
	}
}
