package replay

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/convosphere/gateway/modules/policy/decisionlog"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// What changes. The first four are flips.
const (
	Refused     = "newly refused"
	StepUp      = "newly asks for a second factor"
	Allowed     = "newly allowed"
	Obligations = "other obligations"
	Reason      = "another reason"
)

// order is how changes are listed.
var order = []string{Refused, StepUp, Allowed, Obligations, Reason}

// Outcome is a decision without what it was made from.
type Outcome struct {
	Verdict     string         `json:"verdict"` // allowed, refused, step up, or no decision
	Reason      string         `json:"reason"`
	Rule        string         `json:"rule,omitempty"` // file:line; "" where it could not be told
	Failure     string         `json:"failure,omitempty"`
	Obligations map[string]any `json:"obligations,omitempty"`
}

// Change is what happens to all decisions that had one outcome and get another.
type Change struct {
	Change     string    `json:"change"`
	Permission string    `json:"permission"`
	Before     Outcome   `json:"before"`
	After      Outcome   `json:"after"`
	Count      int       `json:"count"`
	Examples   []Example `json:"examples"` // the first ones

	rank int
}

// Example is one decision of a change.
type Example struct {
	Time      time.Time `json:"time"`
	ID        string    `json:"id"` // of the decision
	RequestID string    `json:"request_id"`
	Request   string    `json:"request"` // method and path; of a message, its type too
	Subject   string    `json:"subject,omitempty"`
	Removed   []string  `json:"removed_at_capture,omitempty"` // secrets that the policy can't see any more
}

// Report is what a replay found.
type Report struct {
	Policy   string         `json:"policy"`
	Revision string         `json:"revision"`
	Replayed int            `json:"replayed"`
	Same     int            `json:"same"`
	Counts   map[string]int `json:"changes_by_kind"`
	Left     map[string]int `json:"left_out"` // by why
	Changes  []Change       `json:"changes"`
}

// Flips counts the decisions that do more than give another reason.
func (r *Report) Flips() int {
	n := 0
	for kind, count := range r.Counts {
		if kind != Reason {
			n += count
		}
	}
	return n
}

const (
	mostExamples = 3
	mostChanges  = 10_000 // kinds; a reason that is made from the input gives one for each decision
)

// Replayer decides captured inputs by one policy.
type Replayer struct {
	snapshot *engine.Snapshot
	timeout  time.Duration
	report   Report
	changes  map[string]*Change
	rules    map[string]string // of the policy, by permission and outcome
}

// Options are what a policy must be compiled with to be replayed: captures hold no grants but those that were looked up for them.
func Options() engine.Option {
	return engine.WithGrants(func(context.Context, string, string) ([]string, error) {
		return nil, errors.New("a capture does not hold them")
	})
}

// New makes a replayer. name says what the policy is, for people.
func New(s *engine.Snapshot, name string) *Replayer {
	return &Replayer{
		snapshot: s, timeout: time.Second, changes: map[string]*Change{}, rules: map[string]string{},
		report: Report{Policy: name, Revision: s.Revision, Counts: map[string]int{}, Left: map[string]int{}, Changes: []Change{}},
	}
}

// input is what of a document is shown.
type input struct {
	Request struct {
		Method, Path, Permission string
	}
	Identity struct{ Subject string }
	Message  struct{ Type string }
}

// Add decides a captured input again.
func (r *Replayer) Add(ctx context.Context, c *decisionlog.Captured) {
	if c.Failure != "" {
		r.report.Left["there was no decision: "+c.Failure]++
		return
	}
	document, err := ast.ValueFromReader(bytes.NewReader(c.Input))
	if err != nil {
		r.report.Left["the input can't be read"]++
		return
	}
	var in input
	_ = json.Unmarshal(c.Input, &in)                                                         // what is not there is not shown
	d, _ := r.snapshot.Judge(ctx, document, engine.Options{Timeout: r.timeout, Now: c.Time}) // its failure says enough
	if d.Failure == engine.Grants {
		r.report.Left["it asks for grants that are not in the input"]++
		return
	}
	if d.Failure == engine.Ambiguous && !hasQuery(document) {
		r.report.Left["it reads the query, which is not in the input: the capture is older, or servers read the query differently (400)"]++
		return
	}
	r.report.Replayed++
	before, after := then(c), OutcomeOf(d)
	kind := Compare(before, after)
	if kind == "" {
		r.report.Same++
		return
	}
	r.report.Counts[kind]++
	after.Rule = r.rule(ctx, in.Request.Permission, d, document, c.Time)
	r.count(kind, in, before, after, c)
}

// hasQuery tells whether the document says what the query was. One that servers read differently is in none.
func hasQuery(document ast.Value) bool {
	_, err := document.Find(ast.Ref{ast.StringTerm("request"), ast.StringTerm("query")})
	return err == nil
}

func then(c *decisionlog.Captured) Outcome {
	o := Outcome{Reason: c.Result.Reason, Rule: c.Rule, Obligations: c.Result.Obligations}
	o.Verdict = verdict(c.Result.Allow, c.Result.Obligations["step_up"] == true, false)
	return o
}

// OutcomeOf is a decision's.
func OutcomeOf(d engine.Decision) Outcome {
	return Outcome{
		Verdict: verdict(d.Allow, d.Obligations.StepUp, d.Failure != engine.None), Reason: d.Reason, Failure: string(d.Failure),
		Obligations: decisionlog.ResultOf(d).Obligations,
	}
}

func verdict(allow, stepUp, failed bool) string {
	switch {
	case failed:
		return "no decision"
	case allow:
		return "allowed"
	case stepUp:
		return "step up"
	}
	return "refused"
}

// Compare names the change; "" where there is none. Rules have moved where lines were added, so they are no change by themselves.
func Compare(before, after Outcome) string {
	switch {
	case before.Verdict != after.Verdict:
		switch after.Verdict {
		case "allowed":
			return Allowed
		case "step up":
			return StepUp
		}
		return Refused
	case !sameJSON(before.Obligations, after.Obligations):
		return Obligations
	case before.Reason != after.Reason:
		return Reason
	}
	return ""
}

// sameJSON compares what was read from JSON with what was not.
func sameJSON(a, b map[string]any) bool {
	if len(a) == 0 && len(b) == 0 {
		return true
	}
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	var v, w any
	return err1 == nil && err2 == nil && json.Unmarshal(x, &v) == nil && json.Unmarshal(y, &w) == nil && reflect.DeepEqual(v, w)
}

// rule finds where the new decision comes from, once for each kind.
func (r *Replayer) rule(ctx context.Context, permission string, d engine.Decision, document ast.Value, at time.Time) string {
	if d.Failure != engine.None {
		return ""
	}
	key := fmt.Sprintf("%q %q %t", permission, d.Reason, d.Allow)
	rule, ok := r.rules[key]
	if !ok {
		if again, x, err := r.snapshot.Explain(ctx, document, engine.Options{Timeout: r.timeout, Now: at}, false); err == nil && again.Reason == d.Reason {
			rule = x.Rule()
		}
		if len(r.rules) < mostChanges {
			r.rules[key] = rule
		}
	}
	return rule
}

func (r *Replayer) count(kind string, in input, before, after Outcome, c *decisionlog.Captured) {
	b, _ := json.Marshal([]any{before, after}) // of strings and numbers: it does not fail
	key := kind + in.Request.Permission + string(b)
	ch := r.changes[key]
	if ch == nil {
		if len(r.changes) >= mostChanges {
			r.report.Left["there are too many kinds of changes to list this one"]++
			return
		}
		ch = &Change{Change: kind, Permission: in.Request.Permission, Before: before, After: after, rank: slices.Index(order, kind)}
		r.changes[key] = ch
	}
	ch.Count++
	if len(ch.Examples) < mostExamples {
		request := in.Request.Method + " " + in.Request.Path
		if in.Message.Type != "" {
			request += ", message " + in.Message.Type
		}
		ch.Examples = append(ch.Examples, Example{c.Time, c.ID, c.RequestID, request, in.Identity.Subject, c.Removed})
	}
}

// Report is what was found so far, the most frequent changes of each kind first.
func (r *Replayer) Report() *Report {
	out := r.report
	out.Changes = make([]Change, 0, len(r.changes))
	for _, ch := range r.changes {
		out.Changes = append(out.Changes, *ch)
	}
	slices.SortFunc(out.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Permission, b.Permission),
			cmp.Compare(a.Before.Reason, b.Before.Reason), cmp.Compare(a.After.Reason, b.After.Reason), cmp.Compare(a.Examples[0].ID, b.Examples[0].ID))
	})
	return &out
}
