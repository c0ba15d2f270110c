package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/types"

	"github.com/convosphere/gateway/policies"
)

func tested(test string) *Source {
	return &Source{
		Modules: map[string]string{"a.rego": "package gateway\n\ndecision := {\"allow\": data.open}"},
		Tests:   map[string]string{"a_test.rego": "package gateway_test\n\nimport data.gateway\n\n" + test},
		Data:    map[string]any{"open": true},
	}
}

func TestVerify(t *testing.T) {
	ctx := context.Background()
	src, err := Load(policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	for name, good := range map[string]*Source{
		"shipped":  src,
		"no tests": {Modules: tested("").Modules},
		"passes":   tested(`test_open if gateway.decision.allow with input as {"any": "thing"}`),
		"to do":    tested(`todo_test_later if false`),
	} {
		if err := Verify(ctx, good); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct{ test, want string }{
		"fails":            {`test_open if not gateway.decision.allow`, "a_test.rego:5: test_open fails"},
		"second of a name": {"test_open if gateway.decision.allow\n\ntest_open if not gateway.decision.allow", "a_test.rego:7: test_open"},
		"a case fails":     {"test_each[n] if {\n\tsome n, v in {\"good\": true, \"bad\": false}\n\tgateway.decision.allow == v\n}", "test_each"},
		"an error":         {`test_open if to_number(sprintf("%s", [gateway.decision.allow])) == 1`, "a_test.rego:5: test_open"},
		"syntax":           {`test_open if {`, "a_test.rego"},
		"unknown":          {`test_open if gateway.nothing(1)`, "a_test.rego:5"},
		"network":          {`test_open if http.send({"method": "GET", "url": "http://192.0.2.1"})`, "a_test.rego:5"},
	} {
		if err := Verify(ctx, tested(c.test)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVerifyNamesSomeOfManyFailures(t *testing.T) {
	var tests strings.Builder
	for i := range 50 {
		fmt.Fprintf(&tests, "test_%d if not gateway.decision.allow\n\n", i)
	}
	err := Verify(context.Background(), tested(tests.String()))
	if err == nil || strings.Count(err.Error(), " fails") != maxFailures || !strings.Contains(err.Error(), "and 40 more") {
		t.Fatal(err)
	}
}

// OPA panics at some values, and its own runner recovers from nothing: the test fails, and the process lives. So do the other tests.
func TestVerifyOutlivesAPanic(t *testing.T) {
	panics := Function{Name: "gateway.panics", Type: types.NewFunction(types.Args(types.N), types.B), Steady: true, Call: func(topdown.BuiltinContext, []*ast.Term) (*ast.Term, error) {
		panic("illegal value")
	}}
	for name, test := range map[string]string{
		"a test": "test_it if gateway.panics(1)",
		"a case": "test_it[n] if {\n\tsome n in [\"a\", \"b\"]\n\tgateway.panics(1)\n}",
	} {
		src := tested(test + "\n\ntest_beside if data.open == 1")
		src.Modules["b.rego"] = "package gateway\n\npanics(n) := gateway.panics(n)\n"
		err := Verify(context.Background(), src, WithFunctions(panics))
		if err == nil || !strings.Contains(err.Error(), "a_test.rego:5: test_it: the policy engine panicked: illegal value") || !strings.Contains(err.Error(), "test_beside fails") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Tests that were not run have not passed.
func TestVerifyThatIsCutShortRefuses(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Verify(ctx, tested(`test_open if gateway.decision.allow`)); err == nil {
		t.Fatal("passes")
	}
}

func twice(result *ast.Term, err error, steady bool) Function {
	return Function{
		Name: "gateway.twice", Type: types.NewFunction(types.Args(types.N), types.N), Steady: steady,
		Call: func(_ topdown.BuiltinContext, args []*ast.Term) (*ast.Term, error) { return result, err },
	}
}

func TestFunctionsOfOurs(t *testing.T) {
	ctx := context.Background()
	src := &Source{Modules: map[string]string{"a.rego": "package gateway\n\ndecision := {\"allow\": gateway.twice(2) == 4}"}}
	if _, err := Compile(ctx, src); err == nil {
		t.Fatal("an unknown function compiles")
	}
	for name, c := range map[string]struct {
		f       Function
		allow   bool
		failure Failure
		steady  bool
	}{
		"steady":    {twice(ast.NumberTerm("4"), nil, true), true, None, true},
		"unsteady":  {twice(ast.NumberTerm("4"), nil, false), true, None, false},
		"other":     {twice(ast.NumberTerm("5"), nil, true), false, None, true},
		"fails":     {twice(nil, fmt.Errorf("no"), true), false, Failed, false},
		"no result": {twice(nil, nil, false), false, Failed, false},
	} {
		s, err := Compile(ctx, src, WithFunctions(c.f))
		if err != nil {
			t.Fatal(err)
		}
		d, err := s.Evaluate(ctx, messagePost().Value(), Options{})
		if d.Allow != c.allow || d.Failure != c.failure || d.Steady != c.steady || (err != nil) != (c.failure != None) {
			t.Errorf("%s: %+v %v", name, d, err)
		}
	}
	src.Tests = map[string]string{"a_test.rego": "package gateway_test\n\ntest_it if data.gateway.decision.allow\n\ntest_mock if not data.gateway.decision.allow with gateway.twice as 5"}
	if err := Verify(ctx, src, WithFunctions(twice(ast.NumberTerm("4"), nil, true))); err != nil {
		t.Fatal(err)
	}
}
