package pack

import (
	"os"
	"testing"

	"github.com/convosphere/gateway/modules/monitor/detect/ruletest"
)

// The tests beside the rules: what a rule finds, and what looks alike and is nobody's attack.
func TestRules(t *testing.T) {
	rules := load(t)
	results, err := ruletest.Run(os.DirFS("rules"), rules)
	if err != nil {
		t.Fatal(err)
	}
	found, quiet := map[string]bool{}, map[string]bool{}
	for _, r := range results {
		if !r.Passed {
			t.Errorf("rules/%s:%d: %s, %s: wants %s, got %d %s", r.File, r.Line, r.Rule, r.Name, r.Want, r.Got, r.Why)
		}
		if r.Got > 0 {
			found[r.Rule] = true
		} else {
			quiet[r.Rule] = true
		}
	}
	for _, r := range rules.All() {
		if r.Alone && (!found[r.Name] || !quiet[r.Name]) {
			t.Errorf("%s %s has no test in which it finds something, or none in which it does not", r.File, r.Name)
		}
	}
	t.Logf("%d tests", len(results))
}
