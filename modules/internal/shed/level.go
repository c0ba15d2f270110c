package shed

import "time"

const (
	raise    = 0.1  // of a class, for each look at twice the target or less; up to three times as much beyond
	lower    = 0.02 // of a class, for each look at which the queue is short
	steepest = 3
	// The highest class keeps some of its callers whatever comes: a guard must not be the outage.
	kept = 0.05
)

// level is how much is refused: 1.25 is all of class 0 and a quarter of class 1.
type level struct {
	target  time.Duration
	classes int

	now  float64
	last time.Duration // at the look before
}

// look takes a queue time in and returns the level from then on. One long queue is a burst, which ends by itself; two in a row are too much work.
func (l *level) look(queue time.Duration) float64 {
	lasting := min(queue, l.last)
	l.last = queue
	switch {
	case lasting >= l.target:
		l.now += raise * min(steepest, max(1, float64(lasting)/float64(2*l.target)))
	case queue < l.target/2:
		l.now -= lower
	}
	l.now = min(max(l.now, 0), float64(l.classes)-kept)
	return l.now
}

// share is how much of a class a level refuses, from 0 to 1.
func share(level float64, class int) float64 { return min(max(level-float64(class), 0), 1) }
