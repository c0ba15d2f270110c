package decisionlog

import (
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// Entry is one decision.
type Entry struct {
	Time     time.Time
	Input    engine.Input // as the policy had it, with relations
	Decision engine.Decision
	Took     time.Duration
	Unasked  bool  // the gateway decided without the policy: no rule did, and no other policy would decide otherwise
	List     *List // what became of a list that was decided as one; nil: it was no list

	weight   int64
	told     bool // it is an event
	captured bool // its input is kept
}

// List counts the elements of a list in an answer.
type List struct{ Kept, Removed int }

// weigh estimates what the entry holds in memory besides itself: a query and a body come from the client.
func (e *Entry) weigh() int64 {
	n := int64(len(e.Input.Query))
	if e.Input.Body == nil {
		return n
	}
	ast.WalkTerms(ast.NewTerm(e.Input.Body), func(t *ast.Term) bool {
		n += 96
		switch v := t.Value.(type) {
		case ast.String:
			n += int64(len(v))
		case ast.Number:
			n += int64(len(v))
		}
		return false
	})
	return n
}

// ResultOf is the decision as the policy gave it.
func ResultOf(d engine.Decision) Result {
	o, out := d.Obligations, map[string]any{}
	put := func(k string, v any, given bool) {
		if given {
			out[k] = v
		}
	}
	put("step_up", true, o.StepUp)
	put("max_age", int64(o.MaxAge/time.Second), o.MaxAge > 0)
	put("mask", o.Mask, len(o.Mask) > 0)
	put("encrypt", o.Encrypt, len(o.Encrypt) > 0)
	put("tier", o.Tier, o.Tier != "")
	put("log", o.Log, o.Log != "")
	put("expires", int64(o.Expires/time.Second), o.Expires > 0)
	put("incident", o.Incident, o.Incident != "")
	return Result{d.Allow, d.Reason, out}
}
