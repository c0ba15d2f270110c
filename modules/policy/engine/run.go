package engine

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// TestRun says which of a policy's tests are run, and what sees it.
type TestRun struct {
	Only   *regexp.Regexp      // by full name, as data.gateway_test.test_owner; nil: all
	Tracer topdown.QueryTracer // nil: none. It must bear several tests at a time
}

// RunTests runs the policy's own tests. An error says that they do not compile, or were not all run. OPA's own runner compiles them, and
// does not run them: it runs each in a goroutine that recovers from nothing, and a number that OPA's arithmetic panics at would end the
// gateway. Here such a test has an error.
func RunTests(ctx context.Context, src *Source, how TestRun, opts ...Option) (results []*tester.Result, err error) {
	s, err := newSuite(ctx, src, opts)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var running sync.WaitGroup
	tests := make(chan testRule)
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for t := range tests {
				r := s.run(ctx, t, how.Tracer)
				mu.Lock()
				results = append(results, r)
				mu.Unlock()
			}
		})
	}
	for _, t := range s.tests(how.Only) {
		if ctx.Err() != nil {
			break
		}
		tests <- t
	}
	close(tests)
	running.Wait()
	if ctx.Err() != nil { // what was not run has not passed
		return nil, fmt.Errorf("the policy's tests did not end: %w", ctx.Err())
	}
	return results, nil
}

// testRule is a rule that is a test: data.gateway_test.test_owner, or one that is left out, named todo_test_….
type testRule struct {
	rule *ast.Rule
	ref  ast.Ref // in its package; it ends with the name of the test, what follows names its cases
	todo bool
}

// tests are those that are compiled, by their files.
func (s *suite) tests(only *regexp.Regexp) (list []testRule) {
	for _, file := range slices.Sorted(maps.Keys(s.compiler.Modules)) {
		for _, rule := range s.compiler.Modules[file].Rules {
			t, ok := asTest(rule)
			if ok && (only == nil || only.MatchString(t.path().String())) {
				list = append(list, t)
			}
		}
	}
	return list
}

func asTest(rule *ast.Rule) (testRule, bool) {
	ground := rule.Head.Ref().GroundPrefix()
	for i, term := range ground {
		var name string
		switch v := term.Value.(type) {
		case ast.Var:
			name = string(v)
		case ast.String:
			name = string(v)
		}
		todo := strings.HasPrefix(name, tester.SkipTestPrefix)
		if todo || strings.HasPrefix(name, tester.TestPrefix) {
			return testRule{rule, ground[:i+1], todo}, true
		}
	}
	return testRule{}, false
}

func (t testRule) path() ast.Ref { return t.rule.Module.Package.Path.Extend(t.ref) }

// run runs one test. Whatever happens in it is its result.
func (s *suite) run(ctx context.Context, t testRule, tracer topdown.QueryTracer) (r *tester.Result) {
	r = &tester.Result{Location: t.rule.Loc(), Package: t.rule.Module.Package.Path.String(), Name: t.ref.String()}
	if r.Skip = t.todo; t.todo {
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	began := time.Now()
	defer func() { r.Duration = time.Since(began) }()
	defer recovered(&r.Error)
	var printed bytes.Buffer
	defer func() { r.Output = printed.Bytes() }()
	var failed []topdown.Error // of built-in functions, which OPA takes for undefined
	query, err := s.prepare(ctx, t.path().String(), rego.PrintHook(topdown.NewPrintHook(&printed)), rego.BuiltinErrorList(&failed))
	if err != nil {
		r.Error = err
		return r
	}
	cases := tester.NewTestQueryTracer()
	eval := []rego.EvalOption{}
	if t.inCases() {
		eval = append(eval, rego.EvalQueryTracer(cases))
	}
	if tracer != nil {
		eval = append(eval, rego.EvalQueryTracer(tracer))
	}
	found, err := query.Eval(ctx, eval...)
	switch {
	case err != nil:
		r.Error = err
	case len(failed) == 1:
		r.Error = &failed[0]
	case len(failed) > 1:
		r.Error = fmt.Errorf("%v", failed)
	case len(found) == 0:
		r.Fail = true
	case t.inCases():
		r.Fail, r.SubResults = caseResults(found[0].Expressions[0].Value, cases.Events())
	default:
		holds, ok := found[0].Expressions[0].Value.(bool)
		r.Fail = !ok || !holds
	}
	return r
}

// inCases tells whether the test has a result for each of its cases: test_each[name] if …
func (t testRule) inCases() bool { return t.rule.Head.DocKind() == ast.PartialObjectDoc }

// caseResults are those of the cases: true where one holds. One that was begun and has no result does not hold.
func caseResults(value any, begun []*topdown.Event) (fail bool, results tester.SubResultMap) {
	results = tester.SubResultMap{}
	members, ok := value.(map[string]any)
	if !ok {
		return true, results
	}
	for name, v := range members {
		r := &tester.SubResult{Name: name}
		switch v := v.(type) {
		case bool:
			r.Fail = !v
		case map[string]any:
			r.Fail, r.SubResults = caseResults(v, nil)
		default:
			r.Fail = true
		}
		results[name] = r
		fail = fail || r.Fail
	}
	for _, e := range begun {
		x, ok := e.Node.(*ast.Expr)
		if !ok {
			continue
		}
		if names, ok := x.Operand(0).Value.(*ast.Array); ok && results.Update(*names, nil) {
			fail = true
		}
	}
	return fail, results
}
