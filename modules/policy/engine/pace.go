package engine

import (
	"runtime"
	"time"
)

// pace keeps what goes through a large document from taking a processor, and the collector behind it the others, from requests that are
// decided meanwhile: it lets others run all the time, and rests as long as it has worked. A small document is through before.
type pace struct {
	seen  int
	since time.Time
}

const (
	stride = 1 << 8               // values between two looks at the clock: some 100 µs
	work   = 4 * time.Millisecond // between two rests
)

// step is called for each value.
func (p *pace) step() {
	if p.seen++; p.seen%stride != 0 {
		return
	}
	now := time.Now()
	switch {
	case p.since.IsZero():
		p.since = now
	case now.Sub(p.since) >= work:
		time.Sleep(work)
		p.since = time.Now()
	default:
		runtime.Gosched()
	}
}
