package ban

import (
	"context"
	"time"
)

// keeper is the goroutine that keeps a book's trie equal to the database. It alone changes the trie. All bans are read beside it, since a million of
// them take seconds: a single ban must not wait so long.
type keeper struct {
	book    *Book
	whole   chan read       // where the read of all bans ends; nil: none is under way
	since   map[string]bool // changes since it began, which it may have missed
	another bool            // everything changed again meanwhile
	cutOff  bool
}

type read struct {
	t   *trie
	err error
}

func (k *keeper) run(ctx context.Context) {
	b := k.book
	defer close(b.ended)
	look, turn := time.NewTicker(lookInterval), time.NewTicker(sweepInterval)
	defer look.Stop()
	defer turn.Stop()
	for {
		select {
		case <-ctx.Done():
			if k.whole != nil {
				<-k.whole
			}
			return
		case <-turn.C:
			b.refusals.flush(b.tellRefused)
			b.forget(b.now().UnixMicro())
			_ = b.sweepTables(ctx) // what fails is left to the next turn: it does not count any more
		case <-look.C:
			k.look()
			k.catchUp(ctx)
		case <-b.news:
			k.catchUp(ctx)
		case r := <-k.whole:
			k.swap(ctx, r)
		}
	}
}

// look asks whether the book is cut off from the news. When it no longer is, rows of the feed may be gone that were never seen.
func (k *keeper) look() {
	stale := !k.book.feed.Fresh()
	if stale == k.cutOff {
		return
	}
	k.cutOff = stale
	k.book.tellStale(stale)
	if !stale {
		k.book.hear(everything)
	}
}

// catchUp reads what was heard of.
func (k *keeper) catchUp(ctx context.Context) {
	b := k.book
	keys := b.take()
	if keys[everything] {
		delete(keys, everything)
		k.readWhole(ctx)
	}
	if len(keys) == 0 {
		return
	}
	t, err := b.readSome(ctx, b.trie.Load(), keys)
	if err != nil {
		b.putBack(keys)
		return
	}
	if k.whole != nil {
		for key := range keys {
			k.since[key] = true
		}
	}
	b.trie.Store(t)
	b.watches.check()
}

// readWhole begins to read all bans, or remembers to begin again.
func (k *keeper) readWhole(ctx context.Context) {
	if k.whole != nil {
		k.another = true
		return
	}
	done := make(chan read, 1)
	k.whole, k.since, k.another = done, map[string]bool{}, false
	go func() {
		t, err := k.book.readAll(ctx)
		done <- read{t, err}
	}()
}

// swap puts what was read in place of what is known, with what has changed since.
func (k *keeper) swap(ctx context.Context, r read) {
	b := k.book
	k.whole = nil
	if r.err == nil {
		r.t, r.err = b.readSome(ctx, r.t, k.since)
	}
	if r.err != nil {
		b.putBack(map[string]bool{everything: true})
		return
	}
	b.trie.Store(r.t)
	b.watches.check()
	if k.another {
		k.readWhole(ctx)
	}
}
