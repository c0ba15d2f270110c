package engine

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// ExplainTest runs one of the policy's tests, by its full name (data.gateway_test.test_owner), and says where it did not hold: nothing
// where it passes.
func ExplainTest(ctx context.Context, src *Source, name string, opts ...Option) (tried []Attempt, err error) {
	defer recovered(&err)
	if _, err := ast.ParseRef(name); err != nil {
		return nil, nil // the runner's own name for the second of two tests with one name
	}
	s, err := newSuite(ctx, src, opts)
	if err != nil {
		return nil, err
	}
	prepared, err := s.prepare(ctx, name)
	if err != nil {
		return nil, err
	}
	t := newTracer(false)
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	// Without the index each rule is tried. An error, or a panic, is the test's: what was tried until then is told.
	_ = guarded(func() error {
		_, err := prepared.Eval(ctx, rego.EvalQueryTracer(t), rego.EvalRuleIndexing(false))
		return err
	})
	e := explainer{tracer: t, names: s.compiler.RewrittenVars, titles: titles(s.compiler), seen: map[*frame]bool{}}
	budget := mostTried
	return e.attempts(t.byPath[name], false, &budget), nil
}
