package shed

import (
	"hash/maphash"
	"math"
	"sync/atomic"
	"time"
)

const (
	interval = 250 * time.Millisecond // between two looks
	// For so long the same callers are refused; then the lot is drawn anew.
	lot = 5 * time.Minute
)

// Options of a Guard.
type Options struct {
	Target  time.Duration // the queue time from which callers are refused
	Classes int           // of callers, 0 goes first

	// Observe is told of each look: the queue time, and how much is refused, in classes. nil: nobody is.
	Observe func(queue time.Duration, level float64)
}

// Guard admits callers, or refuses them while the process is overloaded. It ends with Close.
type Guard struct {
	level atomic.Uint64 // bits of a float64
	draw  atomic.Pointer[draw]
	stop  chan struct{}
	done  chan struct{}
}

// draw decides who of a class goes first.
type draw struct {
	seed  maphash.Seed
	until time.Time
}

// New starts to look.
func New(o Options) *Guard {
	g := &Guard{stop: make(chan struct{}), done: make(chan struct{})}
	g.draw.Store(&draw{maphash.MakeSeed(), time.Now().Add(lot)})
	go g.run(o)
	return g
}

// Close ends the looking. The guard admits everybody then.
func (g *Guard) Close() {
	close(g.stop)
	<-g.done
}

func (g *Guard) run(o Options) {
	defer close(g.done)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	q, l := newQueue(o.Target/2), level{target: o.Target, classes: o.Classes}
	for {
		select {
		case <-g.stop:
			g.set(0)
			return
		case now := <-tick.C:
			if now.After(g.draw.Load().until) {
				g.draw.Store(&draw{maphash.MakeSeed(), now.Add(lot)})
			}
			wait, told := q.read()
			if !told {
				continue
			}
			refused := l.look(wait)
			g.set(refused)
			if o.Observe != nil {
				o.Observe(wait, refused)
			}
		}
	}
}

func (g *Guard) set(level float64) { g.level.Store(math.Float64bits(level)) }

// Idle tells that everybody is admitted, so that nobody need work out who is calling.
func (g *Guard) Idle() bool { return g == nil || g.level.Load() == 0 }

// Admit tells whether a caller of a class is served now. Callers of one name are treated alike.
func (g *Guard) Admit(class int, caller string) bool {
	if g.Idle() {
		return true
	}
	refused := share(math.Float64frombits(g.level.Load()), class)
	switch refused {
	case 0:
		return true
	case 1:
		return false
	}
	place := float64(maphash.String(g.draw.Load().seed, caller)>>11) / (1 << 53)
	return place >= refused
}
