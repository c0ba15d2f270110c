package source

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// How long a start waits for an origin where a policy was kept, and how often a keeper looks for pushed data that it was not told of.
const (
	startTimeout = 15 * time.Second
	syncEvery    = time.Minute
)

// Options of a keeper.
type Options struct {
	Origin Origin
	Kept   *Kept // nil: nothing is kept
	// Compile makes a snapshot, or a *Refusal: parsed, type-checked, its own tests passed.
	Compile func(context.Context, *engine.Source) (*engine.Snapshot, error)
	// Check says last whether a snapshot may decide, with whatever data it has.
	Check func(context.Context, *engine.Snapshot) error
	// Pushed is the data that stands over the source's own; nil: none.
	Pushed *Pushed
	// Report is told what happened, one at a time, and before what it tells of is in force.
	Report func(Report)
	// Swap puts a snapshot in force.
	Swap func(*engine.Snapshot)
	Now  func() time.Time
}

// Report is what happened to the policy: put in force where Err is nil, refused where not.
type Report struct {
	Revision string // of what is in force, or was refused; "" where it is not known
	Label    string // what the bundle calls it
	From     string
	Reason   string // of a refusal
	Err      error
	Data     bool // the policy is the same: data was pushed
}

// Keeper puts in force what an origin has, and keeps what is in force when something new is no good. It takes no part in decisions.
type Keeper struct {
	o Options

	looking  sync.Mutex // one look at a time: it may wait for a server, and for a policy's tests
	signedAt time.Time  // of what is in force

	mu       sync.Mutex       // one change at a time, of what is below; held no longer than data takes to be put in place
	base     *engine.Snapshot // the policy over its own data
	snapshot *engine.Snapshot // what is in force: the same, with what was pushed over it
	told     string           // the last failure, told once
	away     bool             // which was that the origin could not be asked
	state    State
}

// State is what is in force, and what last went wrong.
type State struct {
	Revision, Label, From string
	SignedAt, ActivatedAt time.Time
	LastError             string
	LastErrorAt           time.Time
}

// Load makes a keeper with a first policy: the origin's, or else the one that was kept. Without any it is an error, and so is a folder or
// file that is no good where nothing is kept: better no gateway than one that decides by nobody's policy.
func Load(ctx context.Context, o Options) (*Keeper, *engine.Snapshot, error) {
	k := &Keeper{o: o}
	kept := k.kept()
	found, err := k.first(ctx, kept != nil)
	if err != nil {
		err = refusal(err, Unreachable)
	} else if err = k.take(ctx, found, k.o.Origin.String()); err == nil {
		return k, k.snapshot, nil
	}
	k.reject(err, found)
	if kept == nil {
		return nil, nil, fmt.Errorf("%s: %w", k.o.Origin, err)
	}
	if keptErr := k.take(ctx, kept, "the last good copy of "+k.o.Origin.String()); keptErr != nil {
		return nil, nil, errors.Join(err, keptErr)
	}
	return k, k.snapshot, nil
}

// first asks the origin for the first time; not for long where there is something else to begin with.
func (k *Keeper) first(ctx context.Context, other bool) (*Found, error) {
	if other {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, startTimeout)
		defer cancel()
	}
	return k.o.Origin.Fetch(ctx, true)
}

// kept takes out the bundle that was kept: nothing older than it is taken any more.
func (k *Keeper) kept() *Found {
	if k.o.Kept == nil {
		return nil
	}
	found, err := k.o.Kept.Load(k.o.Now())
	if err != nil {
		k.reject(refusal(err, Untrusted), nil)
	}
	if found != nil {
		k.signedAt = found.SignedAt
	}
	return found
}

// Run looks at the origin until ctx ends. changed says that data was pushed.
func (k *Keeper) Run(ctx context.Context, changed <-chan struct{}) {
	timer := time.NewTimer(k.wait(0))
	defer timer.Stop()
	missed := time.NewTicker(syncEvery)
	defer missed.Stop()
	failures := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			k.Sync(ctx)
		case <-missed.C:
			k.Sync(ctx)
		case <-timer.C:
			if err := k.Look(ctx, false); err != nil && ctx.Err() == nil {
				failures++
			} else {
				failures = 0
			}
			timer.Reset(k.wait(failures))
		}
	}
}

// wait is how long to the next look: after a failure soon and then ever later, and never the same for all gateways of a fleet.
func (k *Keeper) wait(failures int) time.Duration {
	wait := k.o.Origin.Every()
	if failures > 0 {
		wait = min(wait, time.Second<<min(failures-1, 20))
	}
	return wait - time.Duration(rand.Int64N(int64(wait)/5+1))
}

// Look takes what is new at the origin. again has it taken anyhow. A failure leaves what is in force, and is reported once.
func (k *Keeper) Look(ctx context.Context, again bool) error {
	k.looking.Lock()
	defer k.looking.Unlock()
	found, err := k.o.Origin.Fetch(ctx, again)
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // the gateway ends
	case err != nil:
		err = refusal(err, Unreachable)
	case found == nil:
		k.reachable()
		return nil
	default:
		err = k.take(ctx, found, k.o.Origin.String())
	}
	if err != nil {
		k.reject(err, found)
	}
	return err
}

// take puts what was found in force, if it is good.
func (k *Keeper) take(ctx context.Context, found *Found, from string) error {
	if k.signedAt.After(found.SignedAt) { // fail closed: an old bundle is as well signed as a new one
		return &Refusal{Reason: Older, Label: found.Label, Err: fmt.Errorf("it was signed %s, the one in force %s: sign it again to go back", when(found.SignedAt), when(k.signedAt))}
	}
	snapshot, err := k.o.Compile(ctx, found.Source)
	if err != nil {
		return refusal(err, Uncompiled)
	}
	if err := k.put(ctx, found, snapshot, from); err != nil {
		return err
	}
	k.signedAt = found.SignedAt
	if k.o.Kept != nil && found.Raw != nil {
		if err := k.o.Kept.Save(found.Raw); err != nil { // it is in force all the same
			k.reject(&Refusal{Reason: Unkept, Err: err}, found)
		}
	}
	return nil
}

// put puts a new policy in force, with what was pushed.
func (k *Keeper) put(ctx context.Context, found *Found, snapshot *engine.Snapshot, from string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	over, err := k.withPushed(ctx, snapshot)
	if err != nil {
		return err
	}
	k.base, k.state.SignedAt = snapshot, found.SignedAt
	k.swap(over, Report{Label: found.Label, From: from})
	return nil
}

func when(t time.Time) string {
	if t.IsZero() {
		return "at a time it does not say"
	}
	return t.UTC().Format(time.RFC3339)
}

// withPushed lays what was pushed over a policy's own data.
func (k *Keeper) withPushed(ctx context.Context, base *engine.Snapshot) (*engine.Snapshot, error) {
	if k.o.Pushed == nil {
		return k.lay(ctx, base, nil)
	}
	return k.lay(ctx, base, k.o.Pushed.rows)
}

func (k *Keeper) lay(ctx context.Context, base *engine.Snapshot, rows map[string]row) (*engine.Snapshot, error) {
	snapshot, err := base.WithDocuments(ctx, documents(rows))
	if err != nil {
		return nil, &Refusal{Reason: Unfit, Err: err}
	}
	if err := k.o.Check(ctx, snapshot); err != nil {
		return nil, refusal(err, Unfit)
	}
	return snapshot, nil
}

// swap puts in force and reports.
func (k *Keeper) swap(snapshot *engine.Snapshot, r Report) {
	r.Revision = snapshot.Revision
	k.snapshot = snapshot
	k.state.Revision, k.state.Label, k.state.From, k.state.ActivatedAt = r.Revision, r.Label, r.From, k.o.Now()
	if !r.Data {
		k.settle()
	}
	k.o.Swap(snapshot)
	k.o.Report(r) // only now: who reads of it may ask by it
}

// refused reports what is not put in force; the same as last time is told once.
func (k *Keeper) refused(err error, found *Found) {
	var r *Refusal
	if !errors.As(err, &r) || k.told == err.Error() {
		return
	}
	k.fail(err)
	k.told, k.away = err.Error(), r.Reason == Unreachable
	rep := Report{Label: r.Label, From: k.o.Origin.String(), Reason: r.Reason, Err: r.Err}
	if found != nil {
		rep.Label = found.Label
		rep.Revision, _ = found.Source.Revision() // "" where it can't be told
	}
	k.o.Report(rep)
}

// reject is refused for who does not hold the lock.
func (k *Keeper) reject(err error, found *Found) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused(err, found)
}

// reachable forgets that the origin was away. What it has may still be no good.
func (k *Keeper) reachable() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.away {
		k.settle()
	}
}

func (k *Keeper) settle() {
	k.told, k.away = "", false
	k.state.LastError, k.state.LastErrorAt = "", time.Time{}
}

func (k *Keeper) fail(err error) {
	k.state.LastError, k.state.LastErrorAt = err.Error(), k.o.Now()
}

// State is what is in force.
func (k *Keeper) State() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state
}

// refusal makes a refusal of an error that is none yet.
func refusal(err error, reason string) error {
	var r *Refusal
	if errors.As(err, &r) {
		return err
	}
	return &Refusal{Reason: reason, Err: err}
}
