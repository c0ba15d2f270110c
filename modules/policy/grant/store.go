package grant

import (
	"context"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Store answers who may what from memory where it can, and from the database where it can't. An error means that neither
// knows: the caller must refuse.
type Store struct {
	db     *database.DB
	feed   Feed
	now    func() time.Time
	limits Limits
	budget budget
	cache  *cache
	cancel func()
	ended  chan struct{} // closed when the upkeep has ended

	emergencies emergencies
}

// Feed tells of changes that other processes make: *database.Feed.
type Feed interface {
	Subscribe(topic string, fn func(key string)) (cancel func())
	Fresh() bool
	Wake()
}

// New makes a store over the database and its feed. Close it.
func New(db *database.DB, feed Feed, now func() time.Time) *Store {
	return NewWithin(db, feed, now, Limits{})
}

// NewWithin is New with limits of one's own.
func NewWithin(db *database.DB, feed Feed, now func() time.Time, limits Limits) *Store {
	limits = limits.orDefaults()
	s := &Store{db: db, feed: feed, now: now, limits: limits, cache: newCache(limits.Memory), ended: make(chan struct{})}
	unsubscribe := feed.Subscribe(Topic, s.changed)
	ctx, stop := context.WithCancel(context.Background()) // it ends with Close
	s.cancel = func() {
		unsubscribe()
		stop()
	}
	go s.upkeep(ctx)
	return s
}

// Close ends the watch of changes. Whoever still asks (a request that a reload has overtaken) is answered from the database.
func (s *Store) Close() {
	s.cache.close()
	s.cancel()
	<-s.ended
}

// changed takes the news that an object's grants are others.
func (s *Store) changed(object string) {
	s.cache.forget(object)
	s.emergencies.note(object)
}

// trusted tells whether what is in memory still holds. Where changes can't be seen, it does not.
func (s *Store) trusted() bool { return s.feed.Fresh() && !s.cache.closed.Load() }

// Relations returns those of the subject and of everyone to the object, sorted. An empty subject has none. Nobody writes to what it returns.
func (s *Store) Relations(ctx context.Context, subject, object string) ([]string, error) {
	if subject == "" {
		return nil, nil
	}
	f, err := s.find(ctx, object, subject)
	if err != nil {
		return nil, err
	}
	return f.relations(subject), nil
}

// Parent returns the object that holds this one, "" where none is known.
func (s *Store) Parent(ctx context.Context, object string) (string, error) {
	f, err := s.find(ctx, object, "")
	if err != nil {
		return "", err
	}
	return f.parent, nil
}

// find returns what is known of the object: all of it, or of very large ones the part that concerns the subject.
func (s *Store) find(ctx context.Context, object, subject string) (*facts, error) {
	f, err := s.look(ctx, object, subject)
	if err == nil {
		s.cache.expect(object, f)
	}
	return f, err
}

func (s *Store) look(ctx context.Context, object, subject string) (*facts, error) {
	if !IsObject(object) {
		return &facts{}, nil // nothing was ever granted on it
	}
	if !s.trusted() {
		fromDatabase.Inc()
		return s.read(ctx, object, subject)
	}
	if f := s.remembered(object, subject); f != nil {
		fromMemory.Inc()
		return f, nil
	}
	fromDatabase.Inc()
	// The stamp is taken before the database is asked: what changed since then is not remembered, though it is answered, as a
	// question that came a moment earlier would be.
	k := key{object: object}
	stamp := s.cache.stampOf(k)
	if f := s.cache.get(k, s.now()); f == nil || f.whole {
		f, err := s.readAll(ctx, object)
		if err != nil {
			return nil, err
		}
		if s.cache.put(k, f, stamp, s.now()); f.whole {
			return f, nil
		}
	}
	f, err := s.read(ctx, object, subject)
	if err == nil {
		s.cache.put(key{object, subject, part}, f, stamp, s.now())
	}
	return f, err
}

// remembered is what memory knows of the object, or of a large one about the subject; nil where it does not.
func (s *Store) remembered(object, subject string) *facts {
	if f := s.cache.get(key{object: object}, s.now()); f != nil && f.whole {
		return f
	}
	return s.cache.get(key{object, subject, part}, s.now())
}

// lookup bounds how long a question waits for the database.
const lookup = 2 * time.Second

// detached is the context of a question to the database: a client that goes away must not look like a database that is down.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), lookup)
}

// readAll reads every relation to the object, but of one with very many only that there are many.
func (s *Store) readAll(ctx context.Context, object string) (*facts, error) {
	rows, err := s.rows(ctx, `SELECT subject, relation, expires FROM grants WHERE object = ? AND (expires = 0 OR expires > ?) LIMIT ?`,
		object, database.Micros(s.now()), maxWhole+1)
	switch {
	case err != nil:
		return nil, err
	case len(rows) > maxWhole:
		return &facts{}, nil
	}
	f := newFacts(rows)
	f.whole = true
	return f, nil
}

// read asks the database for what concerns one subject.
func (s *Store) read(ctx context.Context, object, subject string) (*facts, error) {
	now := database.Micros(s.now())
	rows, err := s.rows(ctx, `SELECT subject, relation, expires FROM grants WHERE object = ? AND subject IN (?, ?) AND relation <> ? AND (expires = 0 OR expires > ?)
		UNION ALL SELECT subject, relation, expires FROM grants WHERE object = ? AND relation = 'parent'`, object, subject, Everyone, Parent, now, object)
	if err != nil {
		return nil, err
	}
	return newFacts(rows), nil
}

func (s *Store) rows(ctx context.Context, query string, args ...any) (list []row, err error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	rows, err := s.db.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading grants: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.subject, &r.relation, &r.expires); err != nil {
			return nil, fmt.Errorf("reading grants: %w", err)
		}
		list = append(list, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading grants: %w", err)
	}
	return list, nil
}

// Stamp changes whenever an answer about one of the objects, or about emergency access, may have changed. Whoever remembers a decision remembers the
// stamp taken before it was made. Where changes can't be seen, no two stamps are alike.
func (s *Store) Stamp(objects ...string) uint64 {
	if !s.trusted() {
		return s.cache.bump()
	}
	var sum uint64
	now := s.now()
	for _, o := range objects {
		if o != "" {
			sum += s.cache.stampAt(o, now)
		}
	}
	if s.emergencies.end.pass(now) {
		s.emergencies.version.Add(1)
	}
	return sum + s.cache.all.Load() + s.emergencies.version.Load()
}
