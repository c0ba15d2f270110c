package engine

import (
	"context"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A rule that reads neither the input nor the clock says the same as long as the data are the same: its value is found once, when a
// snapshot is made, and decisions look it up. So a policy may make tables of its data without paying for them in each decision.

// maxConstants and constantsTime bound what is found beforehand. What is left out costs nothing but time in decisions: there it is
// evaluated as any other rule.
const (
	maxConstants  = 256
	constantsTime = time.Second
)

// constant is such a rule: a complete one or an object by its keys, without `else` or several bodies that could contradict each other.
type constant struct {
	ref   ast.Ref
	query *prepared
}

// constantRules finds them in a compiled policy, in the order of their names.
func constantRules(c *ast.Compiler, functions map[string]bool) (found []constant, err error) {
	f := constantFinder{compiler: c, functions: functions, known: map[*ast.Rule]bool{}}
	for _, r := range sortedRules(c) {
		ref := r.Ref().GroundPrefix()
		alone := c.GetRulesExact(ref)
		if r.Default || r.Else != nil || len(r.Head.Args) > 0 || r.Head.RuleKind() != ast.SingleValue ||
			len(alone) != 1 || !f.looksUp(r) || !f.constant(r) {
			continue
		}
		query, err := prepare(c, ref.String())
		if err != nil {
			return nil, err
		}
		if found = append(found, constant{ref, query}); len(found) == maxConstants {
			break
		}
	}
	return found, nil
}

func sortedRules(c *ast.Compiler) (rules []*ast.Rule) {
	for _, m := range c.Modules {
		rules = append(rules, m.Rules...)
	}
	slices.SortStableFunc(rules, func(a, b *ast.Rule) int { return a.Ref().Compare(b.Ref()) })
	return rules
}

type constantFinder struct {
	compiler  *ast.Compiler
	functions map[string]bool // built-in functions that give the same for the same
	known     map[*ast.Rule]bool
}

// looksUp tells whether the rule does more than name a value, which costs nothing.
func (f *constantFinder) looksUp(r *ast.Rule) (yes bool) {
	ast.WalkRefs(r, func(ref ast.Ref) bool {
		yes = yes || ref.HasPrefix(ast.DefaultRootRef)
		return yes
	})
	return yes
}

// constant tells whether neither the rule nor any that it may lead to reads what can change. It errs on the side of what can.
func (f *constantFinder) constant(r *ast.Rule) bool {
	if known, ok := f.known[r]; ok {
		return known
	}
	yes := true
	ast.WalkTerms(r, func(t *ast.Term) bool {
		switch v := t.Value.(type) {
		case ast.Var:
			yes = yes && !isInput(t)
		case ast.Ref:
			yes = yes && f.constantRef(v)
		}
		return !yes
	})
	f.known[r] = yes
	return yes
}

func (f *constantFinder) constantRef(ref ast.Ref) bool {
	switch {
	case isInput(ref[0]):
		return false
	case ref[0].Equal(ast.DefaultRootDocument):
		for _, r := range f.compiler.GetRulesDynamicWithOpts(ref, ast.RulesOptions{IncludeHiddenModules: true}) {
			if !f.constant(r) {
				return false
			}
		}
		return true
	}
	if steady, builtin := f.functions[ref.String()]; builtin {
		return steady
	}
	return true // of a variable
}

// steadyFunctions tells of each built-in function whether it gives the same for the same arguments.
func steadyFunctions(caps *ast.Capabilities) map[string]bool {
	m := make(map[string]bool, len(caps.Builtins))
	for _, b := range caps.Builtins {
		m[b.Name] = !b.Nondeterministic && !slices.Contains(silentClocks, b.Name)
	}
	return m
}

// constants are the values of such rules, over the data of one snapshot.
type constants struct {
	frame ruleFrame
}

// findConstants evaluates them. One that has no value, fails or takes long is left to the decisions, which say so.
func (s *Snapshot) findConstants(ctx context.Context) *constants {
	found := &constants{}
	end := time.Now().Add(constantsTime)
	for _, c := range s.program.constants {
		left := time.Until(end)
		if left <= 0 {
			break
		}
		values, err := s.run(ctx, c.query, ast.NewObject(), nil, Options{Timeout: left, Now: time.Unix(0, 0)})
		if err == nil && len(values) == 1 {
			found.frame.add(c.ref, hashOf(c.ref)).value = ast.NewTerm(values[0])
		}
	}
	return found
}

func (c *constants) get(ref ast.Ref, hash int) *ast.Term {
	if c == nil {
		return nil
	}
	if e := c.frame.find(ref, hash); e != nil {
		return e.value
	}
	return nil
}
