package limit

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	tolerated = 3                      // failures, each asked for after the one before was known, before Redis is left alone
	window    = int64(1_000_000)       // microseconds in which failures are set against all calls
	firstRest = 100 * time.Millisecond // before the first probe; doubled by each that fails
	longRest  = 4 * time.Second
	fullRoom  = 128 // calls at once that recovery ends with
)

// breaker keeps a Redis that does not answer from delaying every request by the timeout. It opens after some failures in a row, or when half of
// a second's calls fail. Calls that were under way together fail as one: a moment in which nothing moved, here or there, is no loss of Redis.
//
// While it is open nobody asks, until after a rest one call does, the probe. Its success lets two calls ask at a time, theirs four,
// and so on, so that a Redis that has just come back meets no herd. A probe that fails begins another rest, twice as long; a failure later on
// the way back begins it again. Rests vary by a quarter, so that the nodes of a fleet don't come back together.
type breaker struct {
	opened atomic.Bool // the fields under mu matter only then
	streak atomic.Int32
	asked  atomic.Int64 // in the window

	mu      sync.Mutex
	faulted int64 // when the last failure was known that was not under way with one before
	began   int64 // the window
	faults  int   // in the window, those under way together being one
	failed  int64 // calls, in the window
	until   int64 // the end of the rest
	rested  int   // times in a row
	room    int   // how many may ask at once
	flying  int   // how many do
}

// pass is the right to make one call; done gives it back.
type pass uint8

const (
	noPass pass = iota
	freely
	probing // counted in flying
)

// change is what a call's end did to the breaker.
type change uint8

const (
	unchanged change = iota
	hasOpened
	hasClosed
)

func (b *breaker) allow(now int64) pass {
	if !b.opened.Load() {
		b.asked.Add(1)
		return freely
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if now < b.until || b.flying >= b.room {
		return noPass
	}
	b.flying++
	return probing
}

// done ends a call that began at a time. jitter gives a number from 0 to 1.
func (b *breaker) done(p pass, ok bool, began, now int64, jitter func() float64) change {
	if p == freely {
		if ok {
			if b.streak.Load() != 0 {
				b.streak.Store(0)
			}
			return unchanged
		}
		return b.fault(began, now, jitter)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flying--
	switch {
	case !b.opened.Load():
		return unchanged
	case !ok && began < b.faulted: // the one that failed before it has begun a rest
		return unchanged
	case !ok:
		if b.room > 1 {
			b.rested = 0
		}
		b.faulted = now
		b.rest(now, jitter)
		return unchanged
	}
	if b.room *= 2; b.room <= fullRoom {
		return unchanged
	}
	b.rested = 0
	b.reset(now)
	b.opened.Store(false)
	return hasClosed
}

// fault counts a failure while the breaker is closed.
func (b *breaker) fault(began, now int64, jitter func() float64) change {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opened.Load() {
		return unchanged // many calls were under way when it opened
	}
	if now-b.began > window {
		b.reset(now)
		b.asked.Store(1)
	}
	b.failed++
	if began < b.faulted {
		return unchanged
	}
	b.faulted = now
	b.faults++
	if b.streak.Add(1) < tolerated && (b.faults < tolerated || 2*b.failed < b.asked.Load()) {
		return unchanged
	}
	b.rest(now, jitter)
	b.opened.Store(true)
	return hasOpened
}

func (b *breaker) rest(now int64, jitter func() float64) {
	long := min(firstRest<<min(b.rested, 8), longRest)
	b.rested++
	b.room = 1
	b.until = now + int64(float64(long.Microseconds())*(0.75+jitter()/2))
}

func (b *breaker) reset(now int64) {
	b.began, b.faults, b.failed = now, 0, 0
	b.asked.Store(0)
	b.streak.Store(0)
}

// rests tells whether a call would be turned away now.
func (b *breaker) rests(now int64) bool {
	if !b.opened.Load() {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return now < b.until || b.flying >= b.room
}
