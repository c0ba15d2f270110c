package grant

import (
	"sync/atomic"
	"time"
)

// deadline is the earliest of the times it was given, in microseconds since 1970, until it has passed. The zero value has none.
type deadline struct{ at atomic.Int64 }

// set gives it a time.
func (d *deadline) set(at int64) {
	for {
		old := d.at.Load()
		if old != 0 && old <= at || d.at.CompareAndSwap(old, at) {
			return
		}
	}
}

// pass tells once that it has passed, and forgets it before it tells: whoever counts the passing and then hears of a later time is
// not left with the one that was forgotten.
func (d *deadline) pass(now time.Time) bool {
	old := d.at.Load()
	return old != 0 && old <= now.UnixMicro() && d.at.CompareAndSwap(old, 0)
}
