package conformance

import (
	"fmt"
	"maps"
	"slices"
)

// deviation is why a test does not hold here, and what shows that it is for that reason and no other.
type deviation struct {
	reason string
	status int // of the answer, 0: any
	rule   int // that matched, 0: none in particular
}

const (
	version  = "net/http refuses the version before any handler, with 505 instead of the 400 of Apache"
	parser   = "the parser refuses the part's header before the rule can, by 200003, in words that the test does not know"
	withheld = "asserts the matched text in the log; the rule matches, but nothing here writes down what a client sent"
)

// ignored are the tests that do not hold here. They are run all the same, and must still deviate as their entries say: no entry
// outlives its reason.
var ignored = map[string]deviation{
	"920280-3":  {reason: version, status: 505},
	"920430-3":  {reason: version, status: 505},
	"920430-8":  {reason: "net/http refuses HTTP/4.0 before any handler, with 505; the test wants a rule to see it", status: 505},
	"920430-9":  {reason: version, status: 505},
	"920620-1":  {reason: "expects Apache's joining of two Content-Type headers, which hides them; here the rule sees two", rule: 920620},
	"922130-1":  {reason: parser, rule: 200003},
	"922130-2":  {reason: parser, rule: 200003},
	"922130-7":  {reason: parser, rule: 200003},
	"932207-7":  {reason: withheld, rule: 932207},
	"932300-10": {reason: withheld, rule: 932300},
	"933120-2":  {reason: withheld, rule: 933120},
}

// holds tells what is not as the entry says, "" where it is.
func (d deviation) holds(a answer, v verdict) string {
	switch {
	case d.status != 0 && a.status != d.status:
		return fmt.Sprintf("status %d, not %d", a.status, d.status)
	case d.rule != 0 && !slices.Contains(v.rules, d.rule):
		return fmt.Sprintf("rule %d did not match, only %v", d.rule, v.rules)
	}
	return ""
}

// outcome is one test's.
type outcome struct {
	id      string
	failure string // "": passed
	answer  answer // of the stage that failed, or the last
	verdict verdict
}

// result is what a run comes to.
type result struct {
	passed, failed int
	ignored        []string // with their reasons
	problems       []string // each fails the run: tests that failed, and entries of the list that are not right any more
}

func tally(outcomes []outcome, list map[string]deviation) (r result) {
	left := maps.Clone(list)
	for _, o := range outcomes {
		entry, listed := left[o.id]
		delete(left, o.id)
		switch {
		case o.failure == "":
			r.passed++
			if listed {
				r.problems = append(r.problems, o.id+" passes and is ignored all the same: take it from the list")
			}
		case listed:
			r.ignored = append(r.ignored, o.id+": "+entry.reason)
			if other := entry.holds(o.answer, o.verdict); other != "" {
				r.problems = append(r.problems, o.id+" is ignored for another reason: "+other)
			}
		default:
			r.failed++
			r.problems = append(r.problems, o.id+": "+o.failure)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(left)) {
		r.problems = append(r.problems, id+" is ignored, and there is no such test")
	}
	return r
}
