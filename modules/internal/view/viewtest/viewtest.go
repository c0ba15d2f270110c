// Package viewtest asks views as the console does, and holds what they answer against what they say of themselves.
package viewtest

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
)

// Views are those of one configuration, asked by one person.
type Views struct {
	t   testing.TB
	set *view.Set
	Who view.Person // who may everything, unless it is changed
}

// Of asks a set's.
func Of(t testing.TB, set *view.Set) *Views {
	return &Views{t, set, view.Person{ID: "operator", Name: "operator", May: func(context.Context, string) bool { return true }}}
}

// View is one by its name.
func (v *Views) View(name string) *view.View {
	v.t.Helper()
	w, ok := v.set.Get(name)
	if !ok {
		v.t.Fatalf("there is no view %s", name)
	}
	return w
}

func (v *Views) ask(w *view.View, query string) view.Query {
	v.t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		v.t.Fatal(err)
	}
	q, err := w.Ask(values, v.Who, time.Now())
	if err != nil {
		v.t.Fatalf("%s?%s: %v", w.Name, query, err)
	}
	return q
}

// Rows is a page of a view's table. What is in it must be of its columns' kinds.
func (v *Views) Rows(name, query string) view.Page {
	v.t.Helper()
	w := v.View(name)
	p, err := w.Rows(v.t.Context(), v.ask(w, query))
	if err != nil {
		v.t.Fatalf("%s?%s: %v", name, query, err)
	}
	v.check(w.Columns, p.Rows)
	return p
}

// IDs are those of the rows of a page.
func (v *Views) IDs(name, query string) []string {
	v.t.Helper()
	var ids []string
	for _, r := range v.Rows(name, query).Rows {
		ids = append(ids, r.ID)
	}
	return ids
}

// Cell is that of a column in the row of an id; nil where there is none.
func (v *Views) Cell(name, query, id, column string) any {
	v.t.Helper()
	at := slices.IndexFunc(v.View(name).Columns, func(c view.Column) bool { return c.Name == column })
	for _, r := range v.Rows(name, query).Rows {
		if r.ID == id {
			return r.Cells[at]
		}
	}
	return nil
}

// Panels are a view's.
func (v *Views) Panels(name, query string) []view.Panel {
	v.t.Helper()
	w := v.View(name)
	all, err := w.Panels(v.t.Context(), v.ask(w, query))
	if err != nil {
		v.t.Fatalf("%s?%s: %v", name, query, err)
	}
	for _, p := range all {
		if p.Name == "" || p.Title == "" {
			v.t.Errorf("%s: a panel has no name or title", name)
		}
		if p.Table != nil {
			v.check(p.Table.Columns, p.Table.Rows)
		}
		if p.Tile != nil && p.Tile.Value != nil && !is(p.Tile.Kind, p.Tile.Value) {
			v.t.Errorf("%s: the tile %s is a %s and holds a %T", name, p.Name, p.Tile.Kind, p.Tile.Value)
		}
	}
	return all
}

// Tile is the value of one.
func (v *Views) Tile(name, panel string) any {
	v.t.Helper()
	for _, p := range v.Panels(name, "") {
		if p.Name == panel && p.Tile != nil {
			return p.Tile.Value
		}
	}
	v.t.Fatalf("%s: there is no tile %s", name, panel)
	return nil
}

// Item is one of a view.
func (v *Views) Item(name, id string) view.Item {
	v.t.Helper()
	i, err := v.View(name).Item(v.t.Context(), id)
	if err != nil {
		v.t.Fatalf("%s/%s: %v", name, id, err)
	}
	for _, s := range i.Sections {
		if s.Table != nil {
			v.check(s.Table.Columns, s.Table.Rows)
		}
		for _, f := range s.Facts {
			if f.Value != nil && !is(f.Kind, f.Value) {
				v.t.Errorf("%s/%s: %s is a %s and holds a %T", name, id, f.Name, f.Kind, f.Value)
			}
		}
	}
	return i
}

// Do does an action.
func (v *Views) Do(name, action, id string, values map[string]string) (view.Done, error) {
	v.t.Helper()
	a, ok := v.View(name).Action(action)
	if !ok {
		v.t.Fatalf("%s has no action %s", name, action)
	}
	o, err := a.Order(v.Who, id, "", values, time.Now())
	if err != nil {
		return view.Done{}, err
	}
	done, err := a.Do(v.t.Context(), o)
	if err == nil && done.Message == "" {
		v.t.Errorf("%s: %s does not say what became of it", name, action)
	}
	return done, err
}

// Must is Do where it must not fail.
func (v *Views) Must(name, action, id string, values map[string]string) view.Done {
	v.t.Helper()
	done, err := v.Do(name, action, id, values)
	if err != nil {
		v.t.Fatalf("%s: %s %s: %v", name, action, id, err)
	}
	return done
}

// Undo takes back what was done.
func (v *Views) Undo(done view.Done) view.Done {
	v.t.Helper()
	if done.Undo == nil {
		v.t.Fatalf("it can't be undone: %s", done.Message)
	}
	return v.Must(done.Undo.View, done.Undo.Action, done.Undo.ID, done.Undo.Values)
}

// Tells is all that a view shows: its rows, panels and items, as JSON.
func (v *Views) Tells(name string) string {
	v.t.Helper()
	w := v.View(name)
	var all []any
	if w.Panels != nil {
		all = append(all, v.Panels(name, ""))
	}
	if w.Rows != nil {
		p := v.Rows(name, "")
		all = append(all, p)
		for _, r := range p.Rows {
			if r.ID != "" && w.Item != nil {
				all = append(all, v.Item(name, r.ID))
			}
		}
	}
	raw, err := json.Marshal(all)
	if err != nil {
		v.t.Fatal(name, err)
	}
	return string(raw)
}

// Hides fails where a view shows one of these secrets.
func (v *Views) Hides(name string, secrets ...string) {
	v.t.Helper()
	text := v.Tells(name)
	for _, s := range secrets {
		if strings.Contains(text, s) {
			v.t.Errorf("%s shows the secret %q", name, s)
		}
	}
}

func (v *Views) check(columns []view.Column, rows []view.Row) {
	v.t.Helper()
	for _, r := range rows {
		if len(r.Cells) != len(columns) {
			v.t.Fatalf("a row has %d cells, not %d", len(r.Cells), len(columns))
		}
		for i, c := range r.Cells {
			if c != nil && !is(columns[i].Kind, c) {
				v.t.Errorf("%s is a %s and holds a %T", columns[i].Name, columns[i].Kind, c)
			}
		}
	}
}

// is tells whether a value is what the kind says.
func is(k view.Kind, value any) (ok bool) {
	switch k {
	case view.Number:
		switch value.(type) {
		case int64, float64:
			return true
		}
		return false
	case view.Percent:
		_, ok = value.(float64)
	case view.Time:
		_, ok = value.(time.Time)
	case view.Duration:
		_, ok = value.(time.Duration)
	case view.Bytes:
		_, ok = value.(int64)
	case view.Flag:
		_, ok = value.(bool)
	case view.Texts:
		_, ok = value.([]string)
	default:
		_, ok = value.(string)
	}
	return ok
}
