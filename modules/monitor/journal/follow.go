package journal

import (
	"context"
	"errors"
	"sync"

	"github.com/convosphere/gateway/modules/monitor/ecs"
)

const (
	mostFollowers = 64
	followQueue   = 256 // events that may wait for one who follows
)

// ErrBusy says that too many follow already.
var ErrBusy = errors.New("too many follow the events already")

// follower hears of events as they come.
type follower struct {
	f      Filter
	hits   chan Hit
	gone   chan struct{}
	once   sync.Once
	missed int // how many it could not be told of; the journal's mutex guards it
}

func (f *follower) end() { f.once.Do(func() { close(f.gone) }) }

// tell hands an event to those who follow and want it. It never waits: who is slow misses some. The mutex mu is held.
func (j *Journal) tell(seq uint64, line []byte) {
	var hit Hit
	for f := range j.follow {
		if !f.f.holds(&j.row, line) {
			continue
		}
		if hit.Line == "" {
			var ok bool
			if hit, ok = hitOf(new(ecs.Event), seq, line); !ok {
				return
			}
		}
		hit.Missed = f.missed
		select {
		case f.hits <- hit:
			f.missed = 0
		default:
			f.missed++
		}
	}
}

// Follow calls send with each event for which the filter holds, as they come, until ctx or the journal ends or send fails.
func (j *Journal) Follow(ctx context.Context, f Filter, send func(Hit) error) error {
	if err := f.check(); err != nil {
		return errors.Join(ErrAsked, err)
	}
	one := &follower{f: f, hits: make(chan Hit, followQueue), gone: make(chan struct{})}
	j.mu.Lock()
	switch {
	case j.closed:
		j.mu.Unlock()
		return nil
	case len(j.follow) >= mostFollowers:
		j.mu.Unlock()
		return ErrBusy
	}
	j.follow[one] = struct{}{}
	j.mu.Unlock()
	defer func() {
		j.mu.Lock()
		delete(j.follow, one)
		j.mu.Unlock()
	}()
	for {
		select {
		case hit := <-one.hits:
			if err := send(hit); err != nil {
				return err
			}
		case <-one.gone:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
