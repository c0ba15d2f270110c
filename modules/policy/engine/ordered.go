package engine

import (
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
)

// unordered rewrites rules with else, which OPA does not evaluate partially but saves as a whole, into rules that say the same without:
//
//	p := 1 if a else := 2 if b      becomes     p__0_0 if { a; _ := 1 }
//	                                            p := 1 if a
//	                                            p := 2 if { not p__0_0; b }
//
// The modules are copied. What can't be rewritten stays as it is.
func unordered(modules map[string]*ast.Module) map[string]*ast.Module {
	out := make(map[string]*ast.Module, len(modules))
	n := 0
	for name, m := range modules {
		m = m.Copy()
		var rules []*ast.Rule
		for _, r := range m.Rules {
			if r.Else == nil || !renamable(r.Head) {
				rules = append(rules, r)
				continue
			}
			rules = append(rules, unchain(r, n)...)
			n++
		}
		for _, r := range rules {
			r.Module = m
		}
		m.Rules = rules
		out[name] = m
	}
	return out
}

// unchain makes rules of one chain, which is the n-th of all.
func unchain(chain *ast.Rule, n int) []*ast.Rule {
	var rules []*ast.Rule
	var guards []*ast.Expr // that no branch before has an answer
	name := 0
	for branch := chain; branch != nil; {
		next := branch.Else
		if branch != chain {
			branch.Head = headLike(chain.Head, branch.Head)
		}
		branch.Else = nil
		nameArguments(branch, n)
		own := branch.Body.Copy()
		body := make(ast.Body, 0, len(guards)+len(own))
		for _, g := range guards {
			body.Append(g.Copy())
		}
		for _, e := range own {
			body.Append(e)
		}
		if next != nil {
			helper := helperOf(branch, n, name)
			guards = append(guards, negated(helper.Head))
			rules = append(rules, helper)
			name++
		}
		branch.Body = body
		rules = append(rules, branch)
		branch = next
	}
	return rules
}

// renamable tells whether another rule can be named after this one: its name ends in a constant.
func renamable(h *ast.Head) bool {
	if h.Key != nil || len(h.Reference) == 0 {
		return false
	}
	switch h.Reference[len(h.Reference)-1].Value.(type) {
	case ast.Var, ast.String:
		return true
	}
	return false
}

// headLike is the head of a branch behind else: it has the name and the arguments of the first.
func headLike(first, branch *ast.Head) *ast.Head {
	h := first.Copy()
	h.Value, h.Assign = branch.Value, branch.Assign
	return h
}

// nameArguments gives arguments that are only a _ a name, so that they can be passed on.
func nameArguments(r *ast.Rule, n int) {
	for i, a := range r.Head.Args {
		if v, ok := a.Value.(ast.Var); ok && v.IsWildcard() {
			r.Head.Args[i] = ast.VarTerm("argument__" + strconv.Itoa(n) + "_" + strconv.Itoa(i))
		}
	}
}

// helperOf is true where the branch has an answer.
func helperOf(branch *ast.Rule, n, i int) *ast.Rule {
	h := branch.Head.Copy()
	value := h.Value
	h.Value, h.Assign = ast.BooleanTerm(true), false
	last := len(h.Reference) - 1
	suffix := "__" + strconv.Itoa(n) + "_" + strconv.Itoa(i)
	ref := h.Reference.Copy()
	switch v := ref[last].Value.(type) {
	case ast.Var:
		ref[last] = ast.VarTerm(string(v) + suffix)
	case ast.String:
		ref[last] = ast.StringTerm(string(v) + suffix)
	}
	h.SetRef(ref)
	body := branch.Body.Copy()
	if value != nil { // a value that has no answer is a branch without one
		body.Append(ast.Assign.Expr(ast.VarTerm("value"+suffix), value.Copy()))
	}
	return &ast.Rule{Head: h, Body: body, Location: branch.Location}
}

func negated(h *ast.Head) *ast.Expr {
	ref := h.Reference.Copy()
	var e *ast.Expr
	if len(h.Args) == 0 {
		e = ast.NewExpr(ast.NewTerm(ref))
	} else {
		terms := []*ast.Term{ast.NewTerm(ref)}
		for _, a := range h.Args {
			terms = append(terms, a.Copy())
		}
		e = ast.NewExpr(terms)
	}
	return e.Complement()
}
