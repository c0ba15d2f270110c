package view

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

var table = View{
	Columns: []Column{{Name: "at", Kind: Time}, {Name: "agent", Kind: Text}, {Name: "took", Kind: Duration}, {Name: "share", Kind: Percent}, {Name: "tags", Kind: Texts}},
	Rows: func(_ context.Context, q Query) (Page, error) {
		n, _ := strconv.Atoi(q.After)
		p := Page{Total: -1}
		for range q.Limit {
			if n == 2500 {
				return p, nil
			}
			p.Rows = append(p.Rows, Row{ID: strconv.Itoa(n), Cells: []any{noon, "=cmd|'/c calc'!A0", 1500 * time.Millisecond, math.NaN(), []string{"a", "b"}}})
			n++
		}
		p.Next = strconv.Itoa(n)
		return p, nil
	},
}

// All pages are in an export, and no cell of a spreadsheet runs.
func TestExportCSV(t *testing.T) {
	var b strings.Builder
	if err := table.Export(t.Context(), &b, Query{}, false); err != nil {
		t.Fatal(err)
	}
	all, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil || len(all) != 2501 {
		t.Fatalf("%d records, %v", len(all), err)
	}
	if got := strings.Join(all[2500], ";"); got != "2026-11-27T12:00:00Z;'=cmd|'/c calc'!A0;1.5;;a b" {
		t.Fatal(got)
	}
}

func TestExportJSON(t *testing.T) {
	for rows, view := range map[int]View{2500: table, 0: {Columns: table.Columns, Rows: func(context.Context, Query) (Page, error) { return Page{}, nil }}} {
		var b strings.Builder
		if err := view.Export(t.Context(), &b, Query{}, true); err != nil {
			t.Fatal(err)
		}
		var all []map[string]any
		if err := json.Unmarshal([]byte(b.String()), &all); err != nil || len(all) != rows {
			t.Fatalf("%d rows, %v", len(all), err)
		}
		if rows > 0 && (all[7]["id"] != "7" || all[7]["took"] != 1.5 || all[7]["agent"] != "=cmd|'/c calc'!A0") {
			t.Fatalf("%v", all[7])
		}
	}
}

// A view that never ends is exported up to the bound.
func TestExportEnds(t *testing.T) {
	endless := View{Columns: []Column{{Name: "n", Kind: Number}}, Rows: func(_ context.Context, q Query) (Page, error) {
		return Page{Rows: make([]Row, q.Limit), Next: q.After + "x"}, nil
	}}
	var b strings.Builder
	if err := endless.Export(t.Context(), &b, Query{}, false); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\n"); n != MostExport+1 {
		t.Fatal(n)
	}
}
