package database

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Change is one row of the feed: something that other processes hold in memory is no longer so.
type Change struct {
	Topic string // "session", "account", "grant", …
	Key   string // which one
}

// Append records changes in the transaction that makes them, so that neither is seen without the other.
func (t *Tx) Append(ctx context.Context, now time.Time, changes ...Change) error {
	if t.db.postgres {
		// Numbers must be given and become visible in one order, or a reader passes one by: writers take turns.
		// SQLite has one writer anyhow.
		if _, err := t.Exec(ctx, `SELECT pg_advisory_xact_lock(7236)`); err != nil {
			return fmt.Errorf("locking the change feed: %w", err)
		}
	}
	for _, c := range changes {
		if _, err := t.Exec(ctx, `INSERT INTO changes (seq, topic, subject, at)
			SELECT COALESCE(MAX(seq), 0) + 1, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT) FROM changes`,
			c.Topic, c.Key, Micros(now)); err != nil {
			return fmt.Errorf("writing the change feed: %w", err)
		}
	}
	return nil
}

const (
	feedInterval = 200 * time.Millisecond // a change is seen everywhere within this and one query
	feedKeep     = time.Hour              // rows older than this are deleted
	feedStale    = 5 * time.Second        // without a successful look for so long, memory is not to be trusted
)

// Feed tells what changed in the database, whoever changed it: this process, another gateway, a command.
// It looks every 200 ms. Subscribers keep what they read in memory for as long as the feed is Fresh; when it is
// not, they must ask the database (and so fail closed where it is down).
type Feed struct {
	db     *DB
	cancel context.CancelFunc
	done   chan struct{}
	wake   chan struct{}

	mu   sync.Mutex
	subs map[*subscription]struct{}
	last int64
	seen time.Time
}

type subscription struct {
	topic string
	f     func(key string)
}

// NewFeed starts to watch. Close ends it.
func NewFeed(ctx context.Context, db *DB) (*Feed, error) {
	f := &Feed{db: db, done: make(chan struct{}), wake: make(chan struct{}, 1), subs: map[*subscription]struct{}{}, seen: time.Now()}
	if err := db.QueryRow(ctx, `SELECT COALESCE(MAX(seq), 0) FROM changes`).Scan(&f.last); err != nil {
		return nil, fmt.Errorf("reading the change feed: %w", err)
	}
	// The watch outlives the call and ends with Close, not with the caller's context.
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f.cancel = cancel
	go f.run(run)
	return f, nil
}

// Subscribe calls fn with the key of each change of the topic, one at a time, until cancel is called. fn must not wait.
func (f *Feed) Subscribe(topic string, fn func(key string)) (cancel func()) {
	s := &subscription{topic, fn}
	f.mu.Lock()
	f.subs[s] = struct{}{}
	f.mu.Unlock()
	return func() {
		f.mu.Lock()
		delete(f.subs, s)
		f.mu.Unlock()
	}
}

// Fresh tells whether the feed has looked lately, so that what is in memory still holds.
func (f *Feed) Fresh() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.seen) < feedStale
}

// Wake makes the feed look now, after this process committed a change.
func (f *Feed) Wake() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Close ends the watch.
func (f *Feed) Close() {
	f.cancel()
	<-f.done
}

func (f *Feed) run(ctx context.Context) {
	defer close(f.done)
	tick := time.NewTicker(feedInterval)
	defer tick.Stop()
	prune := time.NewTicker(feedKeep / 4)
	defer prune.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-prune.C:
			// Left undone when it fails: the next turn deletes the same rows.
			_, _ = f.db.Exec(ctx, `DELETE FROM changes WHERE at < ? AND seq < (SELECT MAX(seq) FROM changes)`, Micros(time.Now().Add(-feedKeep)))
		case <-tick.C:
			f.look(ctx)
		case <-f.wake:
			f.look(ctx)
		}
	}
}

// look reads and hands out what is new. A failed look leaves `seen` old, which Fresh reports.
func (f *Feed) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, feedStale/2)
	defer cancel()
	began := time.Now()
	changes, last, err := f.read(ctx)
	if err != nil {
		return
	}
	f.mu.Lock()
	subs := make([]*subscription, 0, len(f.subs))
	for s := range f.subs {
		subs = append(subs, s)
	}
	f.mu.Unlock()
	for _, c := range changes {
		for _, s := range subs {
			if s.topic == c.Topic {
				s.f(c.Key)
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last, f.seen = last, began // at the end: what is remembered holds again once all is told
}

func (f *Feed) read(ctx context.Context) (changes []Change, last int64, err error) {
	rows, err := f.db.Query(ctx, `SELECT seq, topic, subject FROM changes WHERE seq > ? ORDER BY seq`, f.last)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	last = f.last
	for rows.Next() {
		var c Change
		if err := rows.Scan(&last, &c.Topic, &c.Key); err != nil {
			return nil, 0, err
		}
		changes = append(changes, c)
	}
	return changes, last, rows.Err()
}
