package correlate

import (
	"math"
	"slices"

	"github.com/convosphere/gateway/modules/monitor/detect"
)

// metric notes a number for value_sum, value_avg, value_min and value_max: the window of an event is its part of the timespan and the 255 before it.
func (s *spec) metric(g *group, h *hit, since int64) (o outcome, met bool) {
	if g.more == nil {
		g.more = &more{}
	}
	m, width := g.more, s.width()
	at := floor(h.t, width)
	i, ok := slices.BinarySearchFunc(m.cells, at, func(c cell, at int64) int { return compare(c.at, at) })
	if !ok {
		m.cells = slices.DeleteFunc(m.cells, func(c cell) bool { return c.at+width <= since-s.span })
		if len(m.cells) >= parts+spare {
			m.cells = slices.Delete(m.cells, 0, 1)
		}
		i, _ = slices.BinarySearchFunc(m.cells, at, func(c cell, at int64) int { return compare(c.at, at) })
		m.cells = slices.Insert(m.cells, i, cell{at: at, min: math.Inf(1), max: math.Inf(-1)})
	}
	m.cells[i].add(h.number, h.ref)
	for end := i; end < len(m.cells) && m.cells[end].at < at+parts*width; end++ {
		from, sum := end, cell{min: math.Inf(1), max: math.Inf(-1)}
		for ; from >= 0 && m.cells[from].at > m.cells[end].at-parts*width; from-- {
			sum.join(&m.cells[from])
		}
		if s.c.Met(sum.is(s.c.Type)) {
			return outcomeOfCells(m.cells[from+1:end+1], sum.n), true
		}
	}
	return o, false
}

func (c *cell) add(v float64, ref uint64) {
	c.n++
	c.sum += v
	c.min, c.max = min(c.min, v), max(c.max, v)
	c.ref = ref
}

func (c *cell) join(o *cell) {
	c.n += o.n
	c.sum += o.sum
	c.min, c.max = min(c.min, o.min), max(c.max, o.max)
}

func (c *cell) is(t detect.Type) float64 {
	switch t {
	case detect.ValueSum:
		return c.sum
	case detect.ValueAvg:
		return c.sum / float64(c.n)
	case detect.ValueMin:
		return c.min
	default:
		return c.max
	}
}

func outcomeOfCells(cells []cell, n int64) outcome {
	o := outcome{first: cells[0].at, last: cells[len(cells)-1].at, count: int(n)}
	for i := range cells {
		if i < named/2 || i >= len(cells)-named/2 {
			o.name(cells[i].ref)
		}
	}
	return o
}

// kept is over how many values a percentile is taken.
const kept = 256

// percentile notes a number for value_percentile.
func (s *spec) percentile(g *group, h *hit, since int64) (o outcome, met bool) {
	g.forget(since, s.span)
	if len(g.marks) >= kept {
		g.cut(len(g.marks) - kept + 1)
	}
	i := g.insert(mark{h.t, h.ref, math.Float64bits(h.number)})
	for end := i; end < len(g.marks) && g.marks[end].t < h.t+s.span; end++ {
		for end+1 < len(g.marks) && g.marks[end+1].t == g.marks[end].t {
			end++
		}
		from := end
		for from > 0 && g.marks[from-1].t > g.marks[end].t-s.span {
			from--
		}
		if in := g.marks[from : end+1]; s.c.Met(percentileOf(in, s.c.Percent)) {
			return outcomeOf(in), true
		}
	}
	return o, false
}

// percentileOf is the value at the nearest rank.
func percentileOf(marks []mark, percent float64) float64 {
	var space [kept]float64
	all := space[:0]
	for i := range marks {
		all = append(all, math.Float64frombits(marks[i].v))
	}
	return nearestRank(all, percent)
}

// nearestRank sorts all, and gives the smallest of them that at least that part of them do not exceed.
func nearestRank(all []float64, percent float64) float64 {
	slices.Sort(all)
	return all[min(max(int(math.Ceil(percent/100*float64(len(all))))-1, 0), len(all)-1)]
}
