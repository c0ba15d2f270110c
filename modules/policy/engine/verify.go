package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
)

// How long the tests of a policy may take: one, and all.
const (
	testTimeout = 5 * time.Second
	allTimeout  = time.Minute
)

// maxFailures bounds how many failed tests an error names.
const maxFailures = 10

// Verify runs the policy's own tests over its own data; one that has none passes. The error names those that fail, by file and line.
func Verify(ctx context.Context, src *Source, opts ...Option) error {
	if len(src.Tests) == 0 {
		return nil
	}
	runner, err := Tests(src, opts...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, allTimeout)
	defer cancel()
	return judge(ctx, runner)
}

// Tests are the policy's own, ready to run. They are compiled neither strictly nor with the schema of the input: these are Compile's to
// hold, and tests may give any input.
func Tests(src *Source, opts ...Option) (r *tester.Runner, err error) {
	defer recovered(&err)
	s, err := newSuite(src, opts)
	if err != nil {
		return nil, err
	}
	return s.runner, nil
}

// suite are a policy's tests and what they run with.
type suite struct {
	*options
	runner   *tester.Runner
	compiler *ast.Compiler // compiles when the runner first runs
	store    storage.Store
}

func newSuite(src *Source, opts []Option) (*suite, error) {
	o, modules, err := parseAll(src, opts)
	if err != nil {
		return nil, err
	}
	store := inmem.NewFromObjectWithOpts(src.Data, inmem.OptRoundTripOnWrite(false))
	compiler := ast.NewCompiler().WithCapabilities(o.capabilities()).WithEnablePrintStatements(true)
	functions := make([]*tester.Builtin, len(o.functions))
	for i, f := range o.functions {
		functions[i] = &tester.Builtin{Decl: f.declaration(), Func: rego.FunctionDyn(&rego.Function{Name: f.Name, Decl: f.Type}, f.Call)}
	}
	runner := tester.NewRunner().SetCompiler(compiler).SetModules(modules).SetStore(store).
		SetTimeout(testTimeout).RaiseBuiltinErrors(true).CapturePrintOutput(false).SetRuntime(o.runtime()).AddCustomBuiltins(functions)
	return &suite{o, runner, compiler, store}, nil
}

// CheckTests compiles the policy's tests with the policy, strictly, and runs none. Errors name file and line.
func CheckTests(src *Source, opts ...Option) error {
	o, modules, err := parseAll(src, opts)
	if err != nil {
		return err
	}
	compiler := ast.NewCompiler().WithStrict(true).WithCapabilities(o.capabilities())
	if compiler.Compile(modules); compiler.Failed() {
		return fmt.Errorf("compiling the policy's tests: %w", compiler.Errors)
	}
	return nil
}

func parseAll(src *Source, opts []Option) (*options, map[string]*ast.Module, error) {
	o, err := gather(opts)
	if err != nil {
		return nil, nil, err
	}
	texts := maps.Clone(src.Modules)
	maps.Copy(texts, src.Tests)
	modules, err := parse(texts, o.capabilities())
	return o, modules, err
}

func judge(ctx context.Context, runner *tester.Runner) error {
	results, err := runner.RunTests(ctx, nil)
	if err != nil {
		return fmt.Errorf("compiling the policy's tests: %w", err)
	}
	ran, failed := 0, []string{}
	for r := range results { // to the end, whatever fails: the runner's goroutines wait for it
		ran++
		switch {
		case r.Error != nil:
			failed = append(failed, fmt.Sprintf("%s: %s: %v", r.Location, r.Name, r.Error))
		case r.Fail:
			failed = append(failed, fmt.Sprintf("%s: %s fails", r.Location, r.Name))
		}
	}
	if ctx.Err() != nil { // what was not run has not passed
		return fmt.Errorf("the policy's tests did not end: %w", ctx.Err())
	}
	if len(failed) == 0 {
		return nil
	}
	slices.Sort(failed)
	more := ""
	if n := len(failed) - maxFailures; n > 0 {
		failed, more = failed[:maxFailures], fmt.Sprintf("\nand %d more", n)
	}
	return errors.New("tests of the policy fail (of " + fmt.Sprint(ran) + "):\n" + strings.Join(failed, "\n") + more)
}
