package keyset

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sync/singleflight"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/master"
)

const (
	// MostName is the longest name of a set, in bytes.
	MostName = 256

	defaultCache = 20_000
	defaultMost  = 1_000_000

	loadTime    = 10 * time.Second // of one set, with the master key's service
	renewBudget = 50               // sets a second that are read anew for a version they may lack: whoever stores forged values in the back end drives this
)

// Topic is the change feed's for sets. Keys are their ids.
const Topic = "data-key"

// Feed tells of changes that other processes make: *database.Feed.
type Feed interface {
	Subscribe(topic string, fn func(key string)) (cancel func())
	Fresh() bool
	Wake()
}

// Options are what Sets stand on.
type Options struct {
	DB     *database.DB
	Feed   Feed
	Events *event.Bus
	Now    func() time.Time

	Master master.Key   // wraps what is new
	Accept []master.Key // open what they wrapped before, or what another gateway wraps already
	Cache  int          // sets in memory; default 20,000, of some 3 KiB each
	Most   int          // sets in the database; default 1,000,000
}

// Sets are the key sets of one database.
type Sets struct {
	db      *database.DB
	feed    Feed
	events  *event.Bus
	now     func() time.Time
	master  master.Key
	masters map[string]master.Key // by id
	most    int

	cache  *cache
	flight singleflight.Group // loads, by id or name
	budget budget
	total  total
	counts counts
	job    *job

	run    context.Context // ends with Close
	cancel func()
	work   sync.WaitGroup
}

// counts are of what was done since the start.
type counts struct{ Loaded, Made, Failed atomic.Int64 }

// Open begins to lend sets. It fails where the master key is not the one that has wrapped what the database holds. Close it.
func Open(ctx context.Context, o Options) (*Sets, error) {
	s := &Sets{
		db: o.DB, feed: o.Feed, events: o.Events, now: o.Now, master: o.Master, masters: map[string]master.Key{},
		most: orDefault(o.Most, defaultMost), cache: newCache(orDefault(o.Cache, defaultCache)),
		job: &job{owner: rand.Text(), kick: make(chan struct{}, 1)},
	}
	for _, k := range append([]master.Key{o.Master}, o.Accept...) {
		if s.masters[k.ID()] != nil {
			return nil, fmt.Errorf("data keys: the master key %s is named twice", k.ID())
		}
		s.masters[k.ID()] = k
	}
	if err := s.checkMasters(ctx); err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx)) // it ends with Close
	unsubscribe := o.Feed.Subscribe(Topic, s.cache.forget)
	s.run = run
	s.cancel = func() {
		unsubscribe()
		stop()
	}
	s.work.Go(func() { s.keepJob(run) })
	return s, nil
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// Close ends all work and forgets all keys. Sets that are still held refuse.
func (s *Sets) Close() error {
	s.cancel()
	s.work.Wait()
	s.cache.clear()
	return nil
}

// ErrName is what no set is called.
var ErrName = fmt.Errorf("the name of a key set is 1 to %d bytes of text without control characters", MostName)

// CheckName tells whether a set may be called so. Errors: ErrName.
func CheckName(name string) error {
	if name == "" || len(name) > MostName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return ErrName
	}
	return nil
}

var isID = regexp.MustCompile(`^[a-z2-7]{16}$`).MatchString

// Use returns the set of that name, and makes it where there never was one. Errors: ErrDisabled, ErrDestroyed, ErrUnavailable.
func (s *Sets) Use(ctx context.Context, name string) (*Set, error) {
	known := s.cache.byName(name)
	if known == nil {
		if err := CheckName(name); err != nil {
			return nil, err
		}
	}
	return s.get(ctx, known, "n:"+name, func(ctx context.Context) (row, error) { return s.rowOrNew(ctx, name) })
}

// ByID returns the set that a token names. Errors: ErrUnknown, ErrDisabled, ErrDestroyed, ErrUnavailable.
func (s *Sets) ByID(ctx context.Context, id string) (*Set, error) {
	if !isID(id) {
		return nil, ErrUnknown
	}
	return s.get(ctx, s.cache.byID(id), "i:"+id, func(ctx context.Context) (row, error) { return s.row(ctx, id) })
}

// get returns the set in memory, or loads what read finds.
func (s *Sets) get(ctx context.Context, known *Set, what string, read func(context.Context) (row, error)) (*Set, error) {
	if known != nil && !s.feed.Fresh() {
		// Changes may have been missed. Fail closed: where the database can't be asked either, there is no key.
		if err := s.confirm(ctx, known); err != nil {
			return nil, err
		}
		if known.gone.Load() {
			known = nil
		}
	}
	if known == nil {
		var err error
		known, err = s.once(ctx, what, func(ctx context.Context) (*Set, error) { return s.load(ctx, read) })
		if err != nil {
			return nil, err
		}
	}
	if err := known.refusal(); err != nil {
		return nil, err
	}
	return known, nil
}

// once does something once for all who ask for it at the time.
func (s *Sets) once(ctx context.Context, what string, do func(context.Context) (*Set, error)) (*Set, error) {
	if s.run.Err() != nil {
		return nil, fmt.Errorf("%w: the gateway stops", ErrUnavailable)
	}
	done := s.flight.DoChan(what, func() (any, error) {
		ctx, cancel := context.WithTimeout(s.run, loadTime) // not that of the first who asks: others wait too
		defer cancel()
		return do(ctx)
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*Set), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}

// load opens what read finds, and keeps it in memory.
func (s *Sets) load(ctx context.Context, read func(context.Context) (row, error)) (*Set, error) {
	for try := 0; ; try++ {
		changes := s.cache.changes.Load() // before the read: what changes after it is seen
		r, err := read(ctx)
		var set *Set
		if err == nil {
			set, err = s.open(ctx, r)
		}
		if err != nil {
			if !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrFull) {
				s.counts.Failed.Add(1)
				err = fmt.Errorf("%w: %w", ErrUnavailable, err)
			}
			return nil, err
		}
		s.counts.Loaded.Add(1)
		if s.cache.put(set, changes) || try == 3 { // under a storm of changes it serves those who wait, and is not kept
			return set, nil
		}
	}
}

// open unwraps what a row holds.
func (s *Sets) open(ctx context.Context, r row) (*Set, error) {
	set := &Set{sets: s, id: r.id, name: r.name, revision: r.revision, state: r.state, named: r.named}
	if r.state != Active {
		return set, nil
	}
	h, index, err := s.unwrap(ctx, r)
	if err != nil {
		return nil, err
	}
	set.m, err = open(h, index)
	return set, err
}

// confirm asks the database whether a set in memory is still as it was, and lets go of it where it is not.
func (s *Sets) confirm(ctx context.Context, known *Set) error {
	revision, err := s.revision(ctx, known.id)
	if err != nil && !errors.Is(err, ErrUnknown) {
		s.counts.Failed.Add(1)
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err != nil || revision != known.revision {
		s.cache.forget(known.id)
	}
	return nil
}

// renew reads a set anew that may be out of date: once for all who find that at the time.
func (s *Sets) renew(ctx context.Context, known *Set) (*Set, error) {
	fresh, err := s.once(ctx, "r:"+known.id, func(ctx context.Context) (*Set, error) {
		if since := s.cache.byID(known.id); since != nil && since != known {
			return since, nil
		}
		if !s.budget.take(s.now()) {
			return nil, fmt.Errorf("%w: too many are out of date", ErrUnavailable)
		}
		s.cache.forget(known.id)
		return s.load(ctx, func(ctx context.Context) (row, error) { return s.row(ctx, known.id) })
	})
	if err != nil {
		return nil, err
	}
	return fresh, fresh.refusal()
}

// Size is how many sets are in memory, at most.
func (s *Sets) Size() int { return s.cache.size() }

// Counts are how many sets were read and made since the start, and how often that failed.
func (s *Sets) Counts() (loaded, made, failed int64) {
	return s.counts.Loaded.Load(), s.counts.Made.Load(), s.counts.Failed.Load()
}

// budget is what there is of something each second.
type budget struct {
	mu     sync.Mutex
	second int64
	taken  int
}

func (b *budget) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if second := now.Unix(); second != b.second {
		b.second, b.taken = second, 0
	}
	b.taken++
	return b.taken <= renewBudget
}
