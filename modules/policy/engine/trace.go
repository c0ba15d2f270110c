package engine

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// mostFrames and mostSteps bound what one trace keeps: a policy that loops must not take the memory of who explains it.
const (
	mostFrames = 1 << 13
	mostSteps  = 1 << 13
)

// tracer keeps, of one evaluation, which rules were tried, from where, and how far each got.
type tracer struct {
	frames map[uint64]*frame
	order  []*frame            // as they were entered
	byPath map[string][]*frame // of rules: "data.gateway.decision"
	steps  []*topdown.Event    // of the whole trace, where steps are kept
	keep   bool
	cut    bool // something was not kept
}

// frame is one try of a rule, or of a body inside one (not, every, a comprehension).
type frame struct {
	rule     *ast.Rule // nil: a body
	parent   *frame
	at       *ast.Expr // of the parent, that asked for this one
	current  *ast.Expr
	held     bool
	failed   *ast.Expr // the furthest expression that did not hold
	locals   []Value   // what variables stood for in it
	input    *ast.Term // as it saw it: `with` may change it
	children []*frame
}

func newTracer(keep bool) *tracer {
	return &tracer{frames: map[uint64]*frame{}, byPath: map[string][]*frame{}, keep: keep}
}

// Enabled implements topdown.QueryTracer.
func (*tracer) Enabled() bool { return true }

// Config implements topdown.QueryTracer: variables are only written out where the trace is read by people.
func (t *tracer) Config() topdown.TraceConfig { return topdown.TraceConfig{PlugLocalVars: t.keep} }

// TraceEvent implements topdown.QueryTracer.
func (t *tracer) TraceEvent(e topdown.Event) {
	if t.keep && e.Op != topdown.UnifyOp {
		if len(t.steps) < mostSteps {
			t.steps = append(t.steps, &e)
		} else {
			t.cut = true
		}
	}
	if e.Op == topdown.EnterOp {
		t.enter(&e)
		return
	}
	f := t.frames[e.QueryID]
	if f == nil {
		return
	}
	expr, _ := e.Node.(*ast.Expr)
	switch {
	case e.Op == topdown.ExitOp:
		f.held = true
	case expr == nil:
	case e.Op == topdown.EvalOp || e.Op == topdown.RedoOp: // a redo looks for another answer of what is already passed
		f.current = expr
	case e.Op == topdown.FailOp && (f.failed == nil || expr.Index >= f.failed.Index):
		f.failed, f.locals, f.input = expr, locals(&e, expr), e.Input()
	}
}

func (t *tracer) enter(e *topdown.Event) {
	if len(t.order) == mostFrames {
		t.cut = true
		return
	}
	f := &frame{parent: t.frames[e.ParentID]}
	if rule, ok := e.Node.(*ast.Rule); ok {
		f.rule = rule
		path := rule.Ref().GroundPrefix().String()
		t.byPath[path] = append(t.byPath[path], f)
	}
	if f.parent != nil {
		f.at = f.parent.current
		f.parent.children = append(f.parent.children, f)
	}
	t.frames[e.QueryID] = f
	t.order = append(t.order, f)
}

// Value is what something in an expression stood for.
type Value struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// mostValue is the most bytes of one value that an explanation shows.
const mostValue = 200

func cutValue(s string) string {
	if len(s) <= mostValue {
		return s
	}
	return fmt.Sprintf("%.*s…", mostValue, s)
}

// locals returns the variables of an expression that are bound, by the compiler's names.
func locals(e *topdown.Event, expr *ast.Expr) (out []Value) {
	seen := map[ast.Var]bool{}
	ast.WalkVars(expr, func(v ast.Var) bool {
		if seen[v] || v.IsWildcard() || v == "data" || v == "input" {
			return false
		}
		seen[v] = true
		term := ast.NewTerm(v)
		if e.Locals == nil { // only while the evaluation goes on
			term = e.Plug(term)
		} else if value := e.Locals.Get(v); value != nil {
			term = ast.NewTerm(value)
		}
		if _, unbound := term.Value.(ast.Var); !unbound {
			out = append(out, Value{string(v), cutValue(term.String())})
		}
		return false
	})
	return out
}
