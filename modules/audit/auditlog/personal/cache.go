package personal

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

const (
	mostCached = 16384           // of each generation; a key takes about a KiB
	askTime    = 2 * time.Second // of the database, for the keys of one batch
	restTime   = 5 * time.Second // the database is left alone for so long after it did not answer
	mostAsked  = 1024            // keys made in one transaction
)

// Keys are the keys of a database. It is safe for use by many.
type Keys struct {
	db     *database.DB
	ring   Ring
	mac    []byte // of Person
	now    func() time.Time
	cancel func()

	mu         sync.Mutex
	young, old map[string]*Key // by subject; nil: it was erased
	rest       time.Time       // the database is not asked before
}

// Open begins to use the keys of db; Close ends it. feed may be nil for a command that ends soon.
func Open(db *database.DB, feed *database.Feed, ring Ring, now func() time.Time) *Keys {
	k := &Keys{db: db, ring: ring, mac: ring.Derive(purpose), now: now, cancel: func() {}, young: map[string]*Key{}}
	if feed != nil {
		k.cancel = feed.Subscribe(Topic, k.forget)
	}
	return k
}

// Close ends it.
func (k *Keys) Close() { k.cancel() }

// Person is the subject of a person.
func (k *Keys) Person(id string) string { return person(k.mac, id) }

func (k *Keys) forget(subject string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.young, subject)
	delete(k.old, subject)
}

// Cached is the key of a subject that is in memory: nil where it was erased.
func (k *Keys) Cached(subject string) (key *Key, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key, ok = k.young[subject]; ok {
		return key, true
	}
	if key, ok = k.old[subject]; ok {
		k.keep(subject, key)
	}
	return key, ok
}

// keep is called with mu held. What is not asked for while the young generation fills up is let go.
func (k *Keys) keep(subject string, key *Key) {
	if len(k.young) >= mostCached {
		k.old, k.young = k.young, map[string]*Key{}
	}
	k.young[subject] = key
}

// Want brings keys into memory, making those that there are none of. Of what it can't bring, Cached tells nothing.
func (k *Keys) Want(ctx context.Context, subjects []string) error {
	k.mu.Lock()
	resting := k.now().Before(k.rest)
	k.mu.Unlock()
	if resting {
		return errResting
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	for len(subjects) > 0 {
		n := min(len(subjects), mostAsked)
		if err := k.want(ctx, subjects[:n]); err != nil {
			k.mu.Lock()
			k.rest = k.now().Add(restTime)
			k.mu.Unlock()
			return err
		}
		subjects = subjects[n:]
	}
	return nil
}

var errResting = errors.New("the database did not answer a moment ago")

func (k *Keys) want(ctx context.Context, subjects []string) error {
	missing, err := k.readAll(ctx, subjects)
	if err != nil || len(missing) == 0 {
		return err
	}
	err = k.db.InTx(ctx, func(tx *database.Tx) error { return insert(ctx, k.ring, tx, k.now(), missing) })
	if err != nil {
		return err
	}
	_, err = k.readAll(ctx, missing) // ours, or those of another gateway that was quicker
	return err
}

// readAll reads the keys that there are.
func (k *Keys) readAll(ctx context.Context, subjects []string) (missing []string, err error) {
	for _, subject := range subjects {
		key, err := read(ctx, k.ring, k.db, "subject", subject)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			missing = append(missing, subject)
			continue
		case err != nil && !errors.Is(err, ErrErased):
			return nil, err
		}
		k.mu.Lock()
		k.keep(subject, key)
		k.mu.Unlock()
	}
	return missing, nil
}

// ByID reads the key that a sealed part names. Errors: ErrErased, also for one that there is no row of.
func (k *Keys) ByID(ctx context.Context, id string) (*Key, error) {
	key, err := read(ctx, k.ring, k.db, "id", id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrErased
	}
	return key, err
}
