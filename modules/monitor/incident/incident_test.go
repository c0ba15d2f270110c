package incident

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(dbtest.Both(m)) }

// desk is a book with a clock that only the test moves, and what it told.
type desk struct {
	*Book
	t      testing.TB
	mu     sync.Mutex
	at     time.Time
	events []*event.Event
	closed []time.Duration
}

func (d *desk) Emit(e *event.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
}

func (d *desk) actions() (all []string) {
	for _, e := range d.events {
		all = append(all, e.Action)
	}
	return all
}

func (d *desk) now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at
}

func open(t testing.TB, config database.Config, o Options) *desk {
	t.Helper()
	db, err := database.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	d := &desk{t: t, at: time.Now().Truncate(time.Microsecond)}
	d.Book = New(db, d, d.now, o, func(step string, took time.Duration) {
		if step == StepClosed {
			d.closed = append(d.closed, took)
		}
	})
	return d
}

func (d *desk) found(id string, level finding.Level, at time.Duration, subjects ...string) *finding.Finding {
	d.t.Helper()
	f := &finding.Finding{ID: id, Kind: finding.Match, Rule: "r-" + id, Title: "Title of " + id, Level: level, First: d.at.Add(at), Last: d.at.Add(at), Count: 1}
	for _, s := range subjects {
		one, err := finding.ParseSubject(s)
		if err != nil {
			d.t.Fatal(err)
		}
		f.Subjects = append(f.Subjects, one)
	}
	return f
}

func (d *desk) add(f *finding.Finding) (Incident, Change) {
	d.t.Helper()
	i, c, err := d.Add(context.Background(), f)
	if err != nil {
		d.t.Fatal(err)
	}
	return i, c
}

// Findings about one matter are one incident, those about others are others.
func TestFindingsBecomeIncidents(t *testing.T) {
	d := open(t, dbtest.New(t), Options{Within: time.Hour})
	first, c := d.add(d.found("a", finding.Medium, 0, "client:192.0.2.7", "node:n1"))
	if c != Opened || first.State != Open {
		t.Fatal(c, first)
	}
	if i, c := d.add(d.found("b", finding.Critical, 50*time.Minute, "client:192.0.2.7", "user:u1")); c != Raised || i.ID != first.ID || i.Title != "Title of b" {
		t.Error(c, i)
	}
	if i, c := d.add(d.found("c", finding.Low, 100*time.Minute, "user:u1")); c != Joined || i.ID != first.ID || i.Level != finding.Critical {
		t.Error("a subject that came later does not join:", c, i)
	}
	if i, c := d.add(d.found("b", finding.Critical, 50*time.Minute, "client:192.0.2.7")); c != Known || i.ID != first.ID {
		t.Error("told twice:", c, i)
	}
	for id, f := range map[string]*finding.Finding{
		"another":  d.found("d", finding.Medium, 0, "client:192.0.2.8", "node:n1"),
		"too late": d.found("e", finding.Medium, 5*time.Hour, "client:192.0.2.7"),
		"nobody":   d.found("f", finding.Medium, 0),
	} {
		if i, c := d.add(f); c != Opened || i.ID == first.ID {
			t.Error(id, c)
		}
	}
	w, err := d.Show(t.Context(), first.ID)
	if err != nil || w.Count != 3 || len(w.Findings) != 3 || len(w.Subjects) != 2 || !w.Last.Equal(d.at.Add(100*time.Minute)) {
		t.Errorf("%+v, %v", w, err)
	}
	if got := fmt.Sprint(d.actions()); strings.Count(got, "incident-opened") != 4 || strings.Count(got, "incident-changed") != 1 {
		t.Error(got)
	}
}

// A finding that is about two incidents makes them one, with all that they had.
func TestIncidentsMerge(t *testing.T) {
	d := open(t, dbtest.New(t), Options{})
	a, _ := d.add(d.found("a", finding.Low, 0, "client:192.0.2.7"))
	d.at = d.at.Add(time.Second)
	b, _ := d.add(d.found("b", finding.High, 0, "user:u1"))
	if err := d.Write(t.Context(), b.ID, "ada", "Looks real."); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Acknowledge(t.Context(), b.ID, "ada"); err != nil {
		t.Fatal(err)
	}
	i, c := d.add(d.found("c", finding.Medium, 0, "client:192.0.2.7", "user:u1"))
	if c != Joined || i.ID != a.ID {
		t.Fatal(c, i)
	}
	w, err := d.Show(t.Context(), a.ID)
	if err != nil || w.Level != finding.High || w.Title != "Title of b" || w.Count != 3 || len(w.Findings) != 3 || len(w.Notes) != 1 || w.Owner != "ada" || w.State != Triaged {
		t.Errorf("%+v, %v", w, err)
	}
	if other, err := d.Show(t.Context(), b.ID); err != nil || other.State != Closed || other.Merged != a.ID {
		t.Errorf("%+v, %v", other, err)
	}
	if all, err := d.List(t.Context(), Query{}); err != nil || len(all) != 1 {
		t.Error(all, err)
	}
	if e := d.events[len(d.events)-1]; e.Action != "incident-changed" {
		t.Error("nobody is told:", e.Action)
	}
}

// People work on incidents: each step has its state, and a closed one takes no more findings.
func TestWorkOnIncidents(t *testing.T) {
	d := open(t, dbtest.New(t), Options{Keep: time.Hour})
	i, _ := d.add(d.found("a", finding.High, 0, "user:u1"))
	d.at = d.at.Add(5 * time.Minute)
	if got, err := d.Acknowledge(t.Context(), i.ID, "ada"); err != nil || got.State != Triaged || got.Owner != "ada" {
		t.Fatal(got, err)
	}
	d.at = d.at.Add(5 * time.Minute)
	if got, err := d.Close(t.Context(), i.ID, "eve"); err != nil || got.State != Closed || got.Closer != "eve" {
		t.Fatal(got, err)
	}
	if len(d.closed) != 1 || d.closed[0] != 10*time.Minute {
		t.Error(d.closed)
	}
	for name, err := range map[string]error{
		"closed twice":       second(d.Close(t.Context(), i.ID, "eve")),
		"acknowledged after": second(d.Acknowledge(t.Context(), i.ID, "eve")),
	} {
		if !errors.Is(err, ErrState) {
			t.Error(name, err)
		}
	}
	if next, c := d.add(d.found("b", finding.Low, 0, "user:u1")); c != Opened || next.ID == i.ID {
		t.Error("a closed incident grows:", c)
	}
	for name, err := range map[string]error{
		"none":   second(d.Close(t.Context(), "NONE", "eve")),
		"note":   d.Write(t.Context(), "NONE", "eve", "x"),
		"listed": func() error { _, err := d.List(t.Context(), Query{After: "NONE"}); return err }(),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Error(name, err)
		}
	}
	for _, text := range []string{"", " \n ", "\x00", strings.Repeat("x", MostNote+1)} {
		if err := d.Write(t.Context(), i.ID, "eve", text); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.10q: %v", text, err)
		}
	}
	for _, who := range []string{"", "Ada Lovelace", "a\nb", strings.Repeat("x", mostWho+1)} {
		if err := d.Write(t.Context(), i.ID, who, "x"); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.10q: %v", who, err)
		}
	}
	d.at = d.at.Add(2 * time.Hour)
	d.add(d.found("c", finding.Low, 0, "user:u1")) // the second one goes on
	if err := d.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Show(t.Context(), i.ID); !errors.Is(err, ErrNotFound) {
		t.Error("it stays for ever:", err)
	}
	if n, err := d.Counts(t.Context()); err != nil || n[finding.Low] != 1 || n[finding.High] != 0 {
		t.Error(n, err)
	}
}

// Where nobody looks at incidents they do not pile up for ever; what goes on stays.
func TestWhatNobodyCloses(t *testing.T) {
	d := open(t, dbtest.New(t), Options{Keep: 24 * time.Hour})
	old, _ := d.add(d.found("a", finding.High, 0, "client:192.0.2.7"))
	d.at = d.at.Add(23 * time.Hour)
	going, _ := d.add(d.found("b", finding.High, 0, "client:192.0.2.8"))
	if err := d.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Show(t.Context(), old.ID); err != nil {
		t.Error("it went too early:", err)
	}
	d.at = d.at.Add(2 * time.Hour)
	if err := d.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Show(t.Context(), old.ID); !errors.Is(err, ErrNotFound) {
		t.Error("it stays for ever:", err)
	}
	if _, err := d.Show(t.Context(), going.ID); err != nil {
		t.Error(err)
	}
}

func second(_ Incident, err error) error { return err }

// What is harmless by itself opens nothing, and belongs to what is not.
func TestLowFindings(t *testing.T) {
	d := open(t, dbtest.New(t), Options{Least: finding.Medium})
	if i, c := d.add(d.found("a", finding.Low, 0, "user:u1")); c != Alone || i.ID != "" {
		t.Error(c, i)
	}
	d.add(d.found("b", finding.Medium, 0, "user:u1"))
	if _, c := d.add(d.found("c", finding.Low, 0, "user:u1")); c != Joined {
		t.Error(c)
	}
}

// A flood of findings fills no database: the first and the last ones are kept, the rest is counted.
func TestIncidentsAreBounded(t *testing.T) {
	d := open(t, dbtest.NewSQLite(t), Options{})
	var i Incident
	for n := range MostFindings + 20 {
		i, _ = d.add(d.found(fmt.Sprint("f", n), finding.Low, time.Duration(n)*time.Millisecond, "user:u1", fmt.Sprint("path:", n)))
	}
	w, err := d.Show(t.Context(), i.ID)
	if err != nil || w.Count != MostFindings+20 || len(w.Findings) != MostFindings || len(w.Subjects) != MostSubjects {
		t.Fatal(w.Count, len(w.Findings), len(w.Subjects), err)
	}
	if w.Findings[0].ID != "f0" || w.Findings[MostFindings-1].ID != fmt.Sprint("f", MostFindings+19) {
		t.Error("its beginning or its end is gone")
	}
}

// Gateways that find the same at once open one incident.
func TestGatewaysOpenOne(t *testing.T) {
	config := dbtest.New(t)
	books := []*desk{open(t, config, Options{}), open(t, config, Options{})}
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			d := books[n%2]
			f := &finding.Finding{ID: fmt.Sprint("f", n/2), Title: "x", Level: finding.Low, First: d.now(), Last: d.now(), Subjects: []finding.Subject{{Kind: "user", ID: "u1"}}}
			if _, _, err := d.Add(context.Background(), f); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all, err := books[0].List(t.Context(), Query{})
	if err != nil || len(all) != 1 || all[0].Count != 10 {
		t.Error(all, err)
	}
}

func TestPagesOfIncidents(t *testing.T) {
	d := open(t, dbtest.New(t), Options{})
	for n := range 7 {
		d.add(d.found(fmt.Sprint("f", n), finding.Level(n%5), 0, fmt.Sprint("user:u", n)))
		if n%2 == 0 {
			d.at = d.at.Add(time.Second)
		}
	}
	seen := map[string]bool{}
	q := Query{Limit: 2}
	for {
		page, err := d.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, i := range page {
			if seen[i.ID] || len(i.Subjects) != 1 {
				t.Error(i)
			}
			seen[i.ID] = true
		}
		q.After = page[len(page)-1].ID
	}
	if len(seen) != 7 {
		t.Error(len(seen))
	}
	if all, err := d.List(t.Context(), Query{Level: finding.High}); err != nil || len(all) != 2 {
		t.Error(all, err)
	}
	if all, err := d.List(t.Context(), Query{State: Closed}); err != nil || len(all) != 0 {
		t.Error(all, err)
	}
}
