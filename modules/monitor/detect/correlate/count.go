package correlate

import "slices"

// parts is into how many parts a timespan is cut where not every event is kept.
const parts = 256

// spare is how many events a group keeps beyond those that its condition needs, for those that come late.
const spare = 64

// outcome is what a window holds for which the condition holds.
type outcome struct {
	first, last     int64
	count, distinct int
	space           [named]uint64
	names           int // of space: events that a finding names
}

func (o *outcome) refs() []uint64 { return o.space[:o.names] }

// name adds an event; of many the first and the last ones stay.
func (o *outcome) name(ref uint64) {
	if o.names == named {
		copy(o.space[named/2:], o.space[named/2+1:])
		o.names--
	}
	o.space[o.names] = ref
	o.names++
}

// count notes an event for event_count. since is the time before which no more events are awaited.
func (s *spec) count(g *group, h *hit, since int64, exact int) (o outcome, met bool) {
	if s.need > exact {
		return s.countParts(g, h, since)
	}
	if n := len(g.marks); n > 0 && g.marks[0].t <= since-s.span {
		g.forget(since, s.span)
	}
	if len(g.marks) >= s.need+spare {
		g.cut(len(g.marks) - s.need - spare + 1)
	}
	i := g.insert(mark{t: h.t, ref: h.ref})
	for end := i; end < len(g.marks) && g.marks[end].t < h.t+s.span; end++ {
		// Of the windows that hold the event, those that end at it or at later ones.
		from := end - s.need + 1
		if from < 0 || g.marks[from].t <= g.marks[end].t-s.span {
			continue
		}
		for from > 0 && g.marks[from-1].t > g.marks[end].t-s.span {
			from--
		}
		for end+1 < len(g.marks) && g.marks[end+1].t == g.marks[end].t {
			end++
		}
		return outcomeOf(g.marks[from : end+1]), true
	}
	return o, false
}

// countParts counts by parts of the timespan: the window of an event is its part and the 255 before it.
func (s *spec) countParts(g *group, h *hit, since int64) (o outcome, met bool) {
	width := s.width()
	at := floor(h.t, width)
	i, ok := slices.BinarySearchFunc(g.marks, at, func(m mark, at int64) int { return compare(m.t, at) })
	if !ok {
		g.forget(since, s.span+width)
		if len(g.marks) >= parts+spare {
			g.cut(1)
		}
		i = g.insert(mark{t: at})
	}
	g.marks[i].v++
	g.marks[i].ref = h.ref
	for end := i; end < len(g.marks) && g.marks[end].t < at+parts*width; end++ {
		from, n := end, uint64(0)
		for ; from >= 0 && g.marks[from].t > g.marks[end].t-parts*width; from-- {
			n += g.marks[from].v
		}
		if n >= uint64(s.need) {
			o = outcomeOf(g.marks[from+1 : end+1])
			o.count = int(n)
			return o, true
		}
	}
	return o, false
}

// width is how long a part of the timespan is.
func (s *spec) width() int64 { return max(s.span/parts, 1) }

// floor is where the part that holds t begins.
func floor(t, width int64) int64 {
	at := t / width * width
	if at > t {
		at -= width
	}
	return at
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// named is how many events a finding names.
const named = 20

// outcomeOf is what marks hold that are all in one window.
func outcomeOf(marks []mark) (o outcome) {
	o.first, o.last, o.count = marks[0].t, marks[len(marks)-1].t, len(marks)
	for i := range marks { // the first and the last ones
		if i < named/2 || i >= len(marks)-named/2 {
			o.name(marks[i].ref)
		}
	}
	return o
}
