package detect

import (
	"strings"
	"testing"
)

// A temporal correlation's condition may be how many of its rules match (Sigma's correlations, section Condition).
func TestTemporalCondition(t *testing.T) {
	load := func(typ, condition string) (*Correlation, []Problem) {
		r, problems := Load(folder(
			rule("a", "s: { user.id: a }\ncondition: s"), rule("b", "s: { user.id: b }\ncondition: s"), rule("c", "s: { user.id: c }\ncondition: s"),
			"title: t\nid: d\ncorrelation:\n  type: "+typ+"\n  rules: [a, b, c]\n  group-by: [source.ip]\n  timespan: 1h\n"+condition,
		))
		if len(r.Correlations()) == 0 {
			return nil, problems
		}
		return r.Correlations()[0].Correlation, problems
	}
	for _, c := range []struct {
		condition string
		holds     []string // of the rules that match
		not       []string
	}{
		{"", []string{"abc"}, []string{"", "a", "ab"}},
		{"  condition: { gte: 2 }", []string{"ab", "bc", "abc"}, []string{"", "a", "c"}},
		{"  condition: { gt: 2 }", []string{"abc"}, []string{"ab", "c"}},
		{"  condition: a and (b or c)", []string{"ab", "ac", "abc"}, []string{"", "a", "bc"}},
	} {
		got, problems := load("temporal", c.condition)
		if got == nil {
			t.Fatal(c.condition, problems)
		}
		with := func(matched string) bool {
			return got.Holds(func(i int) bool { return strings.Contains(matched, got.Rules[i].ID) })
		}
		for _, matched := range c.holds {
			if !with(matched) {
				t.Errorf("%s: not with %q", c.condition, matched)
			}
		}
		for _, matched := range c.not {
			if with(matched) {
				t.Errorf("%s: holds with %q", c.condition, matched)
			}
		}
	}
	for _, c := range [][2]string{{"temporal", "  condition: { lt: 2 }"}, {"temporal", "  condition: { eq: 2 }"}, {"temporal_ordered", "  condition: { gte: 2 }"}} {
		if got, problems := load(c[0], c[1]); got != nil || len(problems) == 0 {
			t.Errorf("%s with %s is taken", c[0], c[1])
		}
	}
}
