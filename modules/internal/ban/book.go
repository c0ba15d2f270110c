package ban

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gaissmai/bart"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
)

// Topic is the change feed's for bans. Keys are prefixes; everything stands for so many that all are read anew.
const (
	Topic      = "ban"
	everything = "*"
)

const (
	lookInterval  = time.Second     // how often the book looks whether it was cut off, and reads again what it could not read
	sweepInterval = time.Minute     // what has ended is deleted then
	readTime      = 2 * time.Minute // of all bans
	mostPending   = 1000            // changes after which all bans are read anew
)

// Feed tells of changes that other processes make: *database.Feed.
type Feed interface {
	Subscribe(topic string, fn func(key string)) (cancel func())
	Fresh() bool
	Wake()
}

// Sources are what a book stands on.
type Sources struct {
	DB     *database.DB
	Feed   Feed
	Events *event.Bus
	Now    func() time.Time
}

// Book is the bans of one database, in memory.
type Book struct {
	db     *database.DB
	feed   Feed
	events *event.Bus
	now    func() time.Time

	trie     atomic.Pointer[trie]
	watches  watches
	refusals refusals

	mu      sync.Mutex
	pending map[string]bool // changes that were heard of and not yet read
	news    chan struct{}
	cancel  func()
	ended   chan struct{}
}

// Open reads all bans and begins to watch for changes. Close it.
func Open(ctx context.Context, s Sources) (*Book, error) {
	b := &Book{
		db: s.DB, feed: s.Feed, events: s.Events, now: s.Now,
		pending: map[string]bool{}, news: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	b.trie.Store(new(trie))
	unsubscribe := s.Feed.Subscribe(Topic, b.hear) // before the read: nothing is missed between the two
	if err := b.readAll(ctx); err != nil {
		unsubscribe()
		return nil, err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx)) // it ends with Close
	b.cancel = func() {
		unsubscribe()
		stop()
	}
	go b.run(run)
	return b, nil
}

// Close ends the watch.
func (b *Book) Close() error {
	b.cancel()
	<-b.ended
	return nil
}

// hear takes the news of a change; it is read by run.
func (b *Book) hear(key string) {
	b.mu.Lock()
	if len(b.pending) >= mostPending {
		clear(b.pending)
		key = everything
	}
	b.pending[key] = true
	b.mu.Unlock()
	select {
	case b.news <- struct{}{}:
	default:
	}
}

// run keeps memory equal to the database, until ctx ends.
func (b *Book) run(ctx context.Context) {
	defer close(b.ended)
	look, turn := time.NewTicker(lookInterval), time.NewTicker(sweepInterval)
	defer look.Stop()
	defer turn.Stop()
	cutOff := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-turn.C:
			b.refusals.flush(b.tellRefused)
			_ = b.sweep(ctx) // what fails is left to the next turn: it does not count any more
		case <-look.C:
			fresh := b.feed.Fresh()
			if fresh && cutOff {
				b.hear(everything) // rows of the feed may be gone by now that were never seen
			}
			if fresh == cutOff {
				b.tellStale(!fresh)
			}
			cutOff = !fresh
			b.catchUp(ctx)
		case <-b.news:
			b.catchUp(ctx)
		}
	}
}

// catchUp reads what was heard of. What can't be read is tried again: until then what was known holds.
func (b *Book) catchUp(ctx context.Context) {
	b.mu.Lock()
	keys := b.pending
	b.pending = map[string]bool{}
	b.mu.Unlock()
	if len(keys) == 0 {
		return
	}
	err := b.read(ctx, keys)
	if err == nil {
		b.watches.check()
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for key := range keys {
		b.pending[key] = true
	}
}

func (b *Book) read(ctx context.Context, keys map[string]bool) error {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	if keys[everything] {
		return b.readAll(ctx)
	}
	t := b.trie.Load()
	for key := range keys {
		p, err := netip.ParsePrefix(key)
		if err != nil {
			continue // no version of ours writes it
		}
		_, e, ok, err := row(b.db.QueryRow(ctx, selectBans+` WHERE b.prefix = ?`, key))
		switch {
		case err != nil:
			return err
		case ok:
			t = t.InsertPersist(p, e)
		default:
			t = t.DeletePersist(p)
		}
	}
	b.trie.Store(t)
	return nil
}

// readAll reads all bans into a new trie.
func (b *Book) readAll(ctx context.Context) error {
	rows, err := b.db.Query(ctx, selectBans+` LIMIT ?`, MaxBans)
	if err != nil {
		return fmt.Errorf("reading the bans: %w", err)
	}
	defer rows.Close()
	t := new(bart.Table[entry])
	for rows.Next() {
		p, e, ok, err := row(rows)
		if err != nil {
			return err
		}
		if ok {
			t.Insert(p, e)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading the bans: %w", err)
	}
	b.trie.Store(t)
	return nil
}
