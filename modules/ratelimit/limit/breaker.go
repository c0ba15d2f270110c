package limit

import "sync/atomic"

const (
	tolerated = 5         // failures in a row before Redis is left alone
	pause     = 1_000_000 // microseconds between two attempts then
)

// breaker keeps a dead Redis from delaying every request by the timeout: after some failures in a row one request a second
// asks, the others go by what their zones do on failure. A success closes it.
type breaker struct {
	failures atomic.Int32
	until    atomic.Int64 // 0: closed
}

func (b *breaker) allow(now int64) bool {
	until := b.until.Load()
	return until == 0 || now >= until && b.until.CompareAndSwap(until, now+pause)
}

func (b *breaker) succeeded() {
	if b.failures.Load() != 0 || b.until.Load() != 0 {
		b.failures.Store(0)
		b.until.Store(0)
	}
}

func (b *breaker) failed(now int64) {
	if b.failures.Add(1) >= tolerated {
		b.until.Store(now + pause)
	}
}
