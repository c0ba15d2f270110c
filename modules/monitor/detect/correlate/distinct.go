package correlate

import (
	"slices"

	"github.com/axiomhq/hyperloglog"
)

// latest marks the newest mark of a value; the rest of v is the value's hash.
const latest = 1 << 63

// distinct notes the values of an event for value_count.
func (s *spec) distinct(g *group, h *hit, since int64, exact int) (o outcome, met bool) {
	if s.need > exact {
		return s.sketched(g, h, since, exact)
	}
	g.forget(since, s.span)
	for _, v := range h.values() {
		g.note(v, h, since)
	}
	if most := 2*s.need + spare; len(g.marks) > most {
		g.thin(s.need + spare)
	}
	// In order the windows that hold the event end at it; when it came late, also at later ones.
	for end := g.at(h.t); end < len(g.marks) && g.marks[end].t < h.t+s.span; end++ {
		for end+1 < len(g.marks) && g.marks[end+1].t == g.marks[end].t {
			end++
		}
		from := end
		for from > 0 && g.marks[from-1].t > g.marks[end].t-s.span {
			from--
		}
		if end-from+1 < s.need {
			continue
		}
		if n := countDistinct(g.marks[from:end+1], end == len(g.marks)-1); n >= s.need {
			o = outcomeOf(g.marks[from : end+1])
			o.distinct = n
			return o, true
		}
	}
	return o, false
}

// note keeps a value's mark. A mark stands for the older ones of its value once no window can end before it.
func (g *group) note(v uint64, h *hit, since int64) {
	v &^= latest
	newest, stands := true, h.t <= since
	for i := len(g.marks) - 1; i >= 0; i-- {
		m := &g.marks[i]
		switch {
		case m.v&^latest != v:
		case m.t > h.t:
			newest = false
			if m.t <= since {
				return
			}
		case stands || m.t == h.t:
			g.marks = slices.Delete(g.marks, i, i+1)
		default:
			m.v = v
			stands = m.t <= since
		}
	}
	m := mark{h.t, h.ref, v}
	if newest {
		m.v |= latest
	}
	g.insert(m)
}

// thin makes room: of each value only the newest mark stays, and of those the newest most.
func (g *group) thin(most int) {
	g.marks = slices.DeleteFunc(g.marks, func(m mark) bool { return m.v&latest == 0 })
	g.cut(len(g.marks) - most)
}

// at is where marks of time t begin, or the first later one.
func (g *group) at(t int64) int {
	i := len(g.marks)
	for i > 0 && g.marks[i-1].t >= t {
		i--
	}
	return i
}

// countDistinct counts values. Where the marks reach up to the newest, each value's newest mark is among them.
func countDistinct(marks []mark, upToNewest bool) (n int) {
	if upToNewest {
		for i := range marks {
			n += int(marks[i].v >> 63)
		}
		return n
	}
	all := make(map[uint64]struct{}, len(marks))
	for i := range marks {
		all[marks[i].v&^latest] = struct{}{}
	}
	return len(all)
}

// sketchParts is into how many parts a timespan is cut for large numbers of values.
const sketchParts = 16

// sketched estimates, once there are more values than are kept: the window of an event is its sixteenth of the timespan and the 15 before it.
func (s *spec) sketched(g *group, h *hit, since int64, exact int) (o outcome, met bool) {
	if g.more == nil || len(g.more.sketches) == 0 {
		g.forget(since, s.span)
		for _, v := range h.values() {
			g.note(v, h, since)
		}
		if len(g.marks) <= exact {
			return o, false // fewer than are needed
		}
		g.more = &more{}
		for _, m := range g.marks {
			one := hit{t: m.t}
			one.add(m.v &^ latest)
			g.more.sketch(&one, s.span, since)
		}
		g.marks = slices.Clone(g.marks[max(len(g.marks)-named, 0):])
	}
	m := g.more
	m.sketch(h, s.span, since)
	if len(g.marks) >= named {
		g.cut(1)
	}
	g.insert(mark{t: h.t, ref: h.ref})
	if m.rest -= h.found; m.rest <= 0 {
		width := sketchWidth(s.span)
		m.ask(s.need, floor(h.t, width), width)
	}
	if !m.met {
		return o, false
	}
	o = outcomeOf(g.marks)
	o.distinct, o.count = m.distinct, m.distinct
	return o, true
}

func sketchWidth(span int64) int64 { return max(span/sketchParts, 1) }

// sketch adds values to the sketch of their time.
func (m *more) sketch(h *hit, span, since int64) {
	width := sketchWidth(span)
	at := floor(h.t, width)
	m.sketches = slices.DeleteFunc(m.sketches, func(k sketch) bool { return k.at+width <= since-span })
	i, ok := slices.BinarySearchFunc(m.sketches, at, func(k sketch, at int64) int { return compare(k.at, at) })
	if !ok {
		if len(m.sketches) > sketchParts {
			m.sketches, i = slices.Delete(m.sketches, 0, 1), max(i-1, 0)
		}
		m.sketches = slices.Insert(m.sketches, i, sketch{at, newSketch()})
		m.rest = 0
	}
	for _, v := range h.values() {
		// Spread over all 64 bits: the highest is not the value's.
		m.sketches[i].all.InsertHash(v * 0x9e3779b97f4a7c15)
	}
}

// newSketch makes one of 4,096 registers.
func newSketch() *hyperloglog.Sketch {
	k, err := hyperloglog.NewSketch(12, false)
	if err != nil {
		panic("hyperloglog: " + err.Error()) // 12 is a precision that it has
	}
	return k
}

// ask merges the sketches. It is done again when so many values have come that the answer can be another.
func (m *more) ask(need int, at, width int64) {
	all := newSketch()
	for _, k := range m.sketches {
		if k.at > at-sketchParts*width && k.at <= at {
			if err := all.Merge(k.all); err != nil {
				return // sketches of two precisions: there are none
			}
		}
	}
	m.distinct = int(all.Estimate())
	m.met = m.distinct >= need
	m.rest = max(need/64, (need-m.distinct)/2)
}
