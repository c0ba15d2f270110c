package risk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Both(m).Run()) }

// house is a register over a database of its own.
type house struct {
	*Register
	t      *testing.T
	mu     sync.Mutex
	now    time.Time
	events []*event.Event
}

func (h *house) Emit(e *event.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *house) wait(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *house) count(action string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if e.Action == action {
			n++
		}
	}
	return n
}

func newHouse(t *testing.T) *house {
	t.Helper()
	db, err := database.Open(t.Context(), dbtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	h := &house{t: t, now: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)}
	h.Register = &Register{DB: db, Events: h, Now: func() time.Time {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.now = h.now.Add(time.Microsecond) // as time goes on between two steps
		return h.now
	}}
	return h
}

func (h *house) feed(source string, causes ...Cause) Fed {
	h.t.Helper()
	fed, err := h.Feed(context.Background(), source, causes)
	if err != nil {
		h.t.Fatal(err)
	}
	return fed
}

func (h *house) list(q Query) (titles []string) {
	h.t.Helper()
	for q.Limit = 2; ; {
		page, next, err := h.List(context.Background(), q)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, r := range page {
			titles = append(titles, r.Title)
		}
		if q.After = next; next == "" {
			return titles
		}
	}
}

func (h *house) one(q Query) Risk {
	h.t.Helper()
	q.Limit = 10
	page, _, err := h.List(context.Background(), q)
	if err != nil || len(page) != 1 {
		h.t.Fatalf("%+v, %v", page, err)
	}
	return page[0]
}

func number(n int) *int { return &n }

var spray, scan443 = Cause{Key: "rule-1", Title: "Password spraying recurs", Likelihood: 4, Impact: 4, Times: 3}, Cause{Key: "rule-2", Title: "Scanning recurs", Likelihood: 5, Impact: 1, Times: 9}

// A cause is one risk, however often and by whomever it is seen; it closes when it is gone, and opens again when it is back.
func TestFeed(t *testing.T) {
	h := newHouse(t)
	if fed := h.feed(Incident, spray, scan443); fed != (Fed{Opened: 2}) {
		t.Fatal(fed)
	}
	for range 3 {
		h.wait(10 * time.Minute)
		if fed := h.feed(Incident, spray, scan443); fed != (Fed{}) {
			t.Fatal(fed)
		}
	}
	if fed := h.feed(Control, Cause{Key: "rule-1", Title: "A control"}); fed != (Fed{Opened: 1}) { // the same key of another source is another
		t.Fatal(fed)
	}
	h.wait(Gone / 2)
	h.feed(Incident, spray)
	if got := h.list(Query{State: Open}); len(got) != 3 {
		t.Fatalf("a gateway that is away for a moment closes a risk: %v", got)
	}
	h.wait(Gone/2 + time.Minute)
	if fed := h.feed(Incident, spray); fed != (Fed{Closed: 1}) {
		t.Fatal(fed)
	}
	if got := h.list(Query{State: Open}); fmt.Sprint(got) != "[Password spraying recurs A control]" {
		t.Errorf("another source's closed, too: %v", got)
	}
	if got := h.one(Query{State: Closed}); got.Title != scan443.Title || got.Closed.IsZero() {
		t.Errorf("%+v", got)
	}
	h.wait(time.Minute)
	if fed := h.feed(Incident, spray, scan443); fed != (Fed{Reopened: 1}) {
		t.Fatal(fed)
	}
	steps, err := h.History(t.Context(), h.one(Query{Text: "SCAN"}).ID, 10)
	var what []string
	for _, m := range steps {
		what = append(what, m.What)
	}
	if err != nil || fmt.Sprint(what) != "[opened again closed opened]" {
		t.Error(what, err)
	}
	if h.count("risk-opened") != 4 || h.count("risk-closed") != 1 {
		t.Errorf("%d opened, %d closed", h.count("risk-opened"), h.count("risk-closed"))
	}
	for _, source := range []string{Person, "x", ""} {
		if _, err := h.Feed(t.Context(), source, nil); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q feeds: %v", source, err)
		}
	}
}

// Two gateways that see the same at once open one risk.
func TestFeedAtOnce(t *testing.T) {
	h := newHouse(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := h.Feed(context.Background(), Incident, []Cause{spray, scan443}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := h.list(Query{}); len(got) != 2 || h.count("risk-opened") != 2 {
		t.Errorf("%v, %d events", got, h.count("risk-opened"))
	}
}

// What a person said stays, whatever the machine guesses later.
func TestPeopleKnowBetter(t *testing.T) {
	h := newHouse(t)
	h.feed(Incident, spray)
	id := h.one(Query{}).ID
	h.feed(Incident, Cause{Key: "rule-1", Title: "Password spraying recurs", Likelihood: 5, Impact: 5})
	if r := h.one(Query{}); r.Score() != 25 {
		t.Errorf("nobody assessed it, and the guess is %d", r.Score())
	}
	owner, accept, until := "ID-ada", Accept, h.now.AddDate(0, 3, 0)
	r, err := h.Edit(t.Context(), By{ID: "ID-ada", Session: "S"}, id, Edit{Likelihood: number(2), Owner: &owner, Treatment: &accept, Accepted: &until, Note: "until the migration, says bert"})
	if err != nil || r.Score() != 10 {
		t.Fatal(r, err)
	}
	h.feed(Incident, spray)
	if r := h.one(Query{}); r.Likelihood != 2 || r.Owner != "ID-ada" || r.Treatment != Accept || !r.Accepted.Equal(until) {
		t.Errorf("%+v", r)
	}
	last := h.events[len(h.events)-1]
	if last.Action != "risk-changed" || last.UserID != "ID-ada" || strings.Contains(fmt.Sprintf("%+v", *last), "bert") {
		t.Errorf("%+v", *last)
	}
	if r := h.one(Query{}); r.Overdue(h.now) || !r.Overdue(until.Add(time.Minute)) {
		t.Error("what was accepted until a day is overdue after it, and not before")
	}
	h.wait(until.Add(time.Hour).Sub(h.now))
	if got := h.list(Query{Overdue: true}); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

// What can't be, what another changed meanwhile and what is closed stays as it is; of the change it is told what it was.
func TestEditRefuses(t *testing.T) {
	h := newHouse(t)
	h.feed(Incident, spray)
	seen := h.one(Query{})
	accept, bad, past := Accept, "ignore", h.now.Add(-time.Hour)
	for what, e := range map[string]Edit{
		"nothing": {}, "likelihood 6": {Likelihood: number(6)}, "impact 0": {Impact: number(0)}, "no treatment": {Treatment: &bad}, "accepted for ever": {Treatment: &accept}, "accepted until yesterday": {Treatment: &accept, Accepted: &past},
		"a long note": {Note: strings.Repeat("x", mostText+1)},
	} {
		if _, err := h.Edit(t.Context(), By{ID: "a"}, seen.ID, e); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if now := h.one(Query{}); now != seen {
		t.Errorf("%+v was %+v", now, seen)
	}
	if _, err := h.Edit(t.Context(), By{ID: "a"}, seen.ID, Edit{Version: seen.Version, Impact: number(5), Note: "first"}); err != nil {
		t.Fatal(err)
	}
	var changed *Changed
	if _, err := h.Edit(t.Context(), By{ID: "b"}, seen.ID, Edit{Version: seen.Version, Impact: number(1)}); !errors.As(err, &changed) || len(changed.Since) != 1 || changed.Since[0].By != "a" || changed.Since[0].Text != "first" {
		t.Errorf("%v, %+v", err, changed)
	}
	if err := h.Close(t.Context(), By{ID: "a"}, seen.ID, 0, ""); !errors.Is(err, ErrSeen) {
		t.Errorf("a risk whose cause is there is closed by hand: %v", err)
	}
	h.wait(Gone + time.Minute)
	h.feed(Incident)
	if _, err := h.Edit(t.Context(), By{ID: "a"}, seen.ID, Edit{Impact: number(1)}); !errors.Is(err, ErrState) {
		t.Error(err)
	}
	if _, err := h.Edit(t.Context(), By{ID: "a"}, "x", Edit{Impact: number(1)}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, _, err := h.List(t.Context(), Query{After: "!"}); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

// Of many who edit at once none is lost: each change is in the history, and each that is not made is told.
func TestEditorsAtOnce(t *testing.T) {
	h := newHouse(t)
	h.feed(Incident, spray)
	id := h.one(Query{}).ID
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				r, err := h.Get(context.Background(), id)
				if err == nil {
					_, err = h.Edit(context.Background(), By{ID: fmt.Sprint("P", i)}, id, Edit{Version: r.Version, Impact: number(i%5 + 1), Note: fmt.Sprint("note ", i)})
				}
				var changed *Changed
				if err == nil {
					return
				}
				if !errors.As(err, &changed) {
					t.Error(err)
					return
				}
			}
			t.Error("never their turn")
		})
	}
	wg.Wait()
	steps, err := h.History(t.Context(), id, 100)
	if err != nil || len(steps) != 9 {
		t.Errorf("%d steps: %+v, %v", len(steps), steps, err)
	}
}

func TestPersonsRisk(t *testing.T) {
	h := newHouse(t)
	r, err := h.Add(t.Context(), By{ID: "a"}, " The backup is on the same disk ", "", 3, 5)
	if err != nil || r.Score() != 15 || r.Assessed.IsZero() {
		t.Fatal(r, err)
	}
	h.wait(1000 * time.Hour)
	h.feed(Incident)
	if got := h.list(Query{State: Open}); len(got) != 1 {
		t.Errorf("a machine closes what a person wrote down: %v", got)
	}
	if err := h.Close(t.Context(), By{ID: "a"}, r.ID, 0, "moved"); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(t.Context(), By{ID: "a"}, r.ID, 0, ""); !errors.Is(err, ErrState) {
		t.Error(err)
	}
	if err := h.Reopen(t.Context(), By{ID: "a"}, r.ID, 0, ""); err != nil || h.one(Query{State: Open}).ID != r.ID {
		t.Error(err)
	}
	if m, err := h.Matrix(t.Context()); err != nil || m[3][5] != 1 {
		t.Error(m, err)
	}
	for what, do := range map[string]func() (Risk, error){
		"no title": func() (Risk, error) { return h.Add(t.Context(), By{}, " ", "", 1, 1) }, "impact 9": func() (Risk, error) { return h.Add(t.Context(), By{}, "x", "", 1, 9) },
		"no text": func() (Risk, error) { return h.Add(t.Context(), By{}, "x\xff", "", 1, 1) },
	} {
		if _, err := do(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A source that says nonsense can't fill the register, nor break it.
func TestCausesAreBounded(t *testing.T) {
	h := newHouse(t)
	many := make([]Cause, mostCauses+10)
	for i := range many {
		many[i] = Cause{Key: fmt.Sprint(i), Title: "t\x00\xff" + strings.Repeat("ü", 400), Likelihood: -1, Impact: 99}
	}
	if fed := h.feed(Route, many...); fed.Opened != mostCauses {
		t.Fatal(fed)
	}
	page, _, err := h.List(t.Context(), Query{Limit: 1})
	if err != nil || page[0].Score() != 5 || len(page[0].Title) > mostTitle {
		t.Error(page, err)
	}
}
