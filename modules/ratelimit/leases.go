package ratelimit

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

const (
	renewals   = 3  // in an expiry, so that one or two may fail
	renewBatch = 64 // charges in one question
)

// leases are what this process holds of the zones that count things at the same time: one for each request and socket in flight. One goroutine
// renews those that last.
type leases struct {
	now    func() time.Time
	cancel context.CancelFunc
	done   chan struct{}

	mu   sync.Mutex
	held map[*held]struct{}
}

// held is the leases of one request or socket.
type held struct {
	of       *leases
	limiter  *limit.Limiter
	charges  []limit.Charge
	expiry   time.Duration // the shortest of them
	due      time.Time     // when they are renewed
	renewing bool          // by the keeper, without the lock
	released bool
}

// newLeases starts the keeper, which looks each time that every has passed what is due. close ends it.
func newLeases(now func() time.Time, every time.Duration) *leases {
	ctx, cancel := context.WithCancel(context.Background()) // it lives as long as the process's counters, and asks for no request
	l := &leases{now: now, cancel: cancel, done: make(chan struct{}), held: map[*held]struct{}{}}
	go l.keep(ctx, every)
	return l
}

func (l *leases) close() {
	l.cancel()
	<-l.done
}

func (l *leases) keep(ctx context.Context, every time.Duration) {
	defer close(l.done)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			l.renew(ctx)
		}
	}
}

// newLease names who holds. All of a request's charges have one name: their zones differ.
func newLease() (id limit.Lease) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// hold keeps what was charged of zones of things at the same time until release is called: also after a panic. nil: there was nothing of the kind.
func (l *leases) hold(limiter *limit.Limiter, charges []limit.Charge) *held {
	var h *held
	for i := range charges {
		c := &charges[i]
		if c.Zone.Limit.Kind() != limit.Concurrent || c.Result.Charged == 0 {
			continue
		}
		if h == nil {
			h = &held{of: l, limiter: limiter}
		}
		h.charges = append(h.charges, *c)
		if e := c.Zone.Limit.Expiry(); h.expiry == 0 || e < h.expiry {
			h.expiry = e
		}
	}
	if h == nil {
		return nil
	}
	h.due = l.now().Add(h.expiry / renewals)
	l.mu.Lock()
	l.held[h] = struct{}{}
	l.mu.Unlock()
	leasesHeld.Inc()
	return h
}

// release gives the leases back, once. While they are renewed the keeper does it after that, or they would be held again.
func (h *held) release() {
	if h == nil {
		return
	}
	h.of.mu.Lock()
	delete(h.of.held, h)
	h.released = true
	renewing := h.renewing
	h.of.mu.Unlock()
	leasesHeld.Dec()
	if !renewing {
		h.refund()
	}
}

func (h *held) refund() {
	// The request's own context has ended; the limiter bounds the question. What can't be given back ends by itself.
	if err := h.limiter.Refund(context.Background(), h.charges); err != nil {
		renewErrors.Inc()
	}
}

// renew renews what is due.
func (l *leases) renew(ctx context.Context) {
	due := l.takeDue()
	for from := 0; from < len(due); {
		to, n := from, 0
		for to < len(due) && due[to].limiter == due[from].limiter && (n == 0 || n+len(due[to].charges) <= renewBatch) {
			n += len(due[to].charges)
			to++
		}
		l.renewAll(ctx, due[from:to], n)
		from = to
	}
}

// takeDue lists what is to be renewed, and marks it.
func (l *leases) takeDue() (due []*held) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for h := range l.held {
		if !now.Before(h.due) {
			h.renewing, h.due = true, now.Add(h.expiry/renewals)
			due = append(due, h)
		}
	}
	return due
}

func (l *leases) renewAll(ctx context.Context, batch []*held, n int) {
	charges := make([]limit.Charge, 0, n)
	for _, h := range batch {
		charges = append(charges, h.charges...)
	}
	if err := batch[0].limiter.Renew(ctx, charges); err != nil {
		renewErrors.Inc() // the next time comes before the lease ends
	}
	for _, h := range batch {
		l.mu.Lock()
		h.renewing = false
		released := h.released
		l.mu.Unlock()
		if released {
			h.refund()
		}
	}
}
