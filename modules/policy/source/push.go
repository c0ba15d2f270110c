package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// ErrNoData says that there is nothing at a path.
var ErrNoData = errors.New("there is nothing at this path")

// ErrUnfit says that data can't be pushed: the request is at fault.
var ErrUnfit = errors.New("it can't be pushed")

// Data is what the policy sees at a path, without its rules.
func (k *Keeper) Data(path []string) (engine.Datum, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	value, ok, err := k.see(path)
	if err == nil && !ok {
		err = ErrNoData
	}
	return value, err
}

func (k *Keeper) see(path []string) (value engine.Datum, ok bool, err error) {
	if k.o.Pushed == nil {
		value, ok = k.base.Data().At(path)
		return value, ok, nil
	}
	return k.o.Pushed.see(k.base.Data(), path)
}

// List is what was pushed.
func (k *Keeper) List() []Listed {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.o.Pushed.list()
}

// Put stores a document at a path, in place of whatever is there.
func (k *Keeper) Put(ctx context.Context, path []string, document []byte) (revision string, err error) {
	value, err := engine.ReadDatum(document)
	if err != nil {
		return "", fmt.Errorf("%w: it is no JSON: %w", ErrUnfit, err)
	}
	return k.push(ctx, path, func(func() (engine.Datum, bool, error)) (engine.Datum, bool, error) { return value, false, nil })
}

// Patch changes what the policy sees at a path, and stores the result there. patch is Patch or Merge.
func (k *Keeper) Patch(ctx context.Context, path []string, by []byte, patch func(doc any, by []byte) (any, error)) (revision string, err error) {
	return k.push(ctx, path, func(see func() (engine.Datum, bool, error)) (value engine.Datum, removed bool, err error) {
		old, ok, err := see()
		if err == nil && !ok {
			err = ErrNoData
		}
		if err != nil {
			return value, false, err
		}
		changed, err := patch(old.Plain(), by)
		if err != nil {
			return value, false, err
		}
		// By its text, which is bounded: what a patch has put together may hold the same part many times.
		text, err := engine.Encode(changed, MaxDocument)
		if errors.Is(err, engine.ErrLarge) {
			return value, false, tooLarge(FormatPath(path))
		}
		if err == nil {
			value, err = engine.ReadDatum(text)
		}
		return value, false, err
	})
}

// Remove takes away what was pushed at a path and below. What the policy itself has there is seen again.
func (k *Keeper) Remove(ctx context.Context, path []string) (revision string, err error) {
	return k.push(ctx, path, func(func() (engine.Datum, bool, error)) (engine.Datum, bool, error) { return engine.Datum{}, true, nil })
}

// push stores a change and puts it in force: here at once, elsewhere when the feed tells. What does not fit the policy is not stored.
func (k *Keeper) push(ctx context.Context, path []string, f edit) (revision string, err error) {
	if len(path) == 0 {
		return "", fmt.Errorf("%w: name a path: the whole of the data is the policy's", ErrUnfit)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for range maxTries {
		if _, err := k.o.Pushed.refresh(ctx); err != nil {
			return "", err
		}
		if err = k.pushOnce(ctx, path, f); !errors.Is(err, errOvertaken) {
			break
		}
	}
	if err != nil {
		return "", err
	}
	return k.snapshot.Revision, nil
}

func (k *Keeper) pushOnce(ctx context.Context, path []string, f edit) error {
	c, err := k.o.Pushed.plan(path, k.base.Data(), f)
	switch {
	case errors.Is(err, errNotPushed):
		return fmt.Errorf("%w: %w", ErrNoData, err)
	case errors.Is(err, ErrNoData):
		return err
	}
	var snapshot *engine.Snapshot
	if err == nil {
		snapshot, err = k.lay(ctx, k.base, c.after)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnfit, err)
	}
	if err := k.o.Pushed.commit(ctx, c); err != nil {
		return err
	}
	k.swap(snapshot, Report{Label: k.state.Label, From: k.state.From, Data: true})
	return nil
}

// Sync takes what others have pushed. Where the database can't be asked, the data that is in force stays: stale rather than none, and
// grants, which come from the same database, refuse meanwhile.
func (k *Keeper) Sync(ctx context.Context) {
	if k.o.Pushed == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	changed, err := k.o.Pushed.refresh(ctx)
	if ctx.Err() != nil || err == nil && !changed {
		return
	}
	var snapshot *engine.Snapshot
	if err == nil {
		snapshot, err = k.withPushed(ctx, k.base)
	}
	if err != nil {
		k.refused(refusal(err, Unfit), nil)
		return
	}
	k.swap(snapshot, Report{Label: k.state.Label, From: k.state.From, Data: true})
}
