package doctor

import (
	"slices"
	"strings"
	"testing"
)

// finds checks that a look came to that finding of that state, and that it says what to do where something is to be done.
func finds(t *testing.T, all []Finding, check string, state State, text string) {
	t.Helper()
	for _, f := range all {
		if f.Check == check && f.State == state && strings.Contains(f.Text, text) {
			if state != OK && f.Do == "" {
				t.Errorf("%s does not say what to do", check)
			}
			return
		}
	}
	t.Errorf("no finding %s %s %q in %+v", check, state, text, all)
}

func wellBut(t *testing.T, all []Finding, checks ...string) {
	t.Helper()
	for _, f := range all {
		if f.State != OK && !slices.Contains(checks, f.Check) {
			t.Errorf("%+v", f)
		}
	}
}
