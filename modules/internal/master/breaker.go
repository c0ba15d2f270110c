package master

import (
	"sync"
	"time"
)

const (
	breakAfter = 5               // failures in a row
	breakFor   = 5 * time.Second // then it is asked again, by one at a time
)

// breaker spares a service that fails, and those who would wait for it.
type breaker struct {
	now func() time.Time

	mu     sync.Mutex
	failed int       // in a row
	again  time.Time // when it may be tried, once it is broken
}

// allow tells whether the service may be asked now.
func (b *breaker) allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed < breakAfter {
		return true
	}
	now := b.now()
	if now.Before(b.again) {
		return false
	}
	b.again = now.Add(breakFor) // the others wait for what becomes of this one
	return true
}

// done tells what became of it.
func (b *breaker) done(ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ok {
		b.failed = 0
		return
	}
	b.failed++
	b.again = b.now().Add(breakFor)
}
