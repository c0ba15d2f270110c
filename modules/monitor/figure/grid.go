package figure

import (
	"math"
	"time"
)

// Grid is a report's figures over time, of all nodes together.
type Grid struct {
	Times  []time.Time // the beginnings of steps
	series *series
	at     []int  // of each point: which time
	any    []bool // somebody counted then
}

// Grid gives them step by step, without gaps in time.
func (r *Report) Grid() Grid {
	step := time.Duration(r.Step) * time.Second
	n := int((r.To.Sub(r.From) + step - 1) / step)
	g := Grid{Times: make([]time.Time, n), series: r.series, at: make([]int, len(r.series.points)), any: make([]bool, n)}
	for i := range n {
		g.Times[i] = r.From.Add(time.Duration(i) * step)
	}
	for i := range r.series.points {
		at := int(r.series.points[i].at.Sub(r.From) / step)
		if g.at[i] = at; at >= 0 && at < n {
			g.any[at] = true
		}
	}
	return g
}

// Of are the values of a name over time; NaN where nobody counted.
func (g Grid) Of(name string) []float64 {
	all := make([]float64, len(g.Times))
	for i, any := range g.any {
		if !any {
			all[i] = math.NaN()
		}
	}
	for i := range g.series.points {
		if at := g.at[i]; at >= 0 && at < len(all) {
			all[at] += float64(g.series.of(&g.series.points[i], name))
		}
	}
	return all
}

// Any tells whether anything was counted in the time.
func (r *Report) Any() bool { return r != nil && r.series != nil && len(r.series.points) > 0 }
