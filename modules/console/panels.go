package console

import (
	"math"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
)

// panelOf is a view.Panel as pages show it.
type panelOf struct {
	Name, Title, About string
	Wide               bool
	Tile               *tileOf
	Chart              *chartOf
	Bars               []barOf
	Table              *tableOf
}

type tileOf struct {
	Value cell
	Was   cell
	Note  string
	Href  string
}

// chartOf is a chart: as data for the script, and as a table for everybody else.
type chartOf struct {
	Kind  view.Kind
	Stack bool
	Data  chartData
	Table *tableOf
}

// chartData is what the script draws: seconds since 1970, and the values of each series beside them, null where there is none.
type chartData struct {
	Kind   view.Kind   `json:"kind"`
	Stack  bool        `json:"stack"`
	Times  []int64     `json:"times"`
	Series []seriesOut `json:"series"`
}

type seriesOut struct {
	Name   string     `json:"name"`
	Tone   view.Tone  `json:"tone"`
	Values []*float64 `json:"values"`
}

type barOf struct {
	Name  string
	Value cell
	Share float64 // of the greatest, 0 to 100
	Tone  view.Tone
	Href  string
}

const mostPoints = 2000 // of a chart

func (c *call) panels(list []view.Panel) []panelOf {
	var out []panelOf
	for _, p := range list {
		shown := panelOf{Name: p.Name, Title: p.Title, About: p.About, Wide: p.Wide, Table: c.plainTable(p.Table)}
		if t := p.Tile; t != nil {
			shown.Tile = &tileOf{Value: shownCell(t.Kind, t.Value, t.Tone), Was: shownCell(t.Kind, t.Was, ""), Note: t.Note, Href: c.h.address(t.Link)}
		}
		if p.Chart != nil {
			shown.Chart = chart(p.Title, p.Chart)
		}
		if p.Bars != nil {
			shown.Bars = c.bars(p.Bars)
		}
		out = append(out, shown)
	}
	return out
}

func (c *call) bars(b *view.Bars) []barOf {
	most := 0.0
	for _, bar := range b.Items {
		most = max(most, bar.Value)
	}
	var out []barOf
	for _, bar := range b.Items[:min(len(b.Items), view.MostRows)] {
		share := 0.0
		if most > 0 {
			share = bar.Value / most * 100
		}
		out = append(out, barOf{bar.Name, shownCell(b.Kind, bar.Value, bar.Tone), share, bar.Tone, c.h.address(bar.Link)})
	}
	return out
}

func chart(title string, ch *view.Chart) *chartOf {
	n := min(len(ch.Times), mostPoints)
	out := &chartOf{Kind: ch.Kind, Stack: ch.Stack, Data: chartData{Kind: ch.Kind, Stack: ch.Stack, Times: []int64{}, Series: []seriesOut{}}}
	out.Table = &tableOf{Caption: title, Heads: []head{{Title: "Time", Kind: view.Time}}}
	for _, t := range ch.Times[:n] {
		out.Data.Times = append(out.Data.Times, t.Unix())
		out.Table.Rows = append(out.Table.Rows, rowOf{Cells: []cell{shownCell(view.Time, t.Truncate(time.Second), "")}})
	}
	for _, s := range ch.Series {
		out.Table.Heads = append(out.Table.Heads, head{Title: s.Name, Kind: ch.Kind})
		line := seriesOut{Name: s.Name, Tone: s.Tone, Values: make([]*float64, n)}
		for i := range n {
			v := math.NaN()
			if i < len(s.Values) {
				v = s.Values[i]
			}
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				line.Values[i] = &v
			}
			out.Table.Rows[i].Cells = append(out.Table.Rows[i].Cells, shownCell(ch.Kind, v, ""))
		}
		out.Data.Series = append(out.Data.Series, line)
	}
	return out
}
