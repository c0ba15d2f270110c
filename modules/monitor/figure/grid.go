package figure

import (
	"math"
	"time"
)

// Grid is a report's figures over time, of all nodes together.
type Grid struct {
	Times  []time.Time // the beginnings of steps
	values []Values    // nil: nobody counted then
}

// Grid gives them step by step, without gaps in time.
func (r *Report) Grid() Grid {
	step := time.Duration(r.Step) * time.Second
	n := int((r.To.Sub(r.From) + step - 1) / step)
	g := Grid{make([]time.Time, n), make([]Values, n)}
	for i := range n {
		g.Times[i] = r.From.Add(time.Duration(i) * step)
	}
	for _, p := range r.points {
		i := int(p.At.Sub(r.From) / step)
		if i < 0 || i >= n {
			continue
		}
		if g.values[i] == nil {
			g.values[i] = make(Values, len(p.Values))
		}
		g.values[i].Add(p.Values)
	}
	return g
}

// Of are the values of a name over time; NaN where nobody counted.
func (g Grid) Of(name string) []float64 {
	all := make([]float64, len(g.values))
	for i, v := range g.values {
		if all[i] = math.NaN(); v != nil {
			all[i] = float64(v[name])
		}
	}
	return all
}

// Any tells whether anything was counted in the time.
func (r *Report) Any() bool { return r != nil && len(r.points) > 0 }
