package measure

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Topic is the change feed's for measures. All are read anew at each change: there are few.
const Topic = "measure"

// Most is how many measures are in force at once. Whoever could bring about more has a table read that nobody is helped by: bans are for crowds.
const Most = 20_000

const (
	lookInterval  = time.Second // how often the table looks whether it was cut off, and reads again what it could not read
	sweepInterval = time.Minute // what has ended is deleted then
	readTime      = 10 * time.Second
)

// Feed tells of changes that other processes make: *database.Feed.
type Feed interface {
	Subscribe(topic string, fn func(key string)) (cancel func())
	Fresh() bool
	Wake()
}

// Sources are what a table stands on.
type Sources struct {
	DB   *database.DB
	Feed Feed
	Now  func() time.Time
}

// Table is the measures of one database, in memory.
type Table struct {
	db      *database.DB
	feed    Feed
	now     func() time.Time
	known   atomic.Pointer[known]
	watches watches

	news   chan struct{}
	cancel func()
	ended  chan struct{}
}

// known is all measures at one moment. It is never changed once others see it.
type known struct {
	clients  map[netip.Prefix]*force
	users    map[string]*force
	sessions map[string]*force
	sum      [kinds]int
}

// force is what is in force against one subject: from when, and until when, in microseconds; 0 is not.
type force struct{ since, until [kinds]int64 }

// Open reads all measures and begins to watch for changes. Close it.
func Open(ctx context.Context, s Sources) (*Table, error) {
	t := &Table{db: s.DB, feed: s.Feed, now: s.Now, news: make(chan struct{}, 1), ended: make(chan struct{})}
	unsubscribe := s.Feed.Subscribe(Topic, func(string) { t.hear() }) // before the read: nothing is missed between the two
	if err := t.read(ctx); err != nil {
		unsubscribe()
		return nil, err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx)) // it ends with Close
	t.cancel = func() {
		unsubscribe()
		stop()
	}
	go t.run(run)
	return t, nil
}

// Close ends the watch.
func (t *Table) Close() error {
	t.cancel()
	<-t.ended
	return nil
}

func (t *Table) hear() {
	select {
	case t.news <- struct{}{}:
	default:
	}
}

// run keeps what is known equal to the database.
func (t *Table) run(ctx context.Context) {
	defer close(t.ended)
	look, turn := time.NewTicker(lookInterval), time.NewTicker(sweepInterval)
	defer look.Stop()
	defer turn.Stop()
	cutOff, behind := false, false
	for {
		select {
		case <-ctx.Done():
			return
		case <-turn.C:
			if n, err := t.sweep(ctx); err == nil && n > 0 { // what fails is left to the next turn: it does not count any more
				behind = t.read(ctx) != nil
			}
		case <-look.C:
			stale := !t.feed.Fresh()
			if cutOff && !stale || behind { // rows of the feed may be gone that were never seen
				behind = t.read(ctx) != nil
			}
			cutOff = stale
		case <-t.news:
			behind = t.read(ctx) != nil
		}
	}
}

func (t *Table) sweep(ctx context.Context) (int64, error) {
	r, err := t.db.Exec(ctx, `DELETE FROM measures WHERE expires <= ?`, database.Micros(t.now()))
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// force finds or makes the entry of a subject, while the known is being made.
func (k *known) force(s Subject) *force {
	switch s.Kind {
	case Client:
		p, err := parseClient(s.ID)
		if err != nil {
			return nil // no version of ours writes it
		}
		return entry(k.clients, p)
	case User:
		return entry(k.users, s.ID)
	case Session:
		return entry(k.sessions, s.ID)
	}
	return nil
}

func entry[K comparable](m map[K]*force, key K) *force {
	f := m[key]
	if f == nil {
		f = new(force)
		m[key] = f
	}
	return f
}

// empty tells the usual case.
func (k *known) empty() bool { return len(k.clients) == 0 && len(k.users) == 0 && len(k.sessions) == 0 }

// Stale tells whether changes can't be seen at present: then what was last known holds.
func (t *Table) Stale() bool { return !t.feed.Fresh() }

// Counts are how many measures of each kind are held in memory. Some may have ended less than a minute ago.
func (t *Table) Counts() (n [len(kindNames)]int) { return t.known.Load().sum }

// watches are the open sockets and who they belong to.
type watches struct {
	mu  sync.Mutex
	all map[*watch]struct{}
}

type watch struct {
	view *View
	who  Who
	f    func()
}

// take tells whether w was still waiting.
func (s *watches) take(w *watch) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.all[w]
	delete(s.all, w)
	return ok
}

func (s *watches) add(w *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[*watch]struct{}{}
	}
	s.all[w] = struct{}{}
}

func (s *watches) ask(w *watch) {
	if w.view.Of(w.who).Has(CloseSockets) && s.take(w) {
		go w.f()
	}
}

// check asks for all who wait, after measures have changed.
func (s *watches) check() {
	s.mu.Lock()
	all := make([]*watch, 0, len(s.all))
	for w := range s.all {
		all = append(all, w)
	}
	s.mu.Unlock()
	for _, w := range all {
		s.ask(w)
	}
}
