package engine

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Explanation says which rules made a decision.
type Explanation struct {
	// From the decision down to the rules that gave it its reason (or, where it has none, its allow). Without an answer there is none.
	Rules []Rule `json:"rules"`

	// Those of them at the end: where the decision comes from. Several where their answers were put together.
	Decided []Rule `json:"decided"`

	// Of a refusal: what would have allowed, and where it did not hold.
	Tried []Attempt `json:"tried,omitempty"`

	// Every step, where it was asked for.
	Trace []string `json:"trace,omitempty"`

	// There were more rules or steps than one explanation keeps.
	Truncated bool `json:"truncated,omitempty"`
}

// Rule is one rule of a policy.
type Rule struct {
	Name  string `json:"name"` // data.gateway.decision
	File  string `json:"file"`
	Line  int    `json:"line"`
	Title string `json:"title,omitempty"` // of its METADATA
}

// String is "file:line".
func (r Rule) String() string { return fmt.Sprintf("%s:%d", r.File, r.Line) }

// Attempt is a rule that was tried.
type Attempt struct {
	Rule
	Held   bool      `json:"held,omitempty"` // it did, where it should not have
	Failed *Missed   `json:"failed,omitempty"`
	Tried  []Attempt `json:"tried,omitempty"` // what that expression asked for
}

// Missed is the expression that a rule got to, and that did not hold.
type Missed struct {
	File       string  `json:"file"`
	Line       int     `json:"line"`
	Expression string  `json:"expression"`
	First      bool    `json:"first,omitempty"` // nothing before it held: the rule may be about something else
	Values     []Value `json:"values,omitempty"`
}

// Rule names where the decision comes from: "rooms.rego:12", and the first of several. "" where the policy gave no answer.
func (x *Explanation) Rule() string {
	if len(x.Decided) == 0 {
		return ""
	}
	return x.Decided[0].String()
}

// Explain decides as Judge does, and says which rules made the answer. It takes many times as long. steps asks for the whole
// trace, which shows what the input holds. Steady is not told: without the index more is asked of the clock.
func (s *Snapshot) Explain(ctx context.Context, document ast.Value, o Options, steps bool) (Decision, *Explanation, error) {
	t := newTracer(steps)
	o.Tracer = t
	d, err := s.Judge(ctx, document, o)
	x := &Explanation{Truncated: t.cut}
	e := explainer{tracer: t, names: s.compiler.RewrittenVars, titles: titles(s.compiler)}
	root := e.held(query)
	if root != nil {
		member := kReason
		if d.Reason == "" {
			member = kAllow
		}
		e.seen = map[*frame]bool{}
		e.descend(root, member)
		x.Rules, x.Decided = e.rules, e.decided
	}
	if !d.Allow {
		x.Tried = e.tries(root)
	}
	if steps {
		var b bytes.Buffer
		topdown.PrettyTraceWithOpts(&b, t.steps, topdown.PrettyTraceOptions{Locations: true, ExprVariables: true})
		x.Trace = strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	}
	return d, x, err
}

// explainer reads a trace.
type explainer struct {
	*tracer
	names   map[ast.Var]ast.Var // by the compiler's names, the policy's own
	titles  map[*ast.Rule]string
	seen    map[*frame]bool
	rules   []Rule
	decided []Rule
}

// held returns the first try of a rule that held.
func (e *explainer) held(path string) *frame {
	for _, f := range e.byPath[path] {
		if f.held {
			return f
		}
	}
	return nil
}

// descend follows the answer of f (of an object, the member) to the rules that gave it.
func (e *explainer) descend(f *frame, member *ast.Term) {
	if e.seen[f] {
		return
	}
	e.seen[f] = true
	rule := e.ruleOf(f.rule)
	e.rules = add(e.rules, rule)
	sources := e.sources(f, answer(f.rule, member))
	if len(sources) == 0 {
		e.decided = add(e.decided, rule)
		return
	}
	for _, s := range sources {
		e.descend(s, member)
	}
}

func add(list []Rule, r Rule) []Rule {
	for _, x := range list {
		if x == r {
			return list
		}
	}
	return append(list, r)
}

// answer is the term that a rule answers with; of an object the member, where it has it.
func answer(r *ast.Rule, member *ast.Term) *ast.Term {
	term := r.Head.Value
	if r.Head.RuleKind() == ast.MultiValue {
		term = r.Head.Key
	}
	if term == nil {
		return nil
	}
	if o, ok := literal(r.Body, term).(ast.Object); ok {
		if t := o.Get(member); t != nil {
			return t
		}
	}
	return term
}

// literal is the value of a term or, of a variable, what the body says it equals: the compiler takes an answer that holds
// references out of a rule's head.
func literal(body ast.Body, term *ast.Term) ast.Value {
	v, ok := term.Value.(ast.Var)
	if !ok {
		return term.Value
	}
	for _, x := range body {
		if x.IsEquality() && !x.Negated && x.Operand(0).Value.Compare(v) == 0 {
			if _, chain := x.Operand(1).Value.(ast.Var); !chain {
				return x.Operand(1).Value
			}
		}
	}
	return v
}

// sources are the rules that held and that the term's value came from: those that the expressions asked for which gave the
// term's variables their values.
func (e *explainer) sources(f *frame, term *ast.Term) (out []*frame) {
	if term == nil {
		return nil
	}
	exprs := giving(f.rule.Body, term)
	for _, c := range e.under(f, exprs) {
		if c.held {
			out = append(out, c)
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, x := range exprs { // it was asked for before, and remembered
		for _, path := range asked(x) {
			for _, c := range nearest(f, e.byPath[path]) {
				if c.held {
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// under are the rules that some expressions of a frame asked for, also out of bodies within them.
func (e *explainer) under(f *frame, exprs []*ast.Expr) (out []*frame) {
	var walk func(f *frame)
	walk = func(c *frame) {
		if c.rule != nil {
			out = append(out, c)
			return
		}
		for _, cc := range c.children {
			walk(cc)
		}
	}
	for _, c := range f.children {
		for _, x := range exprs {
			if c.at == x {
				walk(c)
				break
			}
		}
	}
	return out
}

// giving are the expressions of a body that give the variables of a term or expression their values, and those of the variables that these
// hang on. A rule's function is followed no further: what it answers is its own.
func giving(body ast.Body, of ast.Node) (out []*ast.Expr) {
	wanted := map[ast.Var]bool{}
	want := func(x ast.Node) {
		ast.WalkVars(x, func(v ast.Var) bool {
			wanted[v] = true
			return false
		})
	}
	want(of)
	taken := make([]bool, len(body))
	for again := true; again; {
		again = false
		for i, x := range body {
			terms, ok := x.Terms.([]*ast.Term)
			if taken[i] || !ok || x.Negated || !gives(x, terms, wanted) {
				continue
			}
			taken[i], again = true, true
			out = append(out, x)
			if op, _ := terms[0].Value.(ast.Ref); x.IsEquality() || !op.HasPrefix(ast.DefaultRootRef) {
				for _, t := range terms[1:] {
					want(t)
				}
			}
		}
	}
	return out
}

// gives tells whether an expression may give one of the variables its value: either side of an equality, the last term of a call.
func gives(x *ast.Expr, terms []*ast.Term, wanted map[ast.Var]bool) bool {
	outputs := terms[len(terms)-1:]
	if x.IsEquality() {
		outputs = terms[1:]
		if _, ok := terms[1].Value.(ast.Var); ok && !takesApart(terms[2]) {
			outputs = terms[1:2] // v = {…} makes it, {…} = v takes it apart
		}
	}
	found := false
	for _, t := range outputs {
		if _, ref := t.Value.(ast.Ref); ref {
			continue // a variable inside a reference is looked up by, not given
		}
		ast.WalkVars(t, func(v ast.Var) bool {
			found = found || wanted[v]
			return found
		})
	}
	return found
}

func takesApart(t *ast.Term) bool {
	switch t.Value.(type) {
	case ast.Object, *ast.Array, ast.Set:
		return false
	}
	return true
}

// asked are the paths under data that an expression names.
func asked(x *ast.Expr) (out []string) {
	ast.WalkRefs(x, func(r ast.Ref) bool {
		if r.HasPrefix(ast.DefaultRootRef) {
			// The rule's path may be shorter than the reference, which goes on into its value.
			for ground := r.GroundPrefix(); len(ground) > 1; ground = ground[:len(ground)-1] {
				out = append(out, ground.String())
			}
		}
		return false
	})
	return out
}

// titles are those of the rules' METADATA, which an else shares with the rule that it belongs to.
func titles(c *ast.Compiler) map[*ast.Rule]string {
	out := map[*ast.Rule]string{}
	for _, m := range c.Modules {
		for _, r := range m.Rules {
			title := ""
			for _, a := range r.Annotations {
				if a.Title != "" {
					title = a.Title
				}
			}
			for e := r; title != "" && e != nil; e = e.Else {
				out[e] = title
			}
		}
	}
	return out
}

func (e *explainer) ruleOf(r *ast.Rule) Rule {
	out := Rule{Name: r.Ref().GroundPrefix().String(), Title: e.titles[r]}
	if l := r.Location; l != nil {
		out.File, out.Line = l.File, l.Row
	}
	return out
}
