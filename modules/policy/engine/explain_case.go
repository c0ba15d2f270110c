package engine

import (
	"context"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// ExplainTest runs one of the policy's tests, by its full name (data.gateway_test.test_owner), and says where it did not hold: nothing
// where it passes.
func ExplainTest(ctx context.Context, src *Source, name string, opts ...Option) ([]Attempt, error) {
	if _, err := ast.ParseRef(name); err != nil {
		return nil, nil // the runner's own name for the second of two tests with one name
	}
	s, err := newSuite(src, opts)
	if err != nil {
		return nil, err
	}
	results, err := s.runner.Filter("^$").RunTests(ctx, nil) // compiles as for running, and runs none
	if err != nil {
		return nil, fmt.Errorf("compiling the policy's tests: %w", err)
	}
	for range results { // the runner's goroutines wait for it
	}
	t := newTracer(false)
	query := []func(*rego.Rego){rego.Query(name), rego.Compiler(s.compiler), rego.Store(s.store), rego.Runtime(s.runtime())}
	for _, f := range s.functions {
		query = append(query, rego.FunctionDyn(&rego.Function{Name: f.Name, Decl: f.Type}, f.Call))
	}
	prepared, err := rego.New(query...).PrepareForEval(ctx)
	if err != nil {
		return nil, fmt.Errorf("preparing the test: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	// Without the index each rule is tried. An error is the test's: what was tried until then is told.
	_, _ = prepared.Eval(ctx, rego.EvalQueryTracer(t), rego.EvalRuleIndexing(false))
	e := explainer{tracer: t, names: s.compiler.RewrittenVars, titles: titles(s.compiler), seen: map[*frame]bool{}}
	budget := mostTried
	return e.attempts(t.byPath[name], false, &budget), nil
}
