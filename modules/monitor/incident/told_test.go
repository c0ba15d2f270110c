package incident

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// What people report is an incident, however high the level is from which on findings begin one.
func TestReports(t *testing.T) {
	d := open(t, dbtest.New(t), Options{Least: finding.Critical})
	i, c, err := d.Tell(t.Context(), Told{Kind: "message", By: "u1", Text: "A link to\r\nhttps://evil.example\r\n"})
	if err != nil || c != Opened {
		t.Fatal(c, err)
	}
	w, err := d.Show(t.Context(), i.ID)
	if err != nil || w.Source != Report || w.State != Open || len(w.Notes) != 1 || w.Notes[0].Text != "A link to\nhttps://evil.example" || w.Notes[0].Author != "u1" || !slices.Equal(w.Techniques, []string{"T1566"}) {
		t.Errorf("%+v, %v", w, err)
	}
	if !slices.Equal(d.actions(), []string{"incident-opened", "incident-reported"}) {
		t.Error(d.actions())
	}
	for _, e := range d.events {
		if strings.Contains(fmt.Sprint(e.Reason, e.Fields), "evil") {
			t.Error("what they wrote is in an event:", e)
		}
	}
	// The same person goes on: it is one matter. Another person's is another.
	if next, c, err := d.Tell(t.Context(), Told{Kind: "other", By: "u1", Text: "More"}); err != nil || next.ID != i.ID || c != Joined {
		t.Error(next, c, err)
	}
	if other, _, err := d.Tell(t.Context(), Told{Kind: "message", By: "u2", Text: "The same"}); err != nil || other.ID == i.ID {
		t.Error(other, err)
	}
	// What a rule saw of an account and its owner tells is one matter, and the machine was first.
	found, _ := d.add(d.found("a", finding.Critical, 0, "user:u3"))
	if told, _, err := d.Tell(t.Context(), Told{Kind: "account", By: "u3", Text: "Not me"}); err != nil || told.ID != found.ID || told.Source != Detection {
		t.Error(told, err)
	}
}

// Nobody floods those who work on incidents, and nobody writes what is no text.
func TestReportsAreBounded(t *testing.T) {
	d := open(t, dbtest.New(t), Options{})
	for n := range mostToldBy + 1 {
		_, _, err := d.Tell(t.Context(), Told{Kind: "other", By: "u1", Text: "x"})
		if n < mostToldBy && err != nil || n == mostToldBy && !errors.Is(err, ErrOften) {
			t.Fatal(n, err)
		}
	}
	all, err := d.List(t.Context(), Query{})
	if err != nil || len(all) != 1 || all[0].Count != mostToldBy {
		t.Error("what was refused is there:", all, err)
	}
	d.at = d.at.Add(toldTime + time.Second)
	if _, _, err := d.Tell(t.Context(), Told{Kind: "other", By: "u1", Text: "x"}); err != nil {
		t.Error("an hour later:", err)
	}
	var last error
	for n := range mostToldAll + 1 {
		if _, _, last = d.Tell(t.Context(), Told{Kind: "person", By: fmt.Sprint("v", n), Text: "x"}); last != nil {
			break
		}
	}
	if !errors.Is(last, ErrOften) {
		t.Error("a crowd is not bounded:", last)
	}
	for _, bad := range []Told{{"fire", "u1", "x"}, {"other", "", "x"}, {"other", "u 1", "x"}, {"other", "u1", " \n"}, {"other", "u1", "\x1b[2J"}, {"other", "u1", strings.Repeat("x", MostNote+1)}, {"other", "u1", "\xff"}} {
		if _, _, err := d.Tell(t.Context(), bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.40v: %v", bad, err)
		}
	}
}
