package limit

import (
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func middling() float64 { return 0.5 }

func open(t *testing.T, b *breaker, now int64) {
	t.Helper()
	for range tolerated - 1 {
		if c := b.done(b.allow(now), false, now, now, middling); c != unchanged {
			t.Fatal("opened early")
		}
	}
	if c := b.done(b.allow(now), false, now, now, middling); c != hasOpened {
		t.Fatal("not open after the failures that are tolerated")
	}
}

func TestBreakerAsksOnce(t *testing.T) {
	var b breaker
	open(t, &b, 0)
	rest := firstRest.Microseconds()
	if b.allow(rest-1) != noPass || !b.rests(rest-1) {
		t.Error("somebody asks during the rest")
	}
	var probes, refused int
	for range 1000 { // a thousand requests at the moment at which the rest ends
		switch b.allow(rest) {
		case probing:
			probes++
		case noPass:
			refused++
		}
	}
	if probes != 1 || refused != 999 {
		t.Fatalf("%d probes, %d turned away", probes, refused)
	}
	if c := b.done(probing, false, rest, rest, middling); c != unchanged {
		t.Error("a failed probe is a change")
	}
	if b.allow(rest+2*rest-1) != noPass || b.allow(rest+2*rest) != probing {
		t.Error("the second rest is not twice the first")
	}
}

// A Redis that has just come back meets two calls at a time, then four, and so on.
func TestBreakerReturnsByDegrees(t *testing.T) {
	var b breaker
	open(t, &b, 0)
	now := firstRest.Microseconds()
	for want := 1; want <= fullRoom; want *= 2 {
		n := 0
		for b.allow(now) == probing {
			n++
		}
		if n != want {
			t.Fatalf("%d at once, want %d", n, want)
		}
		if c := b.done(probing, true, now, now, middling); (c == hasClosed) != (want == fullRoom) {
			t.Fatalf("at %d: change %d", want, c)
		}
		for range n - 1 { // end too, without widening: they were stale
			b.mu.Lock()
			b.flying--
			b.mu.Unlock()
		}
	}
	if b.allow(now) != freely {
		t.Error("not closed")
	}
}

func TestBreakerSeesHalfAFailure(t *testing.T) {
	var b breaker
	changed := unchanged
	for i := range 20 {
		if c := b.done(b.allow(0), i%2 == 0, 0, 0, middling); c != unchanged {
			changed = c
		}
	}
	if changed != hasOpened {
		t.Error("half of the calls fail, and all are delayed")
	}
	var few breaker
	for i := range int64(1000) {
		if few.done(few.allow(i), i%10 != 0, i, i, middling) != unchanged {
			t.Fatal("one failure in ten cuts Redis off")
		}
	}
}

// Failures of a long time are not added up.
func TestBreakerForgets(t *testing.T) {
	var b breaker
	for i := range int64(100) {
		now := 2 * window * i
		if b.done(b.allow(now), false, now, now, middling) != unchanged || b.done(b.allow(now), true, now, now, middling) != unchanged {
			t.Fatal("opened by one failure in two seconds")
		}
	}
}

func TestRestsDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b breaker
		n := rapid.IntRange(1, 40).Draw(t, "failed probes")
		x := rapid.Float64Range(0, 1).Draw(t, "jitter")
		for range n {
			b.rest(0, func() float64 { return x })
		}
		least, most := firstRest.Microseconds()*3/4, longRest.Microseconds()*5/4
		if b.until < least || b.until > most {
			t.Fatalf("a rest of %s", time.Duration(b.until)*time.Microsecond)
		}
	})
}

func TestBreakerInParallel(t *testing.T) {
	var b breaker
	var mu sync.Mutex
	var wg sync.WaitGroup
	balance := 0
	now := int64(0)
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				mu.Lock()
				now += 1000
				at := now
				mu.Unlock()
				p := b.allow(at)
				if p == noPass {
					continue
				}
				switch b.done(p, (i/100+g)%3 == 0, at, at, middling) {
				case hasOpened:
					mu.Lock()
					balance++
					mu.Unlock()
				case hasClosed:
					mu.Lock()
					balance--
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if b.flying != 0 || balance < 0 || balance > 1 || (balance == 1) != b.opened.Load() {
		t.Errorf("%d under way, opened %d times more than closed, open %t", b.flying, balance, b.opened.Load())
	}
}

// One moment in which nothing moves fails all that is under way, and is forgiven; a Redis that stays silent is not.
func TestAStallIsOneFailure(t *testing.T) {
	var b breaker
	stall := func(began, now int64) (opened bool) {
		for range 64 {
			if b.done(b.allow(began), false, began, now, middling) == hasOpened {
				opened = true
			}
		}
		return opened
	}
	if stall(0, 20_000) {
		t.Fatal("one stall opens it")
	}
	if b.done(b.allow(30_000), true, 30_000, 31_000, middling); stall(2_040_000, 2_060_000) || stall(2_070_000, 2_090_000) {
		t.Fatal("two in a row open it")
	}
	if !stall(2_100_000, 2_120_000) {
		t.Error("three in a row do not open it")
	}
}

// What fails on the way back begins the way again, not a longer rest.
func TestTheWayBackBeginsAgain(t *testing.T) {
	var b breaker
	open(t, &b, 0)
	now := int64(0)
	probe := func(ok bool) {
		t.Helper()
		for now++; b.allow(now) != probing; now++ {
			if now > 10*longRest.Microseconds() {
				t.Fatal("nobody may ask")
			}
		}
		b.done(probing, ok, now, now, middling)
	}
	probe(false)
	probe(false)
	probe(true)
	probe(true)
	before := now
	probe(false)
	probe(true)
	if rested := now - before; rested > firstRest.Microseconds()+10 {
		t.Errorf("it rests for %s", micros(rested))
	}
}
