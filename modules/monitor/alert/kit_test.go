package alert

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(dbtest.Both(m)) }

// catcher is a receiver in memory.
type catcher struct {
	mu    sync.Mutex
	got   []Message
	tries int
	fail  error
}

func (c *catcher) Send(_ context.Context, m Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tries++; c.fail != nil {
		return c.fail
	}
	c.got = append(c.got, m)
	return nil
}

func (c *catcher) Close() error { return nil }

func (c *catcher) failing(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = err
}

// titles are what was sent since the last call.
func (c *catcher) titles() (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.got {
		all = append(all, m.Title)
	}
	c.got = nil
	return all
}

// book is where the desk asks for incidents.
type book struct {
	mu  sync.Mutex
	all map[string]Incident
	err error
}

func (b *book) Incident(_ context.Context, id string) (Incident, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i, ok := b.all[id]
	return i, ok, b.err
}

type told struct {
	mu  sync.Mutex
	all []string
}

func (t *told) Emit(e *event.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, e.Action)
}

func (t *told) has(action string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Contains(t.all, action)
}

// office is a desk whose clock the test moves.
type office struct {
	*Desk
	t    *testing.T
	now  time.Time
	book *book
	told *told
}

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) // a Wednesday

func newOffice(t *testing.T, c Config) *office {
	t.Helper()
	db, err := database.Open(t.Context(), dbtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	o := &office{t: t, now: noon, book: &book{all: map[string]Incident{}}, told: &told{}}
	o.Desk = o.desk(db, c)
	return o
}

// desk is another one over the same database, as of another gateway.
func (o *office) desk(db *database.DB, c Config) *Desk {
	o.t.Helper()
	d, err := New(Resources{DB: db, Events: o.told, Book: o.book, Log: zap.NewNop(), Now: func() time.Time { return o.now }}, c)
	if err != nil {
		o.t.Fatal(err)
	}
	return d
}

func (o *office) incident(id string, level finding.Level, title string) Incident {
	i := Incident{ID: id, Title: title, Level: level, First: o.now, Last: o.now, Findings: 1, Subjects: []finding.Subject{{Kind: finding.Client, ID: "192.0.2.7"}}}
	o.book.mu.Lock()
	defer o.book.mu.Unlock()
	o.book.all[id] = i
	return i
}

func (o *office) tell(i Incident) {
	o.t.Helper()
	if err := o.Tell(o.t.Context(), i); err != nil {
		o.t.Fatal(err)
	}
}

// pass moves the clock on, and has the desk work.
func (o *office) pass(d time.Duration) {
	o.t.Helper()
	o.now = o.now.Add(d)
	if err := o.Work(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) expect(c *catcher, want ...string) {
	o.t.Helper()
	if got := c.titles(); !slices.Equal(got, want) {
		o.t.Fatalf("got %q, want %q", got, want)
	}
}

var errDown = errors.New("connection refused")
