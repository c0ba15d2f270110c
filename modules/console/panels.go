package console

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
)

// mostBars of one panel: a browser draws more, but nobody reads it.
const mostBars = 50

// panelSet are the panels of a page or a section as they are shown: tiles stand in one row.
type panelSet struct{ Tiles, Others []panelOf }

// panelOf is a view.Panel as pages show it. One of its parts is set; one without any says that there is nothing.
type panelOf struct {
	ID, Title, About string
	Wide             bool
	Tile             *tileOf
	Chart            *chartOf
	Bars             []barOf
	Table            *tableOf
}

type tileOf struct {
	Value  cell
	Change string // "12% more than before (1,076)"
	Note   string
	Href   string
}

type barOf struct {
	Name, Value, Href string
	Tone              view.Tone
	Width             string // of the longest, in percent
}

func (c *call) panels(list []view.Panel) panelSet {
	var out panelSet
	for _, p := range list {
		c.shown++
		shown := panelOf{ID: "panel-" + strconv.Itoa(c.shown), Title: p.Title, About: p.About, Wide: p.Wide, Table: c.plainTable(p.Table)}
		if p.Tile != nil {
			shown.Tile = c.tile(p.Tile)
			out.Tiles = append(out.Tiles, shown)
			continue
		}
		if p.Chart != nil {
			shown.Chart = chart(c.view, p.Chart)
		}
		if p.Bars != nil {
			shown.Bars = c.bars(p.Bars)
		}
		if shown.Table != nil {
			shown.Table.Caption = p.Title
			shown.Wide = shown.Wide || len(shown.Table.Heads) > 3
		}
		out.Others = append(out.Others, shown)
	}
	return out
}

func (c *call) tile(t *view.Tile) *tileOf {
	return &tileOf{Value: shownCell(t.Kind, t.Value, t.Tone), Change: changed(t), Note: t.Note, Href: c.h.address(t.Link)}
}

// changed says how a figure differs from what it was before.
func changed(t *view.Tile) string {
	if t.Was == nil {
		return ""
	}
	before := "before: " + shownCell(t.Kind, t.Was, "").Text
	is, ok := figure(t.Value)
	was, had := figure(t.Was)
	switch {
	case !ok || !had || was < 0 || is < 0:
		return before
	case is == was:
		return "as before"
	case was == 0 || t.Kind == view.Percent: // a share of a share says little
		return before
	}
	by, than := is/was-1, "more"
	if by < 0 {
		by, than = -by, "less"
	}
	if by >= 10 {
		return fmt.Sprintf("%s times as much as before (%s)", number(view.Number, math.Round(is/was)), shownCell(t.Kind, t.Was, "").Text)
	}
	return fmt.Sprintf("%s %s than before (%s)", number(view.Number, max(1, math.Round(by*100)))+" %", than, shownCell(t.Kind, t.Was, "").Text)
}

// figure is a value that can be compared.
func figure(v any) (float64, bool) {
	if d, ok := v.(time.Duration); ok {
		return d.Seconds(), true
	}
	f, ok := asFloat(v)
	return f, ok && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// amount is a value of a chart or a bar in words: of a duration it is the seconds.
func amount(kind view.Kind, f float64) string {
	if kind == view.Duration && !math.IsNaN(f) && !math.IsInf(f, 0) {
		return duration(time.Duration(f * float64(time.Second)))
	}
	return number(kind, f)
}

func (c *call) bars(b *view.Bars) []barOf {
	items := b.Items[:min(len(b.Items), mostBars)]
	most := 0.0
	for _, i := range items {
		if !math.IsInf(i.Value, 0) && i.Value > most { // no comparison holds of what is no number
			most = i.Value
		}
	}
	var out []barOf
	for _, i := range items {
		width := 0.0
		if most > 0 && i.Value > 0 {
			width = min(100, max(.5, i.Value/most*100)) // something is to be seen of each
		}
		out = append(out, barOf{Name: cmp.Or(cut(i.Name), "–"), Value: amount(b.Kind, i.Value), Href: c.h.address(i.Link), Tone: i.Tone, Width: strconv.FormatFloat(width, 'f', 1, 64)})
	}
	return out
}
