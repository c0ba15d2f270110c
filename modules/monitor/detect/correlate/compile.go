package correlate

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/monitor/detect"
)

// spec is a correlation made ready, with all that is counted for it.
type spec struct {
	rule    *detect.Rule
	c       *detect.Correlation
	span    int64      // microseconds
	groups  [][]string // for each rule of the correlation, the fields that name the group
	values  [][]string // and those that are looked at
	needs   []string   // all fields of an event that this correlation, and those that build on it, look at
	outer   []use      // correlations that this one is part of
	need    int        // event_count, value_count: from how many on the condition holds
	closing bool       // told when the window is over
	tables  *[shards]table
}

// use is a rule's place in a correlation.
type use struct {
	in   *spec
	part int
}

// compiled is what a set of rules comes to. It is never changed.
type compiled struct {
	specs []*spec // each behind those that are part of it
	uses  map[*detect.Rule][]use
	by    map[[32]byte]*spec
}

// compile takes from before what was counted for correlations that are still the same.
func compile(correlations []*detect.Rule, before *compiled) *compiled {
	c := &compiled{uses: map[*detect.Rule][]use{}, by: map[[32]byte]*spec{}}
	for _, r := range correlations {
		s := newSpec(r)
		if old := before.spec(r.Digest); old != nil {
			s.tables = old.tables
		} else {
			s.tables = newTables()
		}
		for part, of := range r.Correlation.Rules {
			c.uses[of] = append(c.uses[of], use{s, part})
		}
		c.specs = append(c.specs, s)
		c.by[r.Digest] = s
	}
	for _, s := range slices.Backward(c.specs) { // the outer ones first: theirs is needed of the events of the inner ones
		s.outer = c.uses[s.rule]
		s.collect(c)
	}
	return c
}

func (c *compiled) spec(digest [32]byte) *spec {
	if c == nil {
		return nil
	}
	return c.by[digest]
}

func newSpec(r *detect.Rule) *spec {
	c := r.Correlation
	s := &spec{rule: r, c: c, span: max(c.Timespan.Microseconds(), 1)}
	for _, of := range c.Rules {
		s.groups = append(s.groups, fieldsOf(c, c.GroupBy, of))
		s.values = append(s.values, fieldsOf(c, c.Fields, of))
	}
	switch c.Type {
	case detect.Temporal, detect.TemporalOrdered:
	case detect.ValueMin:
		s.closing = !slices.ContainsFunc(c.Bounds, isUpper) || slices.ContainsFunc(c.Bounds, func(b detect.Bound) bool { return !isUpper(b) })
	default:
		s.closing = slices.ContainsFunc(c.Bounds, func(b detect.Bound) bool { return b.Op != "gt" && b.Op != "gte" })
	}
	s.need = atLeast(c.Bounds)
	return s
}

func isUpper(b detect.Bound) bool { return b.Op == "lt" || b.Op == "lte" }

// atLeast is the count from which on bounds hold that are all lower ones.
func atLeast(bounds []detect.Bound) int {
	n := 1.
	for _, b := range bounds {
		switch b.Op {
		case "gt":
			n = max(n, math.Floor(b.Value)+1)
		case "gte":
			n = max(n, math.Ceil(b.Value))
		}
	}
	return int(min(n, 1<<40))
}

func fieldsOf(c *detect.Correlation, names []string, of *detect.Rule) []string {
	fields := make([]string, len(names))
	for i, name := range names {
		fields[i] = c.Field(name, of)
	}
	return fields
}

// collect collects the fields that matter.
func (s *spec) collect(c *compiled) {
	add := func(fields ...string) {
		for _, f := range fields {
			if f != "" && !slices.Contains(s.needs, f) {
				s.needs = append(s.needs, f)
			}
		}
	}
	add(subjectFields(s.rule)...)
	for part := range s.groups {
		add(s.groups[part]...)
		add(s.values[part]...)
	}
	for _, u := range c.uses[s.rule] {
		add(u.in.needs...)
	}
}

// subjectFields are those whose values say whom a finding is about.
func subjectFields(r *detect.Rule) []string {
	if len(r.Subject) > 0 {
		return r.Subject
	}
	if r.Correlation != nil && len(r.Correlation.GroupBy) > 0 {
		c := r.Correlation
		return fieldsOf(c, c.GroupBy, c.Rules[len(c.Rules)-1])
	}
	return []string{"source.ip", "user.id"}
}

// timespan is how a correlation's is written.
func timespan(d time.Duration) string {
	for _, unit := range []struct {
		is   time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if d >= unit.is && d%unit.is == 0 {
			return strings.TrimSuffix(time.Duration(d/unit.is).String(), "ns") + unit.name
		}
	}
	return d.String()
}
