package throttle

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/store"
)

// Scope is one thing that a try counts for.
type Scope struct {
	Name   string // for events and metrics: client, account, pair, device
	Key    string // made by Key
	Rule   Rule
	Clears bool // a right try forgets all wrong ones; otherwise it takes only its own count back
	Lifted bool // its wait does not hold this try, which counts all the same
}

// Key makes a Scope's key. One tag for all: they are charged together, and a Redis Cluster does so within one slot only.
func Key(parts ...string) string { return store.Key("throttle", parts...) }

// Throttle counts tries. It is safe for use by many.
type Throttle struct {
	main  backend
	local backend      // counts while main is away
	away  atomic.Int64 // main is not asked before (microseconds); 0: it answered when it was last asked
	now   func() time.Time
	log   *zap.Logger
	air   flights
	turn  chan struct{} // holds one while a try is counted
	queue chan struct{} // and one for each try that waits for another's answer
}

const (
	localKeys     = 200_000 // that a process counts by itself while the store is away
	maxQueue      = 256     // tries that wait for others' answers
	poll          = 50 * time.Millisecond
	polls         = 40 // for the answers to another gateway's tries
	settleTimeout = 2 * time.Second
	rest          = time.Second // before a store that did not answer is asked again: each try would wait for it
)

// New counts in s, where gateways share it.
func New(s store.Store, now func() time.Time, log *zap.Logger) *Throttle {
	t := &Throttle{local: memory{store.NewMemory(localKeys), now}, now: now, log: log, air: flights{m: map[string]*flight{}}, turn: make(chan struct{}, 1), queue: make(chan struct{}, maxQueue)}
	t.main = t.local
	if c := s.Redis(); c != nil {
		t.main = shared{c, func(key string) string { return store.NameOf(s, key) }}
	} else if m, ok := s.(*store.Memory); ok {
		t.main = memory{m, now}
	}
	return t
}

// Refused is a try that must wait.
type Refused struct {
	Scope string
	Wait  time.Duration
	open  int64
}

func (r Refused) Error() string { return fmt.Sprintf("too many wrong tries: wait %s", r.Wait) }

// Ticket is a try that may be looked at. One of Right, Wrong and Void ends it.
type Ticket struct {
	t      *Throttle
	on     backend
	scopes []Scope
	counts []count
}

// Charge counts a try for all scopes, or for none. Errors: Refused, and the context's.
//
// Where the store is away this process counts by itself: an attacker then has as many tries as there are gateways, not any number, and
// people can still sign in.
func (t *Throttle) Charge(ctx context.Context, scopes []Scope) (*Ticket, error) {
	patience := polls
	for {
		k, changed, err := t.try(ctx, scopes)
		var refused Refused
		if err == nil || !errors.As(err, &refused) {
			return k, err
		}
		var timer <-chan time.Time
		if changed == nil {
			// Another gateway's tries are being looked at; or were, when it ended.
			if patience--; refused.open == 0 || patience < 0 {
				return nil, err
			}
			timer = time.After(poll)
		}
		if err := t.await(ctx, changed, timer, refused); err != nil {
			return nil, err
		}
	}
}

// await waits for one of the two, if not too many do so already.
func (t *Throttle) await(ctx context.Context, changed <-chan struct{}, timer <-chan time.Time, refused Refused) error {
	select {
	case t.queue <- struct{}{}:
		defer func() { <-t.queue }()
	default:
		return refused
	}
	select {
	case <-changed:
	case <-timer:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// try counts a try, or returns Refused, and with it what is closed when there is a reason to try again. One at a time: so whatever was counted
// before is known to be in the air, and what has left it since has closed what was read before.
func (t *Throttle) try(ctx context.Context, scopes []Scope) (*Ticket, <-chan struct{}, error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	air := t.air.of(scopes)
	// Goes on where the client has gone: else its try might be counted in the store with nobody to end it.
	sure, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	on, a := t.charge(sure, scopes, false)
	if a.wait > 0 {
		return nil, air[a.which], Refused{Scope: scopes[a.which].Name, Wait: a.wait, open: a.open}
	}
	t.air.begin(scopes)
	return &Ticket{t, on, scopes, a.counts}, nil, nil
}

// Counts tells how many wrong tries each scope has, and counts none.
func (t *Throttle) Counts(ctx context.Context, scopes []Scope) []int64 {
	_, a := t.charge(ctx, scopes, true)
	n := make([]int64, len(a.counts))
	for i, c := range a.counts {
		n[i] = c.n
	}
	return n
}

func (t *Throttle) charge(ctx context.Context, scopes []Scope, look bool) (backend, answer) {
	if t.now().UnixMicro() >= t.away.Load() {
		if a, err := t.main.charge(ctx, scopes, look); !t.lost(ctx, err) {
			return t.main, a
		}
	}
	a, _ := t.local.charge(ctx, scopes, look) // memory never fails
	return t.local, a
}

// lost notes whether the store answered, and says so once, and once that it does again. Of a client that has gone it learns nothing.
func (t *Throttle) lost(ctx context.Context, err error) bool {
	switch {
	case err == nil:
		if t.away.Swap(0) != 0 {
			t.log.Info("wrong logins are counted in the store again")
		}
	case ctx.Err() == nil:
		if t.away.Swap(t.now().Add(rest).UnixMicro()) == 0 {
			t.log.Error("wrong logins are counted by this process alone, since the store can't be asked", zap.Error(err))
		}
	}
	return err != nil
}

// Waits names the scopes that wait after this try if it is wrong, with the longest of their waits.
func (k *Ticket) Waits() (scopes []string, longest time.Duration) {
	for i, s := range k.scopes {
		if w := s.Rule.wait(k.counts[i].n); w > 0 {
			scopes, longest = append(scopes, s.Name), max(longest, w)
		}
	}
	return scopes, longest
}

// Wrong lets the count stand.
func (k *Ticket) Wrong(ctx context.Context) { k.settle(ctx, wrong) }

// Right takes back what the try counted, and forgets wrong ones before it where a scope says so.
func (k *Ticket) Right(ctx context.Context) { k.settle(ctx, right) }

// Void takes back what the try counted: it could not be looked at.
func (k *Ticket) Void(ctx context.Context) { k.settle(ctx, void) }

// settle goes on where the client has gone: else whoever hangs up early would be counted as wrong. Left undone where it fails, which errs
// to the side of waiting.
func (k *Ticket) settle(ctx context.Context, how string) {
	defer k.t.air.end(k.scopes)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	ends := make([]end, len(k.scopes))
	for i, s := range k.scopes {
		ends[i] = end{s.Key, s.Rule, how, k.counts[i].till}
		if how == right && !s.Clears {
			ends[i].how = void
		}
	}
	if err := k.on.settle(ctx, ends); err != nil {
		k.t.lost(context.WithoutCancel(ctx), err)
	}
}
