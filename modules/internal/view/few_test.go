package view

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Rows that are at hand are sorted by their kinds, and every one is on one page.
func TestFew(t *testing.T) {
	columns := []Column{{Name: "name", Kind: Text, Sort: true}, {Name: "n", Kind: Number, Sort: true}, {Name: "at", Kind: Time, Sort: true}, {Name: "why", Kind: Text}}
	rows := []Row{
		{ID: "b", Cells: []any{"beta", int64(10), noon, "x"}},
		{ID: "a", Cells: []any{"Alpha", int64(9), noon.Add(time.Hour), "y"}},
		{ID: "c", Cells: []any{"gamma", nil, nil, "z"}},
	}
	for _, c := range []struct{ sort, want string }{{"", "bac"}, {"name", "abc"}, {"-name", "cba"}, {"n", "cab"}, {"-n", "bac"}, {"at", "cba"}} {
		q := Query{Limit: 2, Sort: strings.TrimPrefix(c.sort, "-"), Desc: strings.HasPrefix(c.sort, "-")}
		got := ""
		for {
			p, err := Few(q, columns, rows)
			if err != nil || p.Total != 3 || len(p.Rows) > 2 {
				t.Fatal(p, err)
			}
			for _, r := range p.Rows {
				got += r.ID
			}
			if q.After = p.Next; q.After == "" {
				break
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, not %s", c.sort, got, c.want)
		}
	}
	for _, after := range []string{"x", "-1"} {
		if _, err := Few(Query{Limit: 1, After: after}, columns, rows); !errors.Is(err, ErrMalformed) {
			t.Error(after, err)
		}
	}
	if p, err := Few(Query{Limit: 1, After: "99"}, columns, rows); err != nil || len(p.Rows) != 0 || p.Next != "" {
		t.Error(p, err)
	}
	if got := fmt.Sprint(rows[0].ID, rows[1].ID, rows[2].ID); got != "bac" {
		t.Error("what was given is not as it was:", got)
	}
}
