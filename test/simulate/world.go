package main

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"time"
)

// world is a simulated site: who is on it, what its gateway remembers, and the clock. Everything in it happens on one goroutine at a time,
// in an order that the seed alone decides.
type world struct {
	o      options
	now    int64 // microseconds since 1970
	from   int64
	end    int64
	rng    *rand.Rand
	queue  queue
	began  uint64 // actors so far: of two that wake at one time, the one that began first goes first
	actors map[*actor]bool
	acting *actor

	out    *bufio.Writer
	buf    []byte
	second int64  // whose text stamp holds
	stamp  []byte // "2026-06-01T08:00:00"
	prefix string // how event ids begin
	events int64
	err    error

	truth  *truth
	nets   *networks
	people []*person
	rooms  []*room
	// What programs call with, that may be stolen.
	programs []party
	gate     *gate
	calls    map[string]int // how often each action was told
}

type options struct {
	days, users int
	seed        uint64
	start       time.Time
	campaigns   []string // kinds; nil: none
	geo         bool     // the gateway has files of countries and networks
}

func newWorld(o options, out, truthOut io.Writer) *world {
	w := &world{
		o: o, from: o.start.UnixMicro(), rng: rand.New(rand.NewPCG(o.seed, 1)), actors: map[*actor]bool{},
		out: bufio.NewWriterSize(out, 1<<20), calls: map[string]int{},
	}
	w.now, w.end = w.from, o.start.Add(time.Duration(o.days)*24*time.Hour).UnixMicro()
	w.prefix = w.text(16) + "-"
	w.truth = newTruth(truthOut)
	w.nets = newNetworks(w)
	w.gate = newGate(w)
	w.populate()
	return w
}

// run lets everything happen that happens until the end.
func (w *world) run() error {
	defer w.stop()
	for {
		a := w.queue.pop()
		if a == nil || a.at >= w.end || w.err != nil {
			break
		}
		w.now, w.acting = a.at, a
		if at, more := a.next(); more {
			a.at = max(at, w.now)
			w.queue.push(a)
		} else {
			delete(w.actors, a)
		}
	}
	w.acting = nil
	if w.err == nil {
		w.err = w.out.Flush()
	}
	if w.err == nil {
		w.err = w.truth.finish(w)
	}
	return w.err
}

// stop ends everybody's coroutine.
func (w *world) stop() {
	for a := range w.actors {
		a.stop()
	}
	clear(w.actors)
}

// actor is somebody, or something, that acts on its own. It is a coroutine, so that what it does is written down in the order in which it does it.
type actor struct {
	*rand.Rand
	w     *world
	at    int64
	born  uint64
	camp  *campaign // whose part it plays; nil: none
	next  func() (int64, bool)
	stop  func()
	yield func(int64) bool
}

// over unwinds a coroutine whose world has ended.
type over struct{}

// start has f act from at on.
func (w *world) start(at int64, camp *campaign, f func(a *actor)) {
	w.began++
	a := &actor{Rand: rand.New(rand.NewPCG(w.o.seed, w.began+1000)), w: w, at: max(at, w.now), born: w.began, camp: camp}
	a.next, a.stop = iter.Pull(func(yield func(int64) bool) {
		defer func() {
			if r := recover(); r != nil {
				if _, ended := r.(over); !ended {
					panic(r)
				}
			}
		}()
		a.yield = yield
		f(a)
	})
	w.actors[a] = true
	w.queue.push(a)
}

// until sleeps until t.
func (a *actor) until(t int64) {
	if t <= a.w.now {
		return
	}
	if !a.yield(t) {
		panic(over{})
	}
}

// sleep waits for d, at least a millisecond.
func (a *actor) sleep(d time.Duration) { a.until(a.w.now + max(d, time.Millisecond).Microseconds()) }

// about sleeps for d, more or less: what people and networks take is distributed exponentially, and programs jitter.
func (a *actor) about(d time.Duration) { a.sleep(a.around(d)) }

func (a *actor) around(d time.Duration) time.Duration {
	return time.Duration(float64(d) * min(a.ExpFloat64(), 8))
}

// between is a duration of at least lo and less than hi.
func (a *actor) between(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(a.Int64N(int64(hi-lo)))
}

// chance is true with probability p.
func (a *actor) chance(p float64) bool { return a.Float64() < p }

// queue is a heap of who acts next.
type queue struct{ list []*actor }

func (q *queue) less(i, j int) bool {
	a, b := q.list[i], q.list[j]
	return a.at < b.at || a.at == b.at && a.born < b.born
}

func (q *queue) push(a *actor) {
	q.list = append(q.list, a)
	for i := len(q.list) - 1; i > 0; {
		up := (i - 1) / 2
		if !q.less(i, up) {
			return
		}
		q.list[i], q.list[up] = q.list[up], q.list[i]
		i = up
	}
}

func (q *queue) pop() *actor {
	if len(q.list) == 0 {
		return nil
	}
	first, last := q.list[0], len(q.list)-1
	q.list[0] = q.list[last]
	q.list = q.list[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			break
		}
		if down+1 < last && q.less(down+1, down) {
			down++
		}
		if !q.less(down, i) {
			break
		}
		q.list[i], q.list[down] = q.list[down], q.list[i]
		i = down
	}
	return first
}

// clockOf is the time of day at an offset from UTC, and the weekday there.
func (w *world) clockOf(offset time.Duration) (time.Duration, time.Weekday) {
	t := time.UnixMicro(w.now).UTC().Add(offset)
	return t.Sub(t.Truncate(24 * time.Hour)), t.Weekday()
}

// midnight is the beginning of the day, counted from the simulation's first, at an offset from UTC.
func (w *world) midnight(day int, offset time.Duration) int64 {
	return w.from + (time.Duration(day)*24*time.Hour - offset).Microseconds()
}

func (w *world) fail(err error) {
	if w.err == nil && err != nil {
		w.err = fmt.Errorf("writing events: %w", err)
	}
}
