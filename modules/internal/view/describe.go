package view

import (
	"fmt"
	"math"
	"regexp"
	"time"
)

// How the admin API writes views. Names are lower case with underscores; what is empty is left out; times are RFC 3339, durations seconds.
type (
	viewJSON struct {
		Name       string       `json:"name"`
		Title      string       `json:"title"`
		Group      string       `json:"group"`
		About      string       `json:"about"`
		Permission string       `json:"permission"`
		Filters    []filterJSON `json:"filters,omitempty"`
		Columns    []columnJSON `json:"columns,omitempty"`
		Actions    []actionJSON `json:"actions,omitempty"`
		Documents  []string     `json:"documents,omitempty"`
		Panels     bool         `json:"panels,omitempty"`
		Items      bool         `json:"items,omitempty"`
		Live       bool         `json:"live,omitempty"`
	}
	filterJSON struct {
		Name    string   `json:"name"`
		Title   string   `json:"title"`
		Kind    Kind     `json:"kind"`
		Choices []string `json:"choices,omitempty"`
		Default string   `json:"default,omitempty"`
	}
	columnJSON struct {
		Name  string `json:"name"`
		Title string `json:"title"`
		Kind  Kind   `json:"kind"`
		Sort  bool   `json:"sort,omitempty"`
	}
	actionJSON struct {
		Name       string      `json:"name"`
		Title      string      `json:"title"`
		On         Place       `json:"on"`
		Permission string      `json:"permission"`
		Danger     bool        `json:"danger,omitempty"`
		Fields     []fieldJSON `json:"fields,omitempty"`
	}
	fieldJSON struct {
		Name     string   `json:"name"`
		Title    string   `json:"title"`
		Kind     Kind     `json:"kind"`
		Choices  []string `json:"choices,omitempty"`
		Default  string   `json:"default,omitempty"`
		Required bool     `json:"required,omitempty"`
	}
)

// Describe says what the views are called, can be narrowed by, show and do, to be marshalled.
func (s *Set) Describe() any {
	list := []viewJSON{}
	for _, v := range s.All() {
		list = append(list, v.describe())
	}
	return list
}

func (v *View) describe() viewJSON {
	out := viewJSON{
		Name: v.Name, Title: v.Title, Group: v.Group, About: v.About, Permission: v.Permission,
		Panels: v.Panels != nil, Items: v.Item != nil, Live: v.Live != nil,
	}
	for _, f := range v.Filters {
		out.Filters = append(out.Filters, filterJSON{f.Name, f.Title, f.Kind, f.Choices, f.Default})
	}
	for _, c := range v.Columns {
		out.Columns = append(out.Columns, columnJSON{c.Name, c.Title, c.Kind, c.Sort})
	}
	for _, d := range v.Documents {
		out.Documents = append(out.Documents, d.Name)
	}
	for i := range v.Actions {
		a := &v.Actions[i]
		act := actionJSON{Name: a.Name, Title: a.Title, On: a.On, Permission: a.Permission, Danger: a.Danger}
		for _, f := range a.Fields {
			act.Fields = append(act.Fields, fieldJSON{f.Name, f.Title, f.Kind, f.Choices, f.Default, f.Required})
		}
		out.Actions = append(out.Actions, act)
	}
	return out
}

// ItemJSON is an item, to be marshalled.
func ItemJSON(i Item) any {
	sections := []any{}
	for _, s := range i.Sections {
		sections = append(sections, s.json())
	}
	out := map[string]any{"title": i.Title, "sections": sections}
	put(out, "state", i.State)
	put(out, "version", i.Version)
	if i.Actions != nil {
		out["actions"] = i.Actions
	}
	return out
}

func (s *Section) json() any {
	out := map[string]any{"title": s.Title}
	put(out, "text", s.Text)
	put(out, "code", s.Code)
	if s.Facts != nil {
		facts := []any{}
		for _, f := range s.Facts {
			facts = append(facts, map[string]any{"name": f.Name, "value": plainValue(f.Value)})
		}
		out["facts"] = facts
	}
	if s.Table != nil {
		out["rows"] = s.Table.json()
	}
	if s.Timeline != nil {
		moments := []any{}
		for _, m := range s.Timeline {
			moment := map[string]any{"at": m.At.UTC().Format(time.RFC3339Nano), "title": m.Title}
			put(moment, "text", m.Text)
			put(moment, "who", m.Who)
			moments = append(moments, moment)
		}
		out["timeline"] = moments
	}
	if s.Panels != nil {
		out["panels"] = PanelsJSON(s.Panels)
	}
	return out
}

func (t *Table) json() any {
	rows := []any{}
	for _, r := range t.Rows {
		rows = append(rows, rowJSON(t.Columns, r))
	}
	return rows
}

func put(m map[string]any, name, text string) {
	if text != "" {
		m[name] = text
	}
}

// PanelsJSON is panels, to be marshalled.
func PanelsJSON(panels []Panel) any {
	list := []any{}
	for _, p := range panels {
		out := map[string]any{"name": p.Name, "title": p.Title}
		put(out, "about", p.About)
		switch {
		case p.Tile != nil:
			out["value"], out["kind"] = plainValue(p.Tile.Value), p.Tile.Kind
			if p.Tile.Was != nil {
				out["was"] = plainValue(p.Tile.Was)
			}
			put(out, "note", p.Tile.Note)
		case p.Chart != nil:
			out["kind"], out["times"], out["series"] = p.Chart.Kind, p.Chart.Times, p.Chart.json()
		case p.Bars != nil:
			items := []any{}
			for _, b := range p.Bars.Items {
				items = append(items, map[string]any{"name": b.Name, "value": plainValue(b.Value)})
			}
			out["kind"], out["bars"] = p.Bars.Kind, items
		case p.Table != nil:
			out["rows"] = p.Table.json()
		}
		list = append(list, out)
	}
	return list
}

// json is the lines; a gap is null.
func (c *Chart) json() any {
	list := []any{}
	for _, s := range c.Series {
		values := make([]any, len(s.Values))
		for i, v := range s.Values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				values[i] = v
			}
		}
		list = append(list, map[string]any{"name": s.Name, "values": values})
	}
	return list
}

var id = regexp.MustCompile(`^[A-Za-z0-9._@:-]{1,64}$`)

// CheckID refuses what can't be the id of somebody who acts: it stands in events, which hold no names of people. Errors wrap ErrMalformed.
func CheckID(who string) error {
	if !id.MatchString(who) {
		return fmt.Errorf("%w: who does it is an id: letters, digits and . _ @ : -, at most 64", ErrMalformed)
	}
	return nil
}
