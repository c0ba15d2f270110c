// Package drain has the sockets of a gateway that ends go, one after another, so that their clients do not all come back to the others at once.
//
// A load balancer needs some time to see that a gateway is not ready any more. Until then sockets come as before, and those that are open stay. Then new ones are
// refused, and the open ones are told to go, in a random order spread over some time.
package drain

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// pace is how far apart sockets go at most: few of them are not spread over the whole time.
const pace = 10 * time.Millisecond

// Drain knows the open sockets. A nil one knows of none and never drains.
type Drain struct {
	mu      sync.Mutex
	sockets map[*socket]struct{}
	begun   bool        // Begin was called
	refuses bool        // no socket may open any more
	first   *time.Timer // until then nobody is told
	empty   chan struct{}
}

type socket struct {
	leave func()
	timer *time.Timer // runs until it is told
}

// New makes one.
func New() *Drain { return &Drain{sockets: map[*socket]struct{}{}, empty: make(chan struct{})} }

// Join notes an open socket: leave is called once, from a goroutine of its own, where it must go; left is to be called when it has ended.
func (d *Drain) Join(leave func()) (left func()) {
	if d == nil {
		return func() {}
	}
	s := &socket{leave: leave}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sockets[s] = struct{}{}
	if d.refuses { // it was on its way
		s.timer = time.AfterFunc(0, leave)
	}
	return func() { d.left(s) }
}

func (d *Drain) left(s *socket) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	delete(d.sockets, s)
	d.tellEmpty()
}

// tellEmpty needs mu.
func (d *Drain) tellEmpty() {
	if !d.refuses || len(d.sockets) > 0 {
		return
	}
	select {
	case <-d.empty:
	default:
		close(d.empty)
	}
}

// Begin has sockets go: from after on, spread over some time. Only the first call counts. There is no way back: the process ends.
func (d *Drain) Begin(after, over time.Duration) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.begun {
		return
	}
	d.begun = true
	d.first = time.AfterFunc(after, func() { d.tellAll(over) })
}

func (d *Drain) tellAll(over time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuses = true
	over = min(over, time.Duration(len(d.sockets))*pace)
	for s := range d.sockets {
		s.timer = time.AfterFunc(time.Duration(rand.Int64N(int64(over)+1)), s.leave)
	}
	d.tellEmpty()
}

// Refuses tells whether no socket may open any more.
func (d *Drain) Refuses() bool {
	if d == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refuses
}

// Open is how many sockets are open.
func (d *Drain) Open() int {
	if d == nil {
		return 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.sockets)
}

// Wait waits, after Begin, until all sockets have gone, and returns how many have not where the context ends before.
func (d *Drain) Wait(ctx context.Context) (left int) {
	if d == nil {
		return 0
	}
	select {
	case <-d.empty:
		return 0
	case <-ctx.Done():
		return d.Open()
	}
}

// Close ends what still waits to be told.
func (d *Drain) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.first != nil {
		d.first.Stop()
	}
	for s := range d.sockets {
		if s.timer != nil {
			s.timer.Stop()
		}
	}
}
