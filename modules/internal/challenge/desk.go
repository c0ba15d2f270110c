package challenge

import (
	"context"
	"errors"
	"time"

	"github.com/convosphere/gateway/modules/internal/store"
)

// Why an answer is worth nothing.
var (
	ErrForged  = errors.New("the answer is none to a task that this client was set for this purpose")
	ErrWrong   = errors.New("the answer does not solve its puzzle")
	ErrExpired = errors.New("the task has expired")
	ErrUsed    = errors.New("the task was solved before")
	ErrEarly   = errors.New("the wait is not over")
)

const (
	puzzleLife  = 5 * time.Minute  // a slow phone needs seconds
	waitGrace   = 10 * time.Minute // people do other things meanwhile
	storeWait   = 100 * time.Millisecond
	localSolved = 10_000
)

// Desk sets tasks and looks at answers. It is safe for use by many.
type Desk struct {
	key    []byte
	solved store.Store
	local  *store.Memory // where solved can't be asked
	now    func() time.Time
}

// NewDesk makes one. Desks of one key know each other's tasks; if they share the store, too, each is solved once for all.
func NewDesk(key []byte, solved store.Store, now func() time.Time) *Desk {
	return &Desk{key: key, solved: solved, local: store.NewMemory(localSolved), now: now}
}

// spend notes that a task was solved. Errors: ErrUsed.
//
// While the store can't be asked, each process counts by itself: one answer is then worth as much on every gateway. That is little, since it
// stays this client's, and better than to shut out all who are asked.
func (d *Desk) spend(ctx context.Context, t ticket) error {
	key, life := store.Key("challenge", string(t.id[:])), t.until.Sub(d.now())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWait)
	defer cancel()
	first, err := d.solved.Add(ctx, key, []byte{1}, life)
	if err != nil {
		first, err = d.local.Add(ctx, key, []byte{1}, life)
	}
	if err == nil && !first {
		err = ErrUsed
	}
	return err
}

// live tells whether the ticket holds by now.
func (d *Desk) live(t ticket) error {
	switch now := d.now(); {
	case !now.Before(t.until):
		return ErrExpired
	case now.Before(t.from):
		return ErrEarly
	}
	return nil
}

// Wait sets the task to come back later, for clients that can't compute.
func (d *Desk) Wait(p Purpose, c Client, wait time.Duration) (token string) {
	from := d.now().Add(wait)
	return d.seal(newTicket(waitToken, from, from.Add(waitGrace)), p, c)
}

// Waited tells whether the wait that the token stands for is over, for the first time. Errors: ErrForged, ErrExpired, ErrUsed; with ErrEarly,
// left is what is left of it.
func (d *Desk) Waited(ctx context.Context, p Purpose, c Client, token string) (left time.Duration, err error) {
	t, ok := d.open(token, waitToken, p, c)
	if !ok {
		return 0, ErrForged
	}
	if err := d.live(t); err != nil {
		return max(0, t.from.Sub(d.now())), err
	}
	return 0, d.spend(ctx, t)
}

// Clear makes a clearance: the client need not solve another task for so long.
func (d *Desk) Clear(p Purpose, c Client, life time.Duration) (token string) {
	now := d.now()
	return d.seal(newTicket(clearanceToken, now, now.Add(life)), p, c)
}

// Cleared tells whether the token is a clearance of the client that still holds.
func (d *Desk) Cleared(p Purpose, c Client, token string) bool {
	t, ok := d.open(token, clearanceToken, p, c)
	// Gateways' clocks differ: one that is behind takes a clearance of its neighbour all the same.
	return ok && d.now().Before(t.until)
}
