package authenticate

import (
	"sync"
	"time"
)

// maxClients bounds the memory: about 8 MiB.
const maxClients = 1 << 16

// budget bounds how many bad tokens each client may send: a bucket of `burst` that fills again with time, kept as one
// time a client (GCRA): when it will be full again. A full bucket needs no entry.
type budget struct {
	every time.Duration // for one more
	burst time.Duration // for all of them
	now   func() time.Time
	max   int

	mu     sync.Mutex
	full   map[string]time.Time
	shared time.Time // when the bucket of those who find no place will be full
	swept  time.Time
}

func newBudget(burst int, perSecond float64, now func() time.Time) *budget {
	every := time.Duration(float64(time.Second) / perSecond)
	return &budget{every: every, burst: time.Duration(burst) * every, now: now, max: maxClients, full: map[string]time.Time{}}
}

// take takes one from the client's bucket. ok false: it is empty, and wait says for how long. refund gives it back.
func (b *budget) take(client string) (refund func(), wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	full, known := b.full[client]
	shares := !known && !b.room(now)
	if shares {
		full = b.shared
	}
	if full.Before(now) {
		full = now
	}
	full = full.Add(b.every)
	if over := full.Sub(now) - b.burst; over > 0 {
		return nil, over, false
	}
	if shares {
		b.shared = full
		return func() { b.giveBackShared() }, 0, true
	}
	b.full[client] = full
	return func() { b.giveBack(client) }, 0, true
}

func (b *budget) giveBack(client string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	full, ok := b.full[client]
	if !ok {
		return
	}
	if full = full.Add(-b.every); full.After(b.now()) {
		b.full[client] = full
	} else {
		delete(b.full, client)
	}
}

func (b *budget) giveBackShared() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shared = b.shared.Add(-b.every)
}

// room tells whether one more client may have a bucket of its own. Where the table is full it drops full buckets first, at
// most once a second.
func (b *budget) room(now time.Time) bool {
	if len(b.full) < b.max {
		return true
	}
	if now.Sub(b.swept) >= time.Second {
		b.swept = now
		for client, full := range b.full {
			if !full.After(now) {
				delete(b.full, client)
			}
		}
	}
	return len(b.full) < b.max
}
