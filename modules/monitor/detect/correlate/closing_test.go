package correlate

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// What later events can undo is told when its window is over: by definition, of the events of each timespan from the epoch on.
func TestClosedWindowsAreTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rule("a", false, nil)
		group, bytes := []string{"user.id"}, []string{"http.response.body.bytes"}
		span := 20 * time.Millisecond
		few := []detect.Bound{{Op: "lte", Value: 3}}
		correlations := []*detect.Rule{
			rule("few", true, &detect.Correlation{Type: detect.EventCount, Rules: []*detect.Rule{a}, GroupBy: group, Timespan: span, Bounds: few}),
			rule("exactly", true, &detect.Correlation{Type: detect.EventCount, Rules: []*detect.Rule{a}, GroupBy: group, Timespan: span, Bounds: []detect.Bound{{Op: "eq", Value: 4}}}),
			rule("between", true, &detect.Correlation{Type: detect.EventCount, Rules: []*detect.Rule{a}, GroupBy: group, Timespan: span, Bounds: []detect.Bound{{Op: "gt", Value: 1}, {Op: "lt", Value: 5}}}),
			rule("values", true, &detect.Correlation{Type: detect.ValueCount, Rules: []*detect.Rule{a}, GroupBy: group, Timespan: span, Bounds: few, Fields: []string{"url.path"}}),
			rule("sum", true, &detect.Correlation{Type: detect.ValueSum, Rules: []*detect.Rule{a}, GroupBy: group, Timespan: span, Bounds: []detect.Bound{{Op: "lt", Value: 100}}, Fields: bytes}),
			rule("avg", true, &detect.Correlation{Type: detect.ValueAvg, Rules: []*detect.Rule{a}, GroupBy: group, Timespan: span, Bounds: []detect.Bound{{Op: "lt", Value: 30}}, Fields: bytes}),
			rule("min", true, &detect.Correlation{Type: detect.ValueMin, Rules: []*detect.Rule{a}, GroupBy: group, Timespan: span, Bounds: []detect.Bound{{Op: "gt", Value: 20}}, Fields: bytes}),
			rule("max", true, &detect.Correlation{Type: detect.ValueMax, Rules: []*detect.Rule{a}, GroupBy: group, Timespan: span, Bounds: []detect.Bound{{Op: "lt", Value: 80}}, Fields: bytes}),
			rule("percentile", true, &detect.Correlation{Type: detect.ValuePercentile, Percent: 50, Rules: []*detect.Rule{a}, GroupBy: group, Timespan: span, Bounds: []detect.Bound{{Op: "lte", Value: 40}}, Fields: bytes}),
		}
		w := newWindows(correlations, Options{Lateness: 4 * time.Millisecond})
		var got []string
		note := func(f *finding.Finding) {
			got = append(got, f.Rule+" "+f.Subjects[0].ID+" "+fmt.Sprint(floor(f.Last.UnixMicro(), span.Microseconds())-epoch))
		}
		windows := map[string][]*seen{}
		for _, s := range stream(t, []*detect.Rule{a}, 4000) {
			if len(s.rules) == 0 {
				w.Advance(time.UnixMicro(s.t), note)
				continue
			}
			key := s.group + " " + fmt.Sprint(floor(s.t, span.Microseconds())-epoch)
			windows[key] = append(windows[key], s)
			w.Observe(a, s.event(), note)
		}
		w.End(note)
		var want []string
		for key, in := range windows {
			for _, r := range correlations {
				if fulfilled(r.Correlation, in, nil) {
					want = append(want, r.ID+" "+key)
				}
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("told %q, want %q", got, want)
		}
		if n := w.Stats().Groups; n != 0 {
			t.Fatalf("%d groups are left of windows that are over", n)
		}
	})
}

// What comes after its window was told changes nothing, and is counted.
func TestTooLateForAClosedWindowIsCounted(t *testing.T) {
	a := rule("a", false, nil)
	few := rule("few", true, &detect.Correlation{
		Type: detect.EventCount, Rules: []*detect.Rule{a}, GroupBy: []string{"user.id"}, Timespan: time.Minute, Bounds: []detect.Bound{{Op: "lt", Value: 2}},
	})
	w := newWindows([]*detect.Rule{few}, Options{Lateness: 10 * time.Second})
	var got []*finding.Finding
	note := func(f *finding.Finding) { got = append(got, f) }
	at := func(seconds int64, id string) *seen { return &seen{t: epoch + seconds*1e6, id: id, group: "u"} }
	w.Observe(a, at(5, "b-1").event(), note)
	w.Observe(a, at(69, "b-2").event(), note)
	if len(got) != 0 {
		t.Fatal("told before events of the window could no more come")
	}
	w.Observe(a, at(70, "b-3").event(), note)
	if len(got) != 1 || got[0].Events[0] != "b-1" {
		t.Fatalf("told %v", got)
	}
	w.Observe(a, at(6, "b-4").event(), note)
	if s := w.Stats(); len(got) != 1 || s.Late != 1 {
		t.Fatalf("told %v, late %d", got, s.Late)
	}
}
