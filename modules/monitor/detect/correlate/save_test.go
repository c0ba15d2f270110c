package correlate

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// savedRules are correlations of all types that the property draws, one that is told when its window is over, and one that sketches.
func savedRules(t *rapid.T, plain []*detect.Rule) []*detect.Rule {
	group := []string{"user.id"}
	return append(drawn(t, plain),
		rule("few", true, &detect.Correlation{
			Type: detect.ValueCount, Rules: []*detect.Rule{plain[1]}, GroupBy: group, Timespan: 20 * time.Millisecond, Fields: []string{"url.path"},
			Bounds: []detect.Bound{{Op: "lt", Value: 3}},
		}),
		rule("sketched", true, &detect.Correlation{
			Type: detect.ValueCount, Rules: []*detect.Rule{plain[2]}, GroupBy: group, Timespan: 20 * time.Millisecond, Fields: []string{"event.id"},
			Bounds: []detect.Bound{{Op: "gte", Value: 30}},
		}))
}

// Who goes on from what was saved finds what the one finds who goes on himself.
func TestWhatIsSavedGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := []*detect.Rule{rule("a", false, nil), rule("b", false, nil), rule("c", false, nil)}
		correlations := savedRules(t, plain)
		for _, r := range correlations {
			r.Suppress = 5 * time.Millisecond
		}
		o := Options{Lateness: 4 * time.Millisecond, Saved: true, Exact: 10}
		first, second := newWindows(correlations, o), newWindows(correlations, o)
		all := stream(t, plain, 4000)
		cut := rapid.IntRange(0, len(all)).Draw(t, "cut")
		var want, got []string
		for i, s := range all {
			if i == cut {
				if err := second.Restore(first.Save(1 << 24)); err != nil {
					t.Fatal(err)
				}
				want = nil
			}
			e := s.event()
			for _, r := range s.rules {
				first.Observe(r, e, func(f *finding.Finding) { want = append(want, fmt.Sprintf("%+v", *f)) })
				if i >= cut {
					second.Observe(r, e, func(f *finding.Finding) { got = append(got, fmt.Sprintf("%+v", *f)) })
				}
			}
		}
		if cut < len(all) && !slices.Equal(want, got) {
			t.Fatalf("told %q, want %q", got, want)
		}
	})
}

// What is saved has a bound: of each correlation the groups stay that were touched last.
func TestSavedHasABound(t *testing.T) {
	a := rule("a", false, nil)
	correlations := []*detect.Rule{counted("many", a, time.Hour, 3, "source.ip"), counted("more", a, time.Hour, 3, "url.path")}
	first, second := newWindows(correlations, Options{Saved: true}), newWindows(correlations, Options{Saved: true})
	for i := range 20_000 {
		first.Observe(a, happened(float64(i)/100, fmt.Sprint("b-", i), "source.ip", fmt.Sprintf("10.0.%d.%d", i>>8, i&255), "url.path", "/x"), func(*finding.Finding) {})
	}
	const most = 200 << 10
	saved := first.Save(most)
	if len(saved) > most+16<<10 {
		t.Errorf("%d bytes", len(saved))
	}
	if err := second.Restore(saved); err != nil {
		t.Fatal(err)
	}
	s := second.Stats()
	if s.Groups < 1000 || s.Bytes == 0 {
		t.Errorf("%+v", s)
	}
	told := 0
	for i := range 2 { // with the one that is saved these are three
		second.Observe(a, happened(200+float64(i), fmt.Sprint("c-", i), "source.ip", "10.0.78.31"), func(*finding.Finding) { told++ })
	}
	if told != 1 {
		t.Error("the newest group is not saved")
	}
}

func TestOnlyWindowsThatMayBeSavedAreRestored(t *testing.T) {
	w := newWindows(nil, Options{})
	if w.Restore(newWindows(nil, Options{Saved: true}).Save(1<<20)) == nil {
		t.Error("restored without a secret of its own")
	}
}

// What other versions save, or what is damaged, never stops the windows from counting.
func FuzzRestore(f *testing.F) {
	a, b := rule("a", false, nil), rule("b", false, nil)
	group := []string{"user.id"}
	correlations := []*detect.Rule{
		counted("count", a, time.Hour, 3, "user.id"),
		rule("values", true, &detect.Correlation{Type: detect.ValueCount, Rules: []*detect.Rule{a}, GroupBy: group, Timespan: time.Hour, Fields: []string{"url.path"}, Bounds: []detect.Bound{{Op: "gte", Value: 3}}}),
		rule("few", true, &detect.Correlation{Type: detect.ValueCount, Rules: []*detect.Rule{a}, GroupBy: group, Timespan: time.Hour, Fields: []string{"url.path"}, Bounds: []detect.Bound{{Op: "lt", Value: 3}}}),
		rule("sum", true, &detect.Correlation{Type: detect.ValueSum, Rules: []*detect.Rule{a}, GroupBy: group, Timespan: time.Hour, Fields: []string{"n"}, Bounds: []detect.Bound{{Op: "gt", Value: 3}}}),
		rule("then", true, &detect.Correlation{Type: detect.TemporalOrdered, Rules: []*detect.Rule{a, b}, GroupBy: group, Timespan: time.Hour}),
	}
	w := newWindows(correlations, Options{Saved: true})
	feed := func(w *Windows, from int) {
		for i := range 6 {
			e := happened(float64(from+i), fmt.Sprint("b-", from+i), "user.id", fmt.Sprint("u", i%2), "url.path", fmt.Sprint("/", i), "n", "2")
			w.Observe([]*detect.Rule{a, b}[i%2], e, func(*finding.Finding) {})
		}
	}
	feed(w, 0)
	f.Add(w.Save(1 << 20))
	f.Add(bytes.Repeat([]byte(version), 10))
	f.Fuzz(func(t *testing.T, saved []byte) {
		w := newWindows(correlations, Options{Saved: true, Exact: 10})
		_ = w.Restore(saved)
		feed(w, 3600)
		w.End(func(*finding.Finding) {})
		if s := w.Stats(); s.Bytes < 0 {
			t.Fatalf("%+v", s)
		}
	})
}
