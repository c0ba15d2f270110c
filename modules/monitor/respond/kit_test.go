package respond

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/convosphere/gateway/modules/internal/ban"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

func TestMain(m *testing.M) {
	// timberjack's own worker lives as long as the process; it belongs to the library.
	goleak.VerifyTestMain(dbtest.Both(m), goleak.IgnoreAnyFunction("github.com/DeRuina/timberjack.(*Logger).runScheduledRotations"),
		goleak.IgnoreAnyFunction("github.com/DeRuina/timberjack.(*Logger).millRun"))
}

// people stand for the app gw_identity.
type people struct {
	mu     sync.Mutex
	locked map[string]bool
	ended  []string
	down   bool
}

var errLastAdmin = errors.New("it is the last administrator's account")

func (p *people) LockAccount(_ context.Context, id string, locked bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.down:
		return errors.New("the database is away")
	case id == "last-admin":
		return errLastAdmin
	}
	p.locked[id] = locked
	return nil
}

func (p *people) EndSessionsOf(_ context.Context, id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = append(p.ended, "user:"+id)
	return nil
}

func (p *people) EndOneSession(_ context.Context, sid string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = append(p.ended, "session:"+sid)
	return nil
}

// desk is a desk of a gateway whose clock only the test moves, and what it told.
type desk struct {
	*Desk
	t      testing.TB
	people *people
	bus    *event.Bus

	mu     sync.Mutex
	at     time.Time
	told   []*event.Event
	seen   []string
	number int
}

func (d *desk) Emit(e *event.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = append(d.told, e)
}

func (d *desk) now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at
}

func (d *desk) forward(t time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = d.at.Add(t)
}

func (d *desk) actions() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []string
	for _, e := range d.told {
		all = append(all, e.Action)
	}
	return strings.Join(all, " ")
}

func open(t testing.TB, config database.Config, c Config) *desk {
	t.Helper()
	d := &desk{t: t, people: &people{locked: map[string]bool{}}, at: time.Now().Truncate(time.Microsecond)}
	db, err := database.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	feed, err := database.NewFeed(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	if d.bus, err = event.Open(event.Options{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	book, err := ban.Open(t.Context(), ban.Sources{DB: db, Feed: feed, Events: d.bus, Now: d.now})
	if err != nil {
		t.Fatal(err)
	}
	bans := book.View(ban.Options{Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}})
	bans.Protect([]netip.Prefix{netip.MustParsePrefix("198.51.100.1/32")})
	table, err := measure.Open(t.Context(), measure.Sources{DB: db, Feed: feed, Now: d.now})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	d.Desk = Open(Sources{
		DB: db, Bans: bans, Measures: table.View(bans.Exempt), Accounts: d.people, Events: d, Log: zaptest.NewLogger(t, zaptest.Level(zap.FatalLevel)), Now: d.now, Every: time.Hour, // tests sweep themselves
		Observe: func(action, state string, _ time.Duration) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.seen = append(d.seen, action+" "+state)
		},
	}, c)
	t.Cleanup(func() {
		for _, err := range []error{d.Close(), table.Close(), book.Close(), d.bus.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
		feed.Close()
		_ = db.Close()
	})
	return d
}

func subjects(t testing.TB, all ...string) (list []finding.Subject) {
	t.Helper()
	for _, text := range all {
		s, err := finding.ParseSubject(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

// found is another finding, with hints separated by commas.
func (d *desk) found(hints string, about ...string) *finding.Finding {
	d.t.Helper()
	d.number++
	f := &finding.Finding{
		ID: fmt.Sprint("f", d.number), Kind: finding.Correlation, Rule: "rule-1", Title: "Something was seen", Level: finding.High, First: d.now(), Last: d.now(),
		Subjects: subjects(d.t, about...), Count: 5,
	}
	if hints != "" {
		f.Respond = strings.Split(hints, ", ")
	}
	return f
}

// take is what a finding leads to, as "action state".
func (d *desk) take(hints string, about ...string) string {
	d.t.Helper()
	return states(d.Take(d.t.Context(), d.found(hints, about...), ""))
}

func states(all []Response) string {
	var text []string
	for _, r := range all {
		text = append(text, r.Action+" "+r.State)
	}
	slices.Sort(text)
	return strings.Join(text, ", ")
}

// eventually waits for what happens in other goroutines.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for range 3000 {
		if f() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal(what)
}
