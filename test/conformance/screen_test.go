package conformance

import (
	"slices"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

// attempts is how often a request is sent again where the rules differ. A few rules look at the value that matched last, and which that is depends on
// the order of a map: with the same rules and the same request, Coraza itself says one thing or the other.
const attempts = 40

// The whole suite with the screen on and off: the same rules match. At paranoia level 1, where most requests need no rule at all, and at level 4.
func TestScreen(t *testing.T) {
	all, err := load()
	if err != nil {
		t.Fatal(err)
	}
	for _, paranoia := range []int{1, 4} {
		on, off := gateway(t, paranoia, "on"), gateway(t, paranoia, "off")
		answersOn, answersOff := drive(t, on, all), drive(t, off, all)
		verdictsOn, verdictsOff := verdicts(t, on, answersOn), verdicts(t, off, answersOff)
		var differ []int
		none := 0
		for i := range all {
			for s := range all[i].Stages {
				a, b := answersOn[i][s], answersOff[i][s]
				if len(verdictsOff[b.requestID].rules) == 0 {
					none++
				}
				if a.status != b.status || !same(verdictsOn[a.requestID], verdictsOff[b.requestID]) {
					differ = append(differ, i)
					break
				}
			}
		}
		for _, i := range differ {
			if !again(t, on, off, all[i]) {
				t.Errorf("paranoia %d: %s: the screen changes the rules that match", paranoia, all[i].ID)
			}
		}
		t.Logf("paranoia %d: %d tests, %d requests without a rule, %d compared again", paranoia, len(all), none, len(differ))
	}
}

// again sends a test to both until they agree once on what each has said at some time.
func again(t *testing.T, on, off *kit.Node, one test) bool {
	t.Helper()
	repeated := make([]test, attempts)
	for i := range repeated {
		repeated[i] = one
	}
	answersOn, answersOff := drive(t, on, repeated), drive(t, off, repeated)
	verdictsOn, verdictsOff := verdicts(t, on, answersOn), verdicts(t, off, answersOff)
	for s := range one.Stages {
		agree := false
		for i := range repeated {
			for k := range repeated {
				a, b := answersOn[i][s], answersOff[k][s]
				agree = agree || a.status == b.status && same(verdictsOn[a.requestID], verdictsOff[b.requestID])
			}
		}
		if !agree {
			return false
		}
	}
	return true
}

func same(a, b verdict) bool {
	x, y := slices.Sorted(slices.Values(a.rules)), slices.Sorted(slices.Values(b.rules))
	return slices.Equal(x, y)
}
