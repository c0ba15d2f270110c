package shed

import (
	"hash/maphash"
	"math"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestABurstIsNoOverload(t *testing.T) {
	l := level{target: 100 * time.Millisecond, classes: 3}
	for _, queue := range []time.Duration{0, 400, 0, 900, 20} {
		if got := l.look(queue * time.Millisecond); got != 0 {
			t.Fatalf("after one long queue %g is refused", got)
		}
	}
	l.look(200 * time.Millisecond)
	if got := l.look(200 * time.Millisecond); got != raise {
		t.Fatalf("after two long queues %g is refused, not %g", got, raise)
	}
}

// Whatever the queue does: never all of the highest class, never less than nothing, up only where it is long and down only where it is short.
func TestLevel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		classes := rapid.IntRange(1, 8).Draw(t, "classes")
		l := level{target: 100 * time.Millisecond, classes: classes}
		before := 0.
		for _, ms := range rapid.SliceOf(rapid.IntRange(0, 5000)).Draw(t, "queues") {
			got := l.look(time.Duration(ms) * time.Millisecond)
			switch {
			case got < 0 || got > float64(classes)-kept:
				t.Fatalf("the level is %g of %d classes", got, classes)
			case got > before && ms < 100:
				t.Fatalf("a queue of %d ms raised the level from %g to %g", ms, before, got)
			case got < before && ms >= 50:
				t.Fatalf("a queue of %d ms lowered the level from %g to %g", ms, before, got)
			}
			before = got
		}
		for range int(float64(classes)/lower) + 2 {
			before = l.look(0)
		}
		if before != 0 {
			t.Fatalf("after a long calm %g is refused", before)
		}
	})
}

// The lowest class goes first and whole, the highest keeps some; of a class as many go as the level says, and the same ones.
func TestLowestFirst(t *testing.T) {
	g := new(Guard)
	g.draw.Store(&draw{seed: maphash.MakeSeed()})
	const callers = 4000
	for _, level := range []float64{0, .25, 1, 1.5, 2.95} {
		g.set(level)
		for class := range 3 {
			admitted := 0
			for i := range callers {
				who := strconv.Itoa(i)
				ok := g.Admit(class, who)
				if ok != g.Admit(class, who) {
					t.Fatal("a caller is admitted now and refused then")
				}
				if ok {
					admitted++
				}
			}
			want := 1 - share(level, class)
			if got := float64(admitted) / callers; math.Abs(got-want) > .05 || want == 1 && got != 1 || want == 0 && got != 0 {
				t.Errorf("level %g: %.2f of class %d are admitted, not %.2f", level, got, class, want)
			}
		}
	}
}

func TestNilAdmits(t *testing.T) {
	var g *Guard
	if !g.Idle() || !g.Admit(0, "x") {
		t.Error("no guard refuses")
	}
}

func TestQuantile(t *testing.T) {
	buckets := []float64{math.Inf(-1), 0, .001, .01, .1, math.Inf(1)}
	for _, c := range []struct {
		counts []uint64
		want   time.Duration
	}{
		{[]uint64{0, 100, 0, 0, 0}, 0},
		{[]uint64{0, 89, 0, 11, 0}, 10 * time.Millisecond},
		{[]uint64{0, 90, 0, 10, 0}, 0},
		{[]uint64{0, 0, 0, 0, 5}, 100 * time.Millisecond},
		{[]uint64{5, 0, 0, 0, 0}, 0},
	} {
		total := uint64(0)
		for _, n := range c.counts {
			total += n
		}
		if got := quantileOf(c.counts, buckets, total); got != c.want {
			t.Errorf("%v: %s, not %s", c.counts, got, c.want)
		}
	}
}

// Where all work is long few waits end between two looks, and those of several looks are read together: a queue is not taken for an idle process.
func TestFewWaitsAreReadTogether(t *testing.T) {
	buckets := []float64{0, .001, .1, math.Inf(1)}
	q, now := &queue{before: make([]uint64, 3), long: time.Microsecond}, make([]uint64, 3)
	look := func(short, long uint64) (time.Duration, bool) {
		now[0], now[1] = now[0]+short, now[1]+long
		return q.take(now, buckets)
	}
	for i, c := range []struct {
		short, long uint64
		wait        time.Duration
		told        bool
	}{
		{100, 0, 0, true}, {2, 98, time.Millisecond, true}, // as many as tell
		{0, 6, 0, false}, {0, 6, time.Millisecond, true}, // long ones, by and by
		{3, 0, 0, true}, {0, 0, 0, true}, // nearly nothing ran
		{0, 1, 0, false}, {0, 1, 0, false}, {0, 0, 0, false}, {0, 0, 0, true}, // and some of it waited
		{0, 7, 0, false}, {0, 1, time.Millisecond, true}, // which is forgotten then
	} {
		if wait, told := look(c.short, c.long); wait != c.wait || told != c.told {
			t.Fatalf("look %d: %s %t, not %s %t", i, wait, told, c.wait, c.told)
		}
	}
}

// Real work on a real scheduler: more of it than there are processors is seen, and its end is. So is work that never waits for anything and takes long,
// where few waits end between two looks.
func TestOverloadIsSeen(t *testing.T) {
	for name, piece := range map[string]time.Duration{"short": time.Millisecond, "long": 300 * time.Millisecond} {
		t.Run(name, func(t *testing.T) { overload(t, piece) })
	}
}

func overload(t *testing.T, piece time.Duration) {
	type look struct {
		queue time.Duration
		level float64
	}
	looks := make(chan look, 1)
	g := New(Options{Target: 5 * time.Millisecond, Classes: 2, Observe: func(queue time.Duration, level float64) {
		select {
		case looks <- look{queue, level}:
		default:
		}
	}})
	defer g.Close()
	var stopped atomic.Bool
	var workers sync.WaitGroup
	for range 100 {
		workers.Go(func() {
			for !stopped.Load() {
				for end := time.Now().Add(piece); time.Now().Before(end) && !stopped.Load(); {
				}
				// Behind all others, as who is woken by the network is. Who is woken by a timer runs next, so that on a busy machine few would wait.
				runtime.Gosched()
			}
		})
	}
	deadline := time.After(time.Minute)
	for busy := true; busy; {
		select {
		case l := <-looks:
			busy = l.level == 0
		case <-deadline:
			t.Fatal("a hundred at work at once are no overload")
		}
	}
	stopped.Store(true)
	workers.Wait()
	for {
		select {
		case l := <-looks:
			if l.level == 0 {
				return
			}
		case <-deadline:
			t.Fatal("the overload does not end")
		}
	}
}
