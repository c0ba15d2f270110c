package engine

import (
	"iter"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/convosphere/gateway/modules/internal/casefold"
)

// What one server calls `admin` another finds under `Admin`, `admin[]` or `admin[0]`, and PHP under ` admin` or, where it is `is_admin`, under `is.admin`. A policy that asks for
// `admin` would take each of these for a request without it.

// askedNames are the names by which a policy asks for parameters.
type askedNames struct{ exact, folded map[string]bool }

func newAskedNames(names map[string]bool) askedNames {
	a := askedNames{names, make(map[string]bool, len(names))}
	for name := range names {
		whole, _ := foldParameter(name)
		a.folded[whole] = true
	}
	return a
}

// alike refuses a name that the policy does not ask for, but that some server takes for one that it does.
func (a askedNames) alike(names iter.Seq[string]) error {
	for name := range names {
		if a.exact[name] {
			continue
		}
		if whole, stem := foldParameter(name); a.folded[whole] || a.folded[stem] {
			return errQueryAlike
		}
	}
	return nil
}

// twins refuses two names of one query that some server takes for one: such that differ in case, `a.b` beside `a_b`, and `a` beside `a[]`.
// `a[x]` beside `a[y]` is not such a pair.
func (q parameters) twins() error {
	if len(q) < 2 || q[0].name == q[len(q)-1].name {
		return nil
	}
	seen := make(map[string]bool, len(q))
	for name := range q.names() {
		whole, _ := foldParameter(name)
		if seen[whole] {
			return errQueryTwins
		}
		seen[whole] = true
	}
	for name := range q.names() {
		if whole, stem := foldParameter(name); whole != stem && seen[stem] {
			return errQueryTwins
		}
	}
	return nil
}

// foldParameter gives what servers may take a name for: as a whole, and without what stands in brackets.
func foldParameter(name string) (whole, stem string) {
	whole = strings.NewReplacer(".", "_", " ", "_").Replace(casefold.Name(strings.Trim(name, " ")))
	stem, inner, bracket := strings.Cut(whole, "[")
	if bracket && !strings.Contains(inner, "]") { // PHP makes an underscore of one that is not closed
		whole = stem + "_" + inner
	}
	return whole, stem
}

// parameter notes by which name a reference asks for a parameter.
func (f *finder) parameter(ref ast.Ref, part reads) {
	if part == readQuery && len(ref) > 3 {
		if name, ok := ref[3].Value.(ast.String); ok {
			if f.parameters != nil {
				f.parameters[string(name)] = true
			}
			return
		}
	}
	f.anyParameter = true
}

// textsOf adds each text in the modules. Where a policy reads the query in other ways than by a name (`q := input.request.query`,
// object.get), any of them may be one that it asks for. It errs on the side of too many; names that come from data it does not know.
func textsOf(modules map[string]*ast.Module, to map[string]bool) {
	operators := map[*ast.Term]bool{}
	var visit func(t *ast.Term) bool
	visit = func(t *ast.Term) bool {
		switch v := t.Value.(type) {
		case ast.String:
			to[string(v)] = true
		case ast.Call:
			operators[v[0]] = true
		case ast.Ref:
			if operators[t] {
				return true
			}
			if !isInput(v[0]) { // of a rule or a variable: it may stand for the query
				return false
			}
			for _, part := range v[1:] {
				if _, constant := part.Value.(ast.String); !constant {
					ast.WalkTerms(part, visit)
				}
			}
			return true
		}
		return false
	}
	for _, m := range modules {
		ast.WalkExprs(m, func(e *ast.Expr) bool {
			if terms, ok := e.Terms.([]*ast.Term); ok {
				operators[terms[0]] = true
			}
			return false
		})
		for _, r := range m.Rules {
			ast.WalkTerms(r, visit)
		}
	}
}
