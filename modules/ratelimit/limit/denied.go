package limit

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxDenied    = 100_000
	deniedShards = 64
)

// denied remembers what Redis refused, until the time at which it would admit again: a flood of refused requests costs Redis
// nothing. What is remembered belongs to the limit as it was: another rate or burst asks anew. What may come back before its time is remembered for a
// moment only.
type denied struct {
	some   atomic.Bool // false: nothing was ever remembered
	shards [deniedShards]struct {
		mu    sync.Mutex
		until map[denial]int64
	}
}

type denial struct {
	subject Subject
	zone    zoneName
	limit   Limit
	cost    int64 // what costs less may still be admitted
}

func newDenied() *denied {
	d := new(denied)
	for i := range d.shards {
		d.shards[i].until = map[denial]int64{}
	}
	return d
}

func (c *Charge) denial() denial {
	return denial{c.Subject, nameOf(c), c.Zone.Limit, c.cost()}
}

// refused fills in the first charge that is known to be refused, and marks the others as skipped.
func (d *denied) refused(charges []Charge, now int64) bool {
	if !d.some.Load() {
		return false
	}
	for i := range charges {
		k := charges[i].denial()
		s := &d.shards[k.subject[0]%deniedShards]
		s.mu.Lock()
		until, ok := s.until[k]
		if ok && until <= now {
			delete(s.until, k)
			ok = false
		}
		s.mu.Unlock()
		if ok {
			skip(charges)
			l := charges[i].Zone.Limit
			wait := until - now
			charges[i].Result = Result{Refused: true, Wait: micros(wait), Reset: micros(wait)}
			if l.kind == Rate {
				charges[i].Result.Reset += micros(l.capacity - charges[i].cost()*l.interval)
			}
			return true
		}
	}
	return false
}

// remember notes what was refused. asked is when the question began, so that nothing is refused here for longer than there.
func (d *denied) remember(charges []Charge, asked int64) {
	for i := range charges {
		wait := charges[i].Zone.memorable(charges[i].Result.Wait)
		if !charges[i].Result.Refused || wait <= 0 {
			continue
		}
		d.some.Store(true)
		k := charges[i].denial()
		s := &d.shards[k.subject[0]%deniedShards]
		s.mu.Lock()
		if len(s.until) >= maxDenied/deniedShards {
			looked := 0
			for old, until := range s.until {
				if until <= asked {
					delete(s.until, old)
				}
				if looked++; looked == 32 {
					break
				}
			}
		}
		if len(s.until) < maxDenied/deniedShards { // else Redis is asked again, which is right too
			s.until[k] = asked + wait.Microseconds()
		}
		s.mu.Unlock()
	}
}

// memorable is how long a refusal holds, whatever other processes do.
func (z *Zone) memorable(wait time.Duration) time.Duration {
	switch {
	case z.Limit.kind == Concurrent: // a lease may end any time, here or elsewhere; those that end here are forgotten
		return min(wait, 100*time.Millisecond)
	case z.Refunds || z.leased(): // what others don't use comes back
		return min(wait, time.Second)
	}
	return wait
}

// forget lets the next one ask Redis.
func (d *denied) forget(c *Charge) {
	if !d.some.Load() {
		return
	}
	k := c.denial()
	s := &d.shards[k.subject[0]%deniedShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.until, k)
}
