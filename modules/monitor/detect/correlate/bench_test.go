package correlate

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// benchRules are a count, a count of values and a sequence over one rule and two.
func benchRules() (plain, correlations []*detect.Rule) {
	a, b := rule("a", false, nil), rule("b", false, nil)
	group := []string{"source.ip"}
	return []*detect.Rule{a, b}, []*detect.Rule{
		counted("count", a, time.Hour, 20, "source.ip"),
		rule("values", true, &detect.Correlation{Type: detect.ValueCount, Rules: []*detect.Rule{a}, GroupBy: group, Timespan: time.Hour, Fields: []string{"url.path"}, Bounds: []detect.Bound{{Op: "gte", Value: 30}}}),
		rule("then", true, &detect.Correlation{Type: detect.TemporalOrdered, Rules: []*detect.Rule{a, b}, GroupBy: group, Timespan: time.Hour}),
	}
}

// One event that counts in three correlations, in one of 10,000 groups.
func BenchmarkObserve(b *testing.B) {
	plain, correlations := benchRules()
	w := newWindows(correlations, Options{})
	events := make([]*ecs.Event, 10_000)
	for i := range events {
		events[i] = happened(float64(i)/1000, fmt.Sprint("bus-", i), "source.ip", fmt.Sprintf("10.0.%d.%d", i>>8, i&255), "url.path", fmt.Sprint("/p", i%50))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		w.Observe(plain[0], events[i%len(events)], func(*finding.Finding) {})
		i++
	}
}

// A million addresses, each seen once: how much they take, in bytes each, and whether that is what is accounted for.
func BenchmarkMillionSubjects(b *testing.B) {
	const n = 1_000_000
	a := rule("a", false, nil)
	for b.Loop() {
		w := newWindows([]*detect.Rule{counted("count", a, 24*time.Hour, 20, "source.ip")}, Options{})
		before := heap()
		for i := range n {
			w.Observe(a, happened(float64(i)/1000, fmt.Sprint("bus-", i), "source.ip", fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)), func(*finding.Finding) {})
		}
		taken := heap() - before
		s := w.Stats()
		if s.Groups != n || s.Evicted != 0 {
			b.Fatalf("%+v", s)
		}
		b.ReportMetric(float64(taken)/n, "B/subject")
		b.ReportMetric(float64(s.Bytes)/n, "accounted-B/subject")
		runtime.KeepAlive(w)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
