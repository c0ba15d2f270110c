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
	ctx, cancel := context.WithTimeout(ctx, allTimeout)
	defer cancel()
	results, err := RunTests(ctx, src, TestRun{}, opts...)
	if err != nil {
		return err
	}
	return judge(results)
}

// Probe is the question that a policy is asked before it is put in force.
func Probe() ast.Value {
	in := &Input{Method: "GET", Path: "/", Permission: "app:read"}
	return in.Value()
}

// Answers refuses a policy whose answers are malformed: it would lock everybody out. One that is undefined may mean it.
func (s *Snapshot) Answers(ctx context.Context) error {
	if d, err := s.Evaluate(ctx, Probe(), Options{Now: time.Now()}); d.Failure == Malformed {
		return err
	}
	return nil
}

// suite are a policy's tests, compiled, and what they run with.
type suite struct {
	*options
	compiler *ast.Compiler
	store    storage.Store
}

// newSuite compiles the tests with the policy, neither strictly nor with the schema of the input: these are Compile's to hold, and tests
// may give any input.
func newSuite(ctx context.Context, src *Source, opts []Option) (s *suite, err error) {
	defer recovered(&err)
	o, modules, err := parseAll(src, opts)
	if err != nil {
		return nil, err
	}
	s = &suite{
		options:  o,
		compiler: ast.NewCompiler().WithCapabilities(o.capabilities()).WithEnablePrintStatements(true),
		store:    inmem.NewFromObjectWithOpts(src.Data, inmem.OptRoundTripOnWrite(false)),
	}
	// OPA's runner compiles as for running, names the second of two tests of one name, marks where a case begins; and runs none.
	none, err := tester.NewRunner().SetCompiler(s.compiler).SetModules(modules).SetStore(s.store).Filter("^$").RunTests(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("compiling the policy's tests: %w", err)
	}
	for range none { // its goroutines wait for it
	}
	return s, nil
}

// prepare is a query ready to be evaluated as tests are.
func (s *suite) prepare(ctx context.Context, query string, how ...func(*rego.Rego)) (rego.PreparedEvalQuery, error) {
	how = append(how, rego.Query(query), rego.Compiler(s.compiler), rego.Store(s.store), rego.Runtime(s.runtime()))
	for _, f := range s.functions {
		how = append(how, rego.FunctionDyn(&rego.Function{Name: f.Name, Decl: f.Type}, f.Call))
	}
	prepared, err := rego.New(how...).PrepareForEval(ast.WithCompiler(ctx, s.compiler))
	if err != nil {
		return prepared, fmt.Errorf("preparing the test: %w", err)
	}
	return prepared, nil
}

// CheckTests compiles the policy's tests with the policy, strictly, and runs none. Errors name file and line.
func CheckTests(src *Source, opts ...Option) (err error) {
	defer recovered(&err)
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

func judge(results []*tester.Result) error {
	failed := []string{}
	for _, r := range results {
		switch {
		case r.Error != nil:
			failed = append(failed, fmt.Sprintf("%s: %s: %v", r.Location, r.Name, r.Error))
		case r.Fail:
			failed = append(failed, fmt.Sprintf("%s: %s fails", r.Location, r.Name))
		}
	}
	if len(failed) == 0 {
		return nil
	}
	slices.Sort(failed)
	more := ""
	if n := len(failed) - maxFailures; n > 0 {
		failed, more = failed[:maxFailures], fmt.Sprintf("\nand %d more", n)
	}
	return errors.New("tests of the policy fail (of " + fmt.Sprint(len(results)) + "):\n" + strings.Join(failed, "\n") + more)
}
