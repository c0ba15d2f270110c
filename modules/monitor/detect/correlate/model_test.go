package correlate

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// seen is one event of the model.
type seen struct {
	t      int64
	id     string
	group  string
	value  string
	number int
	rules  []*detect.Rule // that it matches
}

var epoch = time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC).UnixMicro()

func (s *seen) event() *ecs.Event {
	e := new(ecs.Event)
	e.Set("@timestamp", time.UnixMicro(s.t).UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
	e.Set("event.id", s.id)
	e.Set("user.id", s.group)
	e.Set("url.path", s.value)
	e.Set("http.response.body.bytes", fmt.Sprint(s.number))
	return e
}

// rule makes rules for tests, each with another digest.
func rule(id string, alone bool, c *detect.Correlation) *detect.Rule {
	r := &detect.Rule{ID: id, Name: id, Title: id, Alone: alone, Correlation: c, Level: finding.High, Subject: []string{"user.id"}}
	copy(r.Digest[:], id)
	return r
}

// holds tells of the events in all, by definition, whether there is a window for which the condition holds, and that the last one of all is in.
func holds(c *detect.Correlation, all []*seen, of func(*seen) int) bool {
	span := c.Timespan.Microseconds()
	quantum := int64(1)
	switch c.Type {
	case detect.ValueSum, detect.ValueAvg, detect.ValueMin, detect.ValueMax:
		quantum = span / parts
		span = quantum * parts
	}
	last := all[len(all)-1]
	if c.Type == detect.TemporalOrdered {
		return chained(c, all, of)
	}
	at := func(s *seen) int64 { return floor(s.t, quantum) }
	for _, end := range all {
		if e := at(end); e < at(last) || e >= at(last)+span {
			continue
		}
		var in []*seen
		for _, s := range all {
			if at(s) <= at(end) && at(s) > at(end)-span {
				in = append(in, s)
			}
		}
		if fulfilled(c, in, of) {
			return true
		}
	}
	return false
}

func fulfilled(c *detect.Correlation, in []*seen, of func(*seen) int) bool {
	var numbers []float64
	sum, values, places := 0., map[string]bool{}, map[int]bool{}
	for _, s := range in {
		numbers = append(numbers, float64(s.number))
		sum += float64(s.number)
		values[s.value] = true
		for i, r := range c.Rules {
			if slices.Contains(s.rules, r) {
				places[i] = true
			}
		}
	}
	switch c.Type {
	case detect.EventCount:
		return c.Met(float64(len(in)))
	case detect.ValueCount:
		return c.Met(float64(len(values)))
	case detect.ValueSum:
		return c.Met(sum)
	case detect.ValueAvg:
		return c.Met(sum / float64(len(in)))
	case detect.ValueMin:
		return c.Met(slices.Min(numbers))
	case detect.ValueMax:
		return c.Met(slices.Max(numbers))
	case detect.ValuePercentile:
		slices.Sort(numbers)
		return c.Met(numbers[max(int(math.Ceil(c.Percent/100*float64(len(numbers)))), 1)-1])
	}
	return c.Holds(func(i int) bool { return places[i] })
}

// chained looks for events of the rules in their order, the last one of all among them.
func chained(c *detect.Correlation, all []*seen, of func(*seen) int) bool {
	last := all[len(all)-1]
	byTime := slices.Clone(all)
	slices.SortStableFunc(byTime, func(a, b *seen) int { return compare(a.t, b.t) })
	var find func(place, from int, first int64, with bool) bool
	find = func(place, from int, first int64, with bool) bool {
		if place == len(c.Rules) {
			return with
		}
		for i := from; i < len(byTime); i++ {
			s := byTime[i]
			if place > 0 && s.t-first >= c.Timespan.Microseconds() {
				break
			}
			// Of the last one only the place counts that it is looked at for.
			if !slices.Contains(s.rules, c.Rules[place]) || s == last && place != of(s) {
				continue
			}
			begin := first
			if place == 0 {
				begin = s.t
			}
			if find(place+1, i+1, begin, with || s == last) {
				return true
			}
		}
		return false
	}
	return find(0, 0, 0, false)
}

// model gives by definition what is told: rule and event, in order.
type model struct {
	correlations []*detect.Rule
	groups       map[string][]*seen // rule and group
	told         map[string]int64
	out          []string
}

func (m *model) see(s *seen) {
	for _, r := range slices.Clone(s.rules) {
		m.hit(r, s)
	}
}

func (m *model) hit(r *detect.Rule, s *seen) {
	for _, c := range m.correlations {
		for place, of := range c.Correlation.Rules {
			if of != r {
				continue
			}
			key := c.ID + "\x00" + s.group
			now := &seen{s.t, s.id, s.group, s.value, s.number, []*detect.Rule{r}}
			m.merge(key, now)
			if !holds(c.Correlation, m.groups[key], func(*seen) int { return place }) {
				continue
			}
			m.out = append(m.out, c.ID+" "+s.id)
			m.pass(c, key, s)
		}
	}
}

// merge adds what an event is for a correlation. One event that several rules match stays one event.
func (m *model) merge(key string, now *seen) {
	all := m.groups[key]
	i := slices.IndexFunc(all, func(o *seen) bool { return o.id == now.id })
	if i >= 0 && m.temporal(key) {
		now.rules = append(now.rules, all[i].rules...)
		all = slices.Delete(all, i, i+1)
	}
	m.groups[key] = append(all, now)
}

func (m *model) temporal(key string) bool {
	for _, c := range m.correlations {
		if len(key) > len(c.ID) && key[:len(c.ID)+1] == c.ID+"\x00" {
			return c.Correlation.Type >= detect.Temporal
		}
	}
	return false
}

func (m *model) pass(c *detect.Rule, key string, s *seen) {
	last, ok := m.told[key]
	counts := !ok || s.t >= last+c.Correlation.Timespan.Microseconds()
	if counts {
		m.told[key] = s.t
	}
	for _, outer := range m.correlations {
		if !slices.Contains(outer.Correlation.Rules, c) || !counts && outer.Correlation.Type < detect.Temporal {
			continue
		}
		only := model{correlations: []*detect.Rule{outer}, groups: m.groups, told: m.told}
		only.hit(c, s)
		m.out = append(m.out, only.out...)
	}
}

// drawn are correlations of all types over the rules a, b and c.
func drawn(t *rapid.T, plain []*detect.Rule) []*detect.Rule {
	span := rapid.SampledFrom([]time.Duration{2560 * time.Microsecond, 25600 * time.Microsecond}).Draw(t, "timespan")
	n := float64(rapid.IntRange(2, 5).Draw(t, "n"))
	group := []string{"user.id"}
	gte := []detect.Bound{{Op: "gte", Value: n}}
	big := []detect.Bound{{Op: "gt", Value: 100 * n}}
	bytes := []string{"http.response.body.bytes"}
	a, b, c := plain[0], plain[1], plain[2]
	all := []*detect.Rule{
		rule("count", true, &detect.Correlation{Type: detect.EventCount, Rules: []*detect.Rule{a}, GroupBy: group, Timespan: span, Bounds: gte}),
		rule("count-two", true, &detect.Correlation{Type: detect.EventCount, Rules: []*detect.Rule{b, c}, GroupBy: group, Timespan: span, Bounds: gte}),
		rule("values", true, &detect.Correlation{Type: detect.ValueCount, Rules: []*detect.Rule{a}, GroupBy: group, Timespan: span, Bounds: gte, Fields: []string{"url.path"}}),
		rule("sum", true, &detect.Correlation{Type: detect.ValueSum, Rules: []*detect.Rule{a}, GroupBy: group, Timespan: span, Bounds: big, Fields: bytes}),
		rule("avg", true, &detect.Correlation{Type: detect.ValueAvg, Rules: []*detect.Rule{b}, GroupBy: group, Timespan: span, Bounds: []detect.Bound{{Op: "gt", Value: 60}}, Fields: bytes}),
		rule("min", true, &detect.Correlation{Type: detect.ValueMin, Rules: []*detect.Rule{b}, GroupBy: group, Timespan: span, Bounds: []detect.Bound{{Op: "lt", Value: 10}}, Fields: bytes}),
		rule("max", true, &detect.Correlation{Type: detect.ValueMax, Rules: []*detect.Rule{c}, GroupBy: group, Timespan: span, Bounds: []detect.Bound{{Op: "gte", Value: 95}}, Fields: bytes}),
		rule("percentile", true, &detect.Correlation{Type: detect.ValuePercentile, Percent: 75, Rules: []*detect.Rule{b}, GroupBy: group, Timespan: span, Bounds: []detect.Bound{{Op: "gt", Value: 60}}, Fields: bytes}),
		rule("together", true, &detect.Correlation{Type: detect.Temporal, Rules: []*detect.Rule{a, b, c}, GroupBy: group, Timespan: span}),
		rule("ordered", true, &detect.Correlation{Type: detect.TemporalOrdered, Rules: []*detect.Rule{a, b, c}, GroupBy: group, Timespan: span}),
	}
	return append(all,
		rule("then", true, &detect.Correlation{Type: detect.TemporalOrdered, Rules: []*detect.Rule{all[0], b}, GroupBy: group, Timespan: span}),
		rule("again", true, &detect.Correlation{Type: detect.EventCount, Rules: []*detect.Rule{all[2]}, GroupBy: group, Timespan: 4 * span, Bounds: []detect.Bound{{Op: "gte", Value: 2}}}))
}

// stream draws events that come late by at most lateness.
func stream(t *rapid.T, plain []*detect.Rule, lateness int64) []*seen {
	now, newest := epoch, epoch
	var all []*seen
	for i := range rapid.IntRange(1, 80).Draw(t, "events") {
		now += int64(rapid.IntRange(0, 1500).Draw(t, "step"))
		s := &seen{
			t: now, id: "bus-" + fmt.Sprint(i+1), group: rapid.SampledFrom([]string{"u1", "u2"}).Draw(t, "group"),
			value: rapid.SampledFrom([]string{"/a", "/b", "/c", "/d", "/e"}).Draw(t, "value"), number: rapid.IntRange(0, 100).Draw(t, "number"),
		}
		if lateness > 0 {
			s.t = max(newest-lateness+1, now-rapid.Int64Range(0, lateness).Draw(t, "late"))
		}
		newest = max(newest, s.t)
		for _, r := range plain {
			if rapid.IntRange(0, 2).Draw(t, "matches") == 0 {
				s.rules = append(s.rules, r)
			}
		}
		all = append(all, s)
	}
	return all
}

// What is found is what the definition says, event by event, whatever order events come in within the lateness.
func TestWindowsAreTheDefinition(t *testing.T) {
	for name, lateness := range map[string]int64{"in order": 0, "late": 4000, "very late": 40000} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				plain := []*detect.Rule{rule("a", false, nil), rule("b", false, nil), rule("c", false, nil)}
				correlations := drawn(t, plain)
				w := newWindows(correlations, Options{Lateness: max(time.Duration(lateness)*time.Microsecond, 1)})
				m := &model{correlations: correlations, groups: map[string][]*seen{}, told: map[string]int64{}}
				for i, s := range stream(t, plain, lateness) {
					var got []string
					e := s.event()
					for _, r := range s.rules {
						w.Observe(r, e, func(f *finding.Finding) { got = append(got, f.Rule+" "+f.Events[len(f.Events)-1]+"|"+s.id) })
					}
					m.out = nil
					m.see(s)
					compareTold(t, i, s, got, m.out)
				}
			})
		})
	}
}

func compareTold(t *rapid.T, i int, s *seen, got, want []string) {
	for i := range got {
		rule, _, _ := cutSpace(got[i])
		got[i] = rule + " " + s.id
	}
	slices.Sort(got)
	slices.Sort(want)
	got, want = slices.Compact(got), slices.Compact(want)
	if !slices.Equal(got, want) {
		t.Fatalf("event %d at %d of %s: told %q, want %q", i, s.t-epoch, s.group, got, want)
	}
}

func cutSpace(s string) (string, string, bool) {
	for i := range s {
		if s[i] == ' ' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}
