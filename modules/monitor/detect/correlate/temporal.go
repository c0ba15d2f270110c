package correlate

import (
	"slices"

	"github.com/convosphere/gateway/modules/monitor/detect"
)

// before tells whether a's event came before b's, and is another.
func before(a, b *mark) bool {
	return (a.t < b.t || a.t == b.t && orderOf(a) < orderOf(b)) && (a.ref == 0 || a.ref != b.ref)
}

// most is how many events a temporal correlation keeps of a group for each of its rules, besides those that it needs.
const most = 32

// A mark of a temporal correlation has in v which rule it is of, and below the order in which its event came, so that events of one microsecond
// have an order and one event is not its own successor.
const orderBits = 48

func partOf(m *mark) int       { return int(m.v >> orderBits) }
func orderOf(m *mark) uint64   { return m.v & (1<<orderBits - 1) }
func (h *hit) of(p int) uint64 { return uint64(p)<<orderBits | h.order&(1<<orderBits-1) }

// temporal notes a rule's hit.
func (s *spec) temporal(g *group, h *hit, since int64) (o outcome, met bool) {
	g.forget(since, s.span)
	m := mark{h.t, h.ref, h.of(h.part)}
	i := g.insert(m)
	if s.c.Type == detect.TemporalOrdered {
		o, met = s.chain(g, i)
	} else {
		o, met = s.together(g, i)
	}
	if len(g.marks) > 4*len(s.c.Rules) {
		s.tidy(g, since, h.ref)
		if len(g.marks) > (most+len(s.c.Rules))*len(s.c.Rules) {
			s.tidy(g, 1<<62, h.ref) // as if nothing could come late
		}
	}
	return o, met
}

// together looks for a window that holds the event, and all rules that the condition asks for.
func (s *spec) together(g *group, i int) (o outcome, met bool) {
	t := g.marks[i].t
	for end := i; end < len(g.marks) && g.marks[end].t < t+s.span; end++ {
		for end+1 < len(g.marks) && g.marks[end+1].t == g.marks[end].t {
			end++
		}
		from := end
		for from > 0 && g.marks[from-1].t > g.marks[end].t-s.span {
			from--
		}
		in := g.marks[from : end+1]
		seen := func(rule int) bool { return slices.ContainsFunc(in, func(m mark) bool { return partOf(&m) == rule }) }
		if s.c.Holds(seen) {
			return outcomeOf(in), true
		}
	}
	return o, false
}

// chain looks for one event of each rule, in their order and with that one among them: the latest ones before it, the earliest ones after it.
func (s *spec) chain(g *group, i int) (o outcome, met bool) {
	own := partOf(&g.marks[i])
	var space [8]mark
	links := append(space[:0], make([]mark, len(s.c.Rules))...)
	links[own] = g.marks[i]
	for p, j := own-1, i; p >= 0; p-- {
		for j--; j >= 0 && (partOf(&g.marks[j]) != p || !before(&g.marks[j], &links[p+1])); j-- {
		}
		if j < 0 {
			return o, false
		}
		links[p] = g.marks[j]
	}
	for p, j := own+1, i; p < len(links); p++ {
		for j++; j < len(g.marks) && (partOf(&g.marks[j]) != p || !before(&links[p-1], &g.marks[j])); j++ {
		}
		if j == len(g.marks) {
			return o, false
		}
		links[p] = g.marks[j]
	}
	if links[len(links)-1].t-links[0].t >= s.span {
		return o, false
	}
	return outcomeOf(links), true
}

// tidy drops what can't become part of a match any more: of events older than all that can come, those for which a newer one stands.
func (s *spec) tidy(g *group, since int64, now uint64) {
	ordered := s.c.Type == detect.TemporalOrdered
	// Backwards: of a rule the newest event is kept, and of an ordered correlation also the newest before each one that is kept of the next rule.
	wanted, by := make([]bool, len(s.c.Rules)), make([]uint64, len(s.c.Rules))
	for p := range wanted {
		wanted[p], by[p] = true, now // that event may match more rules yet
	}
	for i, m := range slices.Backward(g.marks) {
		p := partOf(&m)
		if m.t <= since && !wanted[p] {
			g.marks[i].v = dropped
			continue
		}
		if m.t <= since && (m.ref == 0 || m.ref != by[p]) { // an event is not before itself
			wanted[p] = false
		}
		if ordered && p > 0 {
			wanted[p-1], by[p-1] = true, m.ref
		}
	}
	g.marks = slices.DeleteFunc(g.marks, func(m mark) bool { return m.v == dropped })
}

// dropped is no part and order of a mark.
const dropped = 1<<64 - 1
