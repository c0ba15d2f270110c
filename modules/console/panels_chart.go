package console

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
)

// Bounds of a chart.
const (
	mostPoints = 2000
	mostSeries = 12
	ownColors  = 8 // of series without a tone of their own
)

// chartOf is a chart as a table, of which the script draws it.
type chartOf struct {
	Kind         view.Kind
	Stack        bool
	Series       []seriesOf
	Rows         []chartRow
	Since, Until string // filters that a part of it narrows by; "" the view has none
	Empty        bool   // nothing is to be seen
}

type seriesOf struct {
	Name    string
	Color   string // a class: that of its tone, or one of its own
	Summary string // the sum of what is stacked, else the last value
	Word    string // what the summary is: "in all", "last"
}

type chartRow struct {
	Time, Words string
	Cells       []chartCell
}

type chartCell struct{ Value, Words string } // Value: as the script reads it; "" is a gap

func chart(v *view.View, c *view.Chart) *chartOf {
	out := &chartOf{Kind: c.Kind, Stack: c.Stack, Empty: true}
	// The newest are kept: where there are too many of them, the view was wrong to give so many.
	first := max(0, len(c.Times)-mostPoints)
	layout := layoutOf(c.Times[first:])
	for _, at := range c.Times[first:] {
		out.Rows = append(out.Rows, chartRow{Time: at.UTC().Format(time.RFC3339), Words: at.UTC().Format(layout)})
	}
	own, meant := 0, map[view.Tone]int{}
	for _, s := range c.Series[:min(len(c.Series), mostSeries)] {
		meant[s.Tone]++
	}
	for _, s := range c.Series[:min(len(c.Series), mostSeries)] {
		values := s.Values[min(first, len(s.Values)):]
		for i := range out.Rows {
			cell := chartCell{Words: "–"}
			if i < len(values) && !math.IsNaN(values[i]) && !math.IsInf(values[i], 0) {
				cell = chartCell{strconv.FormatFloat(values[i], 'g', -1, 64), amount(c.Kind, values[i])}
				out.Empty = out.Empty && c.Stack && values[i] == 0
			}
			out.Rows[i].Cells = append(out.Rows[i].Cells, cell)
		}
		shown := seriesOf{Name: s.Name, Color: string(s.Tone)}
		if s.Tone == view.Plain || meant[s.Tone] > 1 { // several of one colour could not be told apart
			shown.Color = "own" + strconv.Itoa(own%ownColors+1)
			own++
		}
		shown.Summary, shown.Word = summary(c, values)
		out.Series = append(out.Series, shown)
	}
	out.Since, out.Until = spanFilters(v)
	return out
}

// layoutOf says as much of a time as tells the points apart.
func layoutOf(times []time.Time) string {
	const day = 24 * time.Hour
	for _, at := range times {
		if !at.UTC().Truncate(day).Equal(at) {
			return "2 Jan, 15:04"
		}
	}
	return "2 Jan 2006"
}

func summary(c *view.Chart, values []float64) (text, word string) {
	sum, last := 0.0, math.NaN()
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			sum, last = sum+v, v
		}
	}
	switch {
	case math.IsNaN(last):
		return "–", ""
	case c.Stack:
		return amount(c.Kind, sum), "in all"
	}
	return amount(c.Kind, last), "last"
}

// spanFilters are the filters of a view that narrow it to a time, where it has both ends.
func spanFilters(v *view.View) (since, until string) {
	for _, pair := range [][2]string{{"since", "until"}, {"from", "to"}} {
		if isTime(v, pair[0]) && isTime(v, pair[1]) {
			return pair[0], pair[1]
		}
	}
	return "", ""
}

func isTime(v *view.View, filter string) bool {
	return slices.ContainsFunc(v.Filters, func(f view.Filter) bool { return f.Name == filter && f.Kind == view.Time })
}
