package engine

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// mostTried bounds the attempts of one explanation.
const mostTried = 500

// tries are the rules that would have allowed: the tries of the decision that did not hold, and of what it takes its allow from.
func (e *explainer) tries(root *frame) []Attempt {
	e.seen = map[*frame]bool{}
	paths := []string{query}
	if root != nil {
		e.rules, e.decided = nil, nil
		e.descend(root, kAllow)
		e.seen = map[*frame]bool{}
		for _, r := range e.rules {
			if !slices.Contains(paths, r.Name) {
				paths = append(paths, r.Name)
			}
		}
	}
	var roots []*frame
	for _, path := range paths {
		for _, f := range e.byPath[path] {
			// One that says "false" would not have allowed either.
			if term := answer(f.rule, kAllow); term == nil || !term.Equal(ast.InternedTerm(false)) {
				roots = append(roots, f)
			}
		}
	}
	budget := mostTried
	return e.attempts(roots, false, &budget)
}

// attempts tells of the rules that did not hold or, under a negation, of those that did.
func (e *explainer) attempts(frames []*frame, negated bool, budget *int) (out []Attempt) {
	for _, f := range frames {
		if e.seen[f] || f.held != negated || !negated && f.failed == nil { // without a failed expression, the arguments did not fit
			continue
		}
		if *budget--; *budget < 0 {
			return out
		}
		e.seen[f] = true
		a := Attempt{Rule: e.ruleOf(f.rule), Held: negated}
		if !negated {
			a.Failed = e.failed(f)
			a.Tried = e.attempts(e.below(f), f.failed.Negated || isNot(f.failed), budget)
		}
		out = append(out, a)
	}
	return out
}

func isNot(x *ast.Expr) bool {
	_, ok := x.Terms.(*ast.Not)
	return ok
}

// below are the rules that the failed expression of f hangs on: it asked for them, or they gave the values it looks at.
func (e *explainer) below(f *frame) []*frame {
	exprs := append([]*ast.Expr{f.failed}, giving(f.rule.Body, f.failed)...)
	if out := e.under(f, exprs); len(out) > 0 {
		return out
	}
	var out []*frame
	for _, x := range exprs {
		for _, path := range asked(x) {
			out = append(out, nearest(f, e.byPath[path])...)
		}
	}
	return out
}

// nearest are those of the frames that share the innermost caller with f: in a loop, those of its own round.
func nearest(f *frame, frames []*frame) (out []*frame) {
	depth := map[*frame]int{}
	for a := f; a != nil; a = a.parent {
		depth[a] = len(depth)
	}
	best := len(depth)
	for _, c := range frames {
		a := c
		for a != nil {
			if _, shared := depth[a]; shared {
				break
			}
			a = a.parent
		}
		d := len(depth)
		if a != nil {
			d = depth[a]
		}
		switch {
		case d < best:
			best, out = d, []*frame{c}
		case d == best:
			out = append(out, c)
		}
	}
	return out
}

func (e *explainer) failed(f *frame) *Missed {
	x := f.failed
	out := &Missed{Expression: source(x), First: true}
	if l := x.Location; l != nil {
		out.File, out.Line = l.File, l.Row
	}
	for _, b := range f.rule.Body[:min(x.Index, len(f.rule.Body))] {
		// The compiler takes an expression apart: its parts stand on its line.
		out.First = out.First && (b.Location == nil || b.Location.Row == out.Line)
	}
	seen := map[string]bool{}
	for _, b := range append([]*ast.Expr{x}, giving(f.rule.Body, x)...) {
		out.Values = append(out.Values, values(b, f.input, seen)...)
	}
	for _, v := range f.locals {
		if own, ok := e.names[ast.Var(v.Name)]; ok && !strings.HasPrefix(string(own), ast.LocalVarPrefix) {
			out.Values = append(out.Values, Value{string(own), v.Value})
		}
	}
	return out
}

// source is the expression as it is written, on one line.
func source(x *ast.Expr) string {
	if x.Location != nil && len(x.Location.Text) > 0 {
		return cutValue(strings.Join(strings.Fields(string(x.Location.Text)), " "))
	}
	return cutValue(x.String())
}

// values are what the expression sees of the input.
func values(x *ast.Expr, input *ast.Term, seen map[string]bool) (out []Value) {
	ast.WalkRefs(x, func(r ast.Ref) bool {
		if !r.HasPrefix(ast.InputRootRef) {
			return false
		}
		ground := r.GroundPrefix()
		name := ground.String()
		if len(ground) == 1 || seen[name] { // all of it is no answer
			return false
		}
		seen[name] = true
		value := "undefined"
		if input != nil {
			if v, err := input.Value.Find(ground[1:]); err == nil {
				value = cutValue(v.String())
			}
		}
		out = append(out, Value{name, value})
		return false
	})
	return out
}
