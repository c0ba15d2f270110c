package ban

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

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
	unsubscribe := s.Feed.Subscribe(Topic, b.hear) // before the read: nothing is missed between the two
	t, err := b.readAll(ctx)
	if err != nil {
		unsubscribe()
		return nil, err
	}
	b.trie.Store(t)
	run, stop := context.WithCancel(context.WithoutCancel(ctx)) // it ends with Close
	b.cancel = func() {
		unsubscribe()
		stop()
	}
	go (&keeper{book: b}).run(run)
	return b, nil
}

// Close ends the watch.
func (b *Book) Close() error {
	b.cancel()
	<-b.ended
	return nil
}

// hear takes the news of a change; the keeper reads it.
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

// take hands out what was heard of.
func (b *Book) take() map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	keys := b.pending
	b.pending = map[string]bool{}
	return keys
}

// putBack is for what could not be read: it is tried again at the next look, and until then what was known holds.
func (b *Book) putBack(keys map[string]bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key := range keys {
		b.pending[key] = true
	}
}
