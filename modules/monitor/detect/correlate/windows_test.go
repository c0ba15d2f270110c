package correlate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

func counted(id string, of *detect.Rule, span time.Duration, n float64, groupBy ...string) *detect.Rule {
	return rule(id, true, &detect.Correlation{Type: detect.EventCount, Rules: []*detect.Rule{of}, GroupBy: groupBy, Timespan: span, Bounds: []detect.Bound{{Op: "gte", Value: n}}})
}

// happened makes an event of pairs of a name and a value, at a second.
func happened(second float64, id string, pairs ...string) *ecs.Event {
	e := new(ecs.Event)
	e.Set("@timestamp", time.UnixMicro(epoch+int64(second*1e6)).UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
	e.Set("event.id", id)
	for i := 0; i < len(pairs); i += 2 {
		e.Set(pairs[i], pairs[i+1])
	}
	return e
}

func none(f *finding.Finding) { panic("told " + f.Rule) }

func TestAFindingSaysWhatWasSeen(t *testing.T) {
	failed := rule("failed", false, nil)
	spray := rule("spray", true, &detect.Correlation{
		Type: detect.ValueCount, Rules: []*detect.Rule{failed}, GroupBy: []string{"source.ip"}, Timespan: 90 * time.Minute, Fields: []string{"gateway.account"},
		Bounds: []detect.Bound{{Op: "gte", Value: 3}},
	})
	spray.Subject, spray.Suppress = []string{"source.ip", "gateway.device", "url.path"}, time.Hour
	spray.Explain, spray.Respond = "{distinct} accounts, {count} tries within {timespan}", []string{"ban 1h"}
	w := newWindows([]*detect.Rule{spray}, Options{Node: "n1"})
	var got []*finding.Finding
	for i := range 12 {
		e := happened(float64(i), fmt.Sprint("bus-", i), "source.ip", fmt.Sprintf("2001:db8::%x", i), "gateway.account", fmt.Sprint("acc", i), "url.path", "/login")
		w.Observe(failed, e, func(f *finding.Finding) { got = append(got, f) })
	}
	if len(got) != 1 {
		t.Fatalf("%d findings of one attack", len(got))
	}
	f := got[0]
	want := []finding.Subject{{Kind: finding.Client, ID: "2001:db8::/64"}, {Kind: "url.path", ID: "/login"}}
	if f.Kind != finding.Correlation || f.Distinct != 3 || f.Count != 3 || !slices.Equal(f.Subjects, want) || !slices.Equal(f.Events, []string{"bus-0", "bus-1", "bus-2"}) ||
		f.Explain != "3 accounts, 3 tries within 90m" || f.Last.Sub(f.First) != 2*time.Second || f.Node != "n1" || f.ID != finding.ID("spray", want, "bus-2") {
		t.Errorf("%+v", *f)
	}
	if s := w.Stats(); s.Suppressed != 9 || s.Groups != 1 {
		t.Errorf("%+v", s)
	}
	// After the time it is told again, as the attack goes on.
	for i := range 3 {
		w.Observe(failed, happened(3700+float64(i), fmt.Sprint("bus-", 100+i), "source.ip", "2001:db8::1", "gateway.account", fmt.Sprint("acc", i)), func(f *finding.Finding) { got = append(got, f) })
	}
	if len(got) < 2 {
		t.Error("an attack that goes on is not told again")
	}
}

func TestAHitOfARuleAloneIsAFindingOnce(t *testing.T) {
	r := rule("alone", true, nil)
	r.Suppress, r.Subject = time.Minute, nil
	w := newWindows(nil, Options{})
	var got []*finding.Finding
	note := func(f *finding.Finding) { got = append(got, f) }
	for i := range 70 {
		w.Observe(r, happened(float64(i), fmt.Sprint("b-", i), "source.ip", "192.0.2.1"), note)
	}
	w.Observe(r, happened(70, "b-70", "source.ip", "192.0.2.2", "user.id", "u"), note)
	if len(got) != 3 || got[1].Events[0] != "b-60" || len(got[2].Subjects) != 2 || got[0].Kind != finding.Match {
		t.Fatalf("%d findings: %v", len(got), got)
	}
}

// An event that lacks what names the group is in none: all those without a user are not one user.
func TestWithoutAGroupNothingIsCounted(t *testing.T) {
	a := rule("a", false, nil)
	w := newWindows([]*detect.Rule{counted("many", a, time.Minute, 2, "user.id", "url.path")}, Options{})
	for i := range 10 {
		w.Observe(a, happened(float64(i), fmt.Sprint("b-", i), "url.path", "/x"), none)
	}
	// Parts that read alike when put together are different groups.
	w.Observe(a, happened(11, "b-11", "user.id", "ab", "url.path", "c"), none)
	w.Observe(a, happened(12, "b-12", "user.id", "a", "url.path", "bc"), none)
}

func TestNumbersThatAreNoneAreNotCounted(t *testing.T) {
	a := rule("a", false, nil)
	sum := rule("sum", true, &detect.Correlation{
		Type: detect.ValueSum, Rules: []*detect.Rule{a}, GroupBy: []string{"user.id"}, Timespan: time.Hour, Fields: []string{"n"}, Bounds: []detect.Bound{{Op: "gt", Value: 10}},
	})
	w := newWindows([]*detect.Rule{sum}, Options{})
	for _, n := range []string{"", "many", "NaN", "Inf", "-1", "0x7fffffff", "11e", "5", "5"} {
		w.Observe(a, happened(1, "b-1", "user.id", "u", "n", n), none)
	}
	var got *finding.Finding
	w.Observe(a, happened(2, "b-2", "user.id", "u", "n", "2"), func(f *finding.Finding) { got = f })
	if got == nil || got.Count != 4 {
		t.Fatal("the sum is not told", got)
	}
}

// A large event_count is counted in parts of its timespan: never later than an exact one by more than a part, and never of a longer time.
func TestLargeCounts(t *testing.T) {
	a := rule("a", false, nil)
	const n, span = 5000, 256 * time.Second
	many := counted("many", a, span, n, "user.id")
	w := newWindows([]*detect.Rule{many}, Options{})
	// 5,000 events in 257 seconds and more are none too many.
	for i := range 3 * n {
		w.Observe(a, happened(float64(i)*258/n, fmt.Sprint("b-", i), "user.id", "slow"), none)
	}
	told := 0
	for i := range n + 1 {
		w.Observe(a, happened(1000+float64(i)*250/n, fmt.Sprint("b-", i), "user.id", "fast"), func(f *finding.Finding) {
			if told++; told == 1 && f.Count != n {
				t.Errorf("told at %d", f.Count)
			}
		})
	}
	if told == 0 {
		t.Error("too many, and not told")
	}
	if b := w.Stats().Bytes; b > 2*20<<10 {
		t.Errorf("%d bytes for two groups", b)
	}
}

// Many values are estimated: within 5% here, in memory that does not grow with them.
func TestManyValuesAreSketched(t *testing.T) {
	a := rule("a", false, nil)
	const n = 20_000
	many := rule("many", true, &detect.Correlation{
		Type: detect.ValueCount, Rules: []*detect.Rule{a}, GroupBy: []string{"user.id"}, Timespan: 16 * time.Hour, Fields: []string{"url.path"},
		Bounds: []detect.Bound{{Op: "gte", Value: n}},
	})
	w := newWindows([]*detect.Rule{many}, Options{})
	first := 0
	for i := range n + n/10 {
		for range 2 { // a value that comes again counts once
			w.Observe(a, happened(float64(i), fmt.Sprint("b-", i), "user.id", "u", "url.path", fmt.Sprint("/p", i)), func(f *finding.Finding) {
				if first == 0 {
					first = i
				}
			})
		}
	}
	if math.Abs(float64(first-n)) > n*0.05 {
		t.Errorf("%d values were told as %d", first, n)
	}
	if b := w.Stats().Bytes; b > 100<<10 {
		t.Errorf("%d bytes for one group", b)
	}
}

// An attacker who makes up ever new groups can't have the gateway's memory, and what is fresh stays.
func TestMemoryHasACap(t *testing.T) {
	a := rule("a", false, nil)
	correlations := []*detect.Rule{counted("many", a, time.Hour, 10, "source.ip"), counted("more", a, 24*time.Hour, 100, "source.ip", "url.path")}
	const most = 4 << 20
	w := newWindows(correlations, Options{MaxBytes: most})
	for i := range 100_000 {
		w.Observe(a, happened(float64(i)/1000, fmt.Sprint("b-", i), "source.ip", fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), "url.path", "/"), none)
		if b := w.bytes.Load(); b > most+64<<10 {
			t.Fatalf("%d bytes after %d events", b, i)
		}
	}
	s := w.Stats()
	if s.Evicted == 0 || s.Groups < most/2/(groupBytes+markBytes) {
		t.Errorf("%+v", s)
	}
	var got *finding.Finding
	for i := range 9 {
		w.Observe(a, happened(100.1, fmt.Sprint("c-", i), "source.ip", "10.1.134.159"), func(f *finding.Finding) { got = f })
	}
	if got == nil {
		t.Error("the newest groups are gone")
	}
}

func TestGroupsExpire(t *testing.T) {
	a := rule("a", false, nil)
	w := newWindows([]*detect.Rule{counted("many", a, time.Minute, 10, "source.ip")}, Options{Lateness: time.Second})
	for i := range 50_000 {
		w.Observe(a, happened(float64(i)/10, fmt.Sprint("b-", i), "source.ip", fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)), none)
	}
	if s := w.Stats(); s.Groups > 700 || s.Evicted != 0 { // those of 61 seconds, and what each part still has of the next
		t.Errorf("%+v", s)
	}
}

// Other rules leave what is counted for those that stay the same, and what is counted for those that go is freed.
func TestRulesAreSwapped(t *testing.T) {
	a := rule("a", false, nil)
	first := []*detect.Rule{counted("stays", a, time.Hour, 3, "user.id"), counted("changes", a, time.Hour, 3, "user.id")}
	w := newWindows(first, Options{})
	var got []string
	note := func(f *finding.Finding) { got = append(got, f.Rule) }
	for i := range 2 {
		w.Observe(a, happened(float64(i), fmt.Sprint("b-", i), "user.id", "u"), note)
	}
	b := rule("a", false, nil) // the same rule, read again
	changed := counted("changes", b, time.Hour, 3, "user.id")
	changed.Digest[31] = 1
	w.swapFor([]*detect.Rule{counted("stays", b, time.Hour, 3, "user.id"), changed})
	if s := w.Stats(); s.Groups != 1 {
		t.Errorf("%+v", s)
	}
	w.Observe(a, happened(2, "b-2", "user.id", "u"), note) // by the rules of before: counts nowhere
	w.Observe(b, happened(3, "b-3", "user.id", "u"), note)
	if strings.Join(got, " ") != "stays" {
		t.Errorf("told %v", got)
	}
	w.swapFor(nil)
	if s := w.Stats(); s.Groups != 0 || s.Bytes != 0 {
		t.Errorf("%+v", s)
	}
}

// Somebody else may count: what is needed of the event is enough.
func TestHitsCanBeCountedElsewhere(t *testing.T) {
	a, b := rule("a", false, nil), rule("b", false, nil)
	many := counted("many", a, time.Hour, 3, "source.ip")
	many.Alone = false
	then := rule("then", true, &detect.Correlation{Type: detect.TemporalOrdered, Rules: []*detect.Rule{many, b}, GroupBy: []string{"user.id"}, Timespan: time.Hour})
	then.Subject = []string{"gateway.session"}
	correlations := []*detect.Rule{many, then}
	var got []*finding.Finding
	note := func(f *finding.Finding) { got = append(got, f) }
	var owner *Windows
	route := func(h *Hit) bool {
		part := new(ecs.Event)
		for _, name := range append(h.Needs, "@timestamp", "event.id") {
			if v := h.Event.Text(name); v != "" {
				part.Set(name, v)
			}
		}
		owner.Apply(h.Correlation.Digest, h.Part, part, note)
		return true
	}
	owner = newWindows(correlations, Options{})
	nodes := []*Windows{newWindows(correlations, Options{Route: route}), newWindows(correlations, Options{Route: route})}
	for i := range 3 {
		nodes[i%2].Observe(a, happened(float64(i), fmt.Sprint("n", i%2, "-", i), "source.ip", "192.0.2.1", "user.id", "u", "gateway.session", "s", "other", "x"), none)
	}
	nodes[1].Observe(b, happened(4, "n1-4", "user.id", "u", "gateway.session", "s2"), none)
	if len(got) != 1 || got[0].Rule != "then" || got[0].Subjects[0].ID != "s2" {
		t.Fatalf("%v", got)
	}
	owner.Apply([32]byte{1}, 0, happened(5, "x"), none)
	owner.Apply(many.Digest, 7, happened(5, "x"), none)
}

func TestRefsGiveIDsBack(t *testing.T) {
	var r refs
	for _, id := range []string{"ABC-1z", "ABC-0", "ABC-01", "ABC-", "-", "", "x", "ABC-zzzzzzzzzzzzzzzz", "a-b-c", "ABC-1Z", strings.Repeat("x", 128)} {
		if got := r.get(r.put(id)); got != id {
			t.Errorf("%q came back as %q", id, got)
		}
	}
	if r.put(strings.Repeat("x", 129)) != 0 {
		t.Error("a long id is kept")
	}
	for i := range 2 * maxPrefixes {
		r.put(fmt.Sprint("p", i, "-1"))
	}
	if len(r.texts) > maxPrefixes {
		t.Error("the texts have no end")
	}
}
