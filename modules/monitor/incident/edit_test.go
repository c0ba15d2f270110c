package incident

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

func ptr[T any](v T) *T { return &v }

// An incident goes where it may go, and nowhere else.
func TestMoves(t *testing.T) {
	d := open(t, dbtest.New(t), Options{})
	for _, from := range States() {
		for _, to := range States() {
			i, _ := d.add(d.found(from+to, finding.High, 0, "user:"+from+to))
			if from != Open {
				if _, err := d.Edit(t.Context(), i.ID, "ada", Edit{State: from}); err != nil {
					t.Fatal(err)
				}
			}
			got, err := d.Edit(t.Context(), i.ID, "ada", Edit{State: to})
			switch may := slices.Contains(moves[from], to); {
			case may && (err != nil || got.State != to):
				t.Errorf("%s to %s: %v, %v", from, to, got.State, err)
			case !may && !errors.Is(err, ErrState):
				t.Errorf("%s to %s: %v", from, to, err)
			}
		}
	}
}

// Each step has its time; a step back takes those after it away, and they are told once.
func TestTimesOfSteps(t *testing.T) {
	d := open(t, dbtest.New(t), Options{})
	i, _ := d.add(d.found("a", finding.High, 0, "user:u1"))
	go1 := func(state string) Incident {
		t.Helper()
		d.at = d.at.Add(time.Minute)
		got, err := d.Edit(t.Context(), i.ID, "ada", Edit{State: state})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := go1(Contained); !got.Triaged.Equal(d.at) || !got.Contained.Equal(d.at) {
		t.Errorf("what is contained is triaged: %+v", got)
	}
	contained := d.at
	if got := go1(Remediated); !got.Contained.Equal(contained) || !got.Remediated.Equal(d.at) {
		t.Errorf("%+v", got)
	}
	if got := go1(Closed); got.Closer != "ada" || !got.Closed.Equal(d.at) {
		t.Errorf("%+v", got)
	}
	if got := go1(Triaged); !got.Contained.IsZero() || !got.Remediated.IsZero() || !got.Closed.IsZero() || got.Closer != "" || !got.Triaged.Equal(contained) {
		t.Errorf("reopened: %+v", got)
	}
	if w, err := d.Show(t.Context(), i.ID); err != nil || len(w.Changes) != 4 || w.Changes[3].String() != "state from closed to triaged" {
		t.Errorf("%+v, %v", w.Changes, err)
	}
	if got := go1(Closed); !got.Closed.Equal(d.at) {
		t.Errorf("closed again: %+v", got)
	}
	if len(d.closed) != 2 {
		t.Error(d.closed)
	}
}

// Who changes what somebody else has changed meanwhile is told of it, and changes nothing.
func TestTwoEditors(t *testing.T) {
	d := open(t, dbtest.New(t), Options{})
	seen, _ := d.add(d.found("a", finding.High, 0, "user:u1"))
	if _, err := d.Edit(t.Context(), seen.ID, "ada", Edit{Version: seen.Version, Owner: ptr("ada"), Lessons: ptr("Rotate keys.\r\n")}); err != nil {
		t.Fatal(err)
	}
	_, err := d.Edit(t.Context(), seen.ID, "eve", Edit{Version: seen.Version, State: Closed, Lessons: ptr("None."), Note: "done"})
	var c *Conflict
	if !errors.As(err, &c) || !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
	if len(c.Since) != 2 || c.Since[0].Who != "ada" || c.Since[0].Field != "assignee" || c.Since[1].Field != "lessons" || c.Now.Owner != "ada" {
		t.Errorf("%+v", c)
	}
	if w, err := d.Show(t.Context(), seen.ID); err != nil || w.State != Open || w.Lessons != "Rotate keys." || len(w.Notes) != 0 {
		t.Errorf("%+v, %v", w, err)
	}
	if _, err := d.Edit(t.Context(), seen.ID, "eve", Edit{Version: c.Now.Version, State: Closed, Note: "done"}); err != nil {
		t.Error(err)
	}
	// A finding is no edit: who works while the attack goes on is not stopped by it.
	next, _ := d.add(d.found("b", finding.Low, 0, "user:u2"))
	d.add(d.found("c", finding.Critical, 0, "user:u2"))
	if got, err := d.Edit(t.Context(), next.ID, "eve", Edit{Version: next.Version, State: Contained}); err != nil || got.Level != finding.Critical {
		t.Error(got, err)
	}
}

func TestEditRefuses(t *testing.T) {
	d := open(t, dbtest.New(t), Options{})
	i, _ := d.add(d.found("a", finding.High, 0, "user:u1"))
	many := make([]string, MostTags+1)
	for n := range many {
		many[n] = fmt.Sprint("t", n)
	}
	for name, c := range map[string]struct {
		e    Edit
		want error
	}{
		"state":       {Edit{State: "asleep"}, ErrMalformed},
		"owner":       {Edit{Owner: ptr("Ada Lovelace")}, ErrMalformed},
		"verdict":     {Edit{Verdict: ptr("maybe")}, ErrMalformed},
		"rule":        {Edit{Verdict: ptr(True), Rule: "none"}, ErrMalformed},
		"tag":         {Edit{Tag: []string{"a b"}}, ErrMalformed},
		"like":        {Edit{Tag: []string{"%"}}, ErrMalformed},
		"tags":        {Edit{Tag: many}, ErrFull},
		"lessons":     {Edit{Lessons: ptr(strings.Repeat("x", MostText+1))}, ErrMalformed},
		"recovery":    {Edit{Recovery: ptr("a\x00")}, ErrMalformed},
		"note":        {Edit{State: Closed, Note: "\x1b[2J"}, ErrMalformed},
		"all of it":   {Edit{Owner: ptr("eve"), State: Open}, ErrState},
		"nothing new": {Edit{}, nil},
	} {
		if _, err := d.Edit(t.Context(), i.ID, "eve", c.e); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w, err := d.Show(t.Context(), i.ID); err != nil || w.Version != 1 || w.Owner != "" || len(w.Changes) != 0 || len(w.Notes) != 0 {
		t.Errorf("something of it was done: %+v, %v", w, err)
	}
	if _, err := d.Edit(t.Context(), "NONE", "eve", Edit{State: Closed}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// Whatever people do at once: what was accepted is there, once and in an order, what was refused is not, and each refusal names what the other had not seen.
func TestNothingIsLost(t *testing.T) {
	config := dbtest.New(t)
	books := []*desk{open(t, config, Options{}), open(t, config, Options{})} // two gateways
	i, _ := books[0].add(books[0].found("a", finding.High, 0, "user:u1"))
	const people, each = 4, 25
	var mu sync.Mutex
	accepted, notes, conflicts := map[string]string{}, map[string]bool{}, 0 // by what was written
	var all sync.WaitGroup
	for p := range people {
		r := rand.New(rand.NewPCG(9, uint64(p)))
		d, who := books[p%2], fmt.Sprint("p", p)
		all.Go(func() {
			for n := range each {
				mark := fmt.Sprint(who, "-", n)
				if r.IntN(4) == 0 {
					if err := d.Write(context.Background(), i.ID, who, mark); err != nil {
						t.Error(err)
					}
					mu.Lock()
					notes[mark] = true
					mu.Unlock()
					continue
				}
				seen, err := d.Get(context.Background(), i.ID)
				if err != nil {
					t.Error(err)
					return
				}
				e, field := Edit{Version: seen.Version, Lessons: &mark}, "lessons"
				switch r.IntN(4) {
				case 0:
					e, field = Edit{Version: seen.Version, Owner: &mark}, "assignee"
				case 1:
					e, field = Edit{Version: seen.Version, Tag: []string{mark}, Untag: seen.Tags}, "tags"
				case 2:
					e, field = Edit{Version: seen.Version, Recovery: &mark}, "recovery"
				}
				_, err = d.Edit(context.Background(), i.ID, who, e)
				var c *Conflict
				mu.Lock()
				switch {
				case err == nil:
					accepted[mark] = field
				case !errors.As(err, &c):
					t.Error(err)
				default:
					conflicts++
					if len(c.Since) == 0 || slices.ContainsFunc(c.Since, func(e Edited) bool { return e.Version <= seen.Version }) || c.Since[len(c.Since)-1].Version != c.Now.Version {
						t.Errorf("a conflict at version %d says %+v", seen.Version, c)
					}
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	w, err := books[1].Show(t.Context(), i.ID)
	if err != nil {
		t.Fatal(err)
	}
	now := map[string]string{}
	for n, e := range w.Changes {
		if e.Version != int64(n)+2 {
			t.Fatalf("change %d makes version %d", n, e.Version)
		}
		if e.Before != now[e.Field] {
			t.Errorf("version %d overwrites %q unseen: it saw %q", e.Version, now[e.Field], e.Before)
		}
		if now[e.Field] = e.After; accepted[e.After] != e.Field {
			t.Errorf("version %d was refused: %+v", e.Version, e)
		}
		delete(accepted, e.After)
	}
	if len(accepted) != 0 {
		t.Errorf("they were accepted, and are lost: %v", accepted)
	}
	if w.Owner != now["assignee"] || w.Lessons != now["lessons"] || w.Recovery != now["recovery"] || strings.Join(w.Tags, " ") != now["tags"] || w.Version != int64(len(w.Changes))+1 {
		t.Errorf("%+v is not what became of it: %v", w.Incident, now)
	}
	for _, n := range w.Notes {
		delete(notes, n.Text)
	}
	if len(notes) != 0 {
		t.Errorf("notes are lost: %v", notes)
	}
	t.Logf("%d changes, %d conflicts", len(w.Changes), conflicts)
}

// Who only walks through pages after another finds no step done twice, and none undone that was not.
func TestSteps(t *testing.T) {
	d := open(t, dbtest.New(t), Options{})
	i, _ := d.add(d.found("a", finding.High, 0, "user:u1"))
	for _, c := range []struct {
		who  string
		done bool
	}{{"ada", true}, {"eve", true}, {"eve", false}, {"eve", false}, {"eve", true}} {
		d.at = d.at.Add(time.Second)
		if err := d.Tick(t.Context(), i.ID, c.who, "account-takeover", "end-sessions", c.done); err != nil {
			t.Fatal(err)
		}
	}
	w, err := d.Show(t.Context(), i.ID)
	if err != nil || len(w.Steps) != 1 || w.Steps[0].Who != "eve" || len(w.Changes) != 3 || w.Version != 1 {
		t.Errorf("%+v %+v, %v", w.Steps, w.Changes, err)
	}
	for _, err := range []error{
		d.Tick(t.Context(), i.ID, "eve", "", "x", true), d.Tick(t.Context(), i.ID, "eve", "x", "../y", true), d.Tick(t.Context(), i.ID, "", "x", "y", true),
	} {
		if !errors.Is(err, ErrMalformed) {
			t.Error(err)
		}
	}
}
