package console

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
)

// tableOf is a table as pages show it.
type tableOf struct {
	Caption string
	Heads   []head
	Rows    []rowOf
	Acts    bool   // some row has something at its end
	None    string // what stands there without rows
}

type head struct {
	Title string
	Kind  view.Kind
	Less  bool
	Href  string // sorts by it; "" it can't
	Sort  string // ascending, descending, or ""
}

type rowOf struct {
	ID    string
	Tone  view.Tone
	Cells []cell
	Open  string // address of its item
	Acts  []actLink
}

// actLink is an action that can be chosen.
type actLink struct {
	Title  string `json:"title"`
	Href   string `json:"href"`
	Danger bool   `json:"danger,omitempty"`
}

// plainTable is one of an item or a panel: without sorting.
func (c *call) plainTable(t *view.Table) *tableOf {
	if t == nil {
		return nil
	}
	out := &tableOf{Heads: heads(t.Columns), None: "There are none."}
	for _, r := range t.Rows[:min(len(t.Rows), view.MostRows)] {
		out.Rows = append(out.Rows, rowOf{ID: r.ID, Tone: r.Tone, Cells: c.cells(t.Columns, r, nil)})
	}
	return out
}

func heads(columns []view.Column) []head {
	var out []head
	for _, col := range columns {
		out = append(out, head{Title: col.Title, Kind: col.Kind, Less: col.Less})
	}
	return out
}

// viewTable is that of the request's view.
func (c *call) viewTable(rows []view.Row, asked url.Values, q view.Query) *tableOf {
	t := &tableOf{Caption: c.view.Title, Heads: heads(c.view.Columns)}
	for i, col := range c.view.Columns {
		if !col.Sort {
			continue
		}
		h := &t.Heads[i]
		to := col.Name
		if q.Sort == col.Name {
			h.Sort = "ascending"
			if q.Desc {
				h.Sort = "descending"
			} else {
				to = "-" + to
			}
		}
		h.Href = c.with(asked, view.ParamSort, to)
	}
	for _, r := range rows {
		row := c.viewRow(r, asked)
		t.Acts = t.Acts || len(row.Acts) > 0 || row.Open != ""
		t.Rows = append(t.Rows, row)
	}
	return t
}

// viewRow is one row of the request's view.
func (c *call) viewRow(r view.Row, asked url.Values) rowOf {
	row := rowOf{ID: r.ID, Tone: r.Tone, Cells: c.cells(c.view.Columns, r, asked)}
	if r.ID == "" {
		return row
	}
	if c.view.Item != nil {
		to := c.h.itemAddress(c.view.Name, r.ID)
		if len(row.Cells) > 0 && row.Cells[0].Href == "" {
			row.Cells[0].Href = to
		}
		if len(row.Cells) == 0 || row.Cells[0].Href != to { // the first cell leads elsewhere
			row.Open = to
		}
	}
	row.Acts = c.actions(view.OnRow, r.ID, r.Actions, c.here(asked))
	return row
}

// cells are a row's, in the order of the columns. A row that has too few has empty ones.
func (c *call) cells(columns []view.Column, r view.Row, asked url.Values) []cell {
	out := make([]cell, len(columns))
	leveled := slices.ContainsFunc(columns, func(col view.Column) bool { return col.Kind == view.Level })
	for i, col := range columns {
		var v any
		if i < len(r.Cells) {
			v = r.Cells[i]
		}
		tone := view.Plain
		if col.Kind == view.State && !leveled { // of a row with a level the tone is the level's
			tone = r.Tone
		}
		out[i] = shownCell(col.Kind, v, tone)
		out[i].Label, out[i].Less = col.Title, col.Less
		c.link(&out[i], col, v, asked)
	}
	return out
}

// link has a cell lead where its column says.
func (c *call) link(out *cell, col view.Column, v any, asked url.Values) {
	if col.Link == "" && col.Narrow == "" || v == nil {
		return
	}
	to := func(value string) string {
		target, ok := c.view, true
		if col.Link != "" {
			target, ok = c.h.ground.Views.Get(col.Link)
		}
		switch {
		case !ok || value == "" || target != c.view && !c.may(target.Permission):
			return ""
		case col.Narrow == "":
			return c.h.itemAddress(target.Name, value)
		case target == c.view && asked != nil:
			return c.with(asked, col.Narrow, value)
		}
		return c.h.Path + target.Name + "?" + url.Values{col.Narrow: {value}}.Encode()
	}
	if list, ok := v.([]string); ok {
		for i := range out.Many {
			if i < len(list) && i < mostTexts {
				out.Many[i].Href = to(list[i])
			}
		}
		return
	}
	out.Href = to(plainValue(v))
}

// plainValue is a value as an address has it.
func plainValue(v any) string {
	if t, ok := v.(time.Time); ok {
		return t.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

// here is the address of the view as it was asked for, within the console.
func (c *call) here(asked url.Values) string {
	if len(asked) == 0 {
		return c.view.Name
	}
	return c.view.Name + "?" + asked.Encode()
}

// with is the address of the view with one more, or another, value; what was paged through begins anew.
func (c *call) with(asked url.Values, name, value string) string {
	q := url.Values{}
	for k, v := range asked {
		if k != view.ParamAfter {
			q[k] = v
		}
	}
	q.Set(name, value)
	return c.h.Path + c.view.Name + "?" + q.Encode()
}

// actions are those that stand at a place, make sense now (names; nil: all), and are the person's to do.
func (c *call) actions(at view.Place, id string, names []string, back string) []actLink {
	var out []actLink
	for i := range c.view.Actions {
		a := &c.view.Actions[i]
		stands := a.On == at || at == view.OnItem && a.On == view.OnRow
		if !stands || names != nil && !slices.Contains(names, a.Name) || !c.may(a.Permission) {
			continue
		}
		q := url.Values{}
		if id != "" {
			q.Set(paramID, id)
		}
		if back != "" {
			q.Set(paramBack, back)
		}
		out = append(out, actLink{a.Title, c.h.Path + c.view.Name + "/act/" + a.Name + "?" + q.Encode(), a.Danger})
	}
	return out
}
