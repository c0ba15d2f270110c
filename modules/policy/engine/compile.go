package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// query is what every policy must define, and result the variable that its value is bound to.
const (
	query  = "data.gateway.decision"
	result = ast.Var("decision")
)

// Compile parses, checks (strictly, and `input` against Schema) and prepares a policy. Errors name file and line. It does not
// run the policy's own tests: Verify does.
func Compile(ctx context.Context, src *Source, opts ...Option) (s *Snapshot, err error) {
	defer recovered(&err)
	o, err := gather(opts)
	if err != nil {
		return nil, err
	}
	caps := o.capabilities()
	modules, err := parse(src.Modules, caps)
	if err != nil {
		return nil, err
	}
	p, err := newProgram(modules, caps)
	if err != nil {
		return nil, err
	}
	p.text, p.functions, p.runtime = src.Modules, o.builtins(), o.runtime()
	p.waits = len(o.allow) > 0
	p.steady = !p.waits && !readsClockInSilence(modules)
	return p.snapshot(ctx, src.Data)
}

// recovered makes an error of a panic of OPA's: a policy that comes from outside must not end the gateway.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the policy engine panicked: %v", r)
	}
}

func guarded(f func() error) (err error) {
	defer recovered(&err)
	return f()
}

func parse(texts map[string]string, caps *ast.Capabilities) (map[string]*ast.Module, error) {
	modules := make(map[string]*ast.Module, len(texts))
	for name, text := range texts {
		m, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{RegoVersion: ast.RegoV1, ProcessAnnotation: true, Capabilities: caps})
		if err != nil {
			return nil, fmt.Errorf("parsing the policy: %w", err)
		}
		modules[name] = m
	}
	return modules, nil
}

// newProgram makes the program that decides, and, where there are packages below `system`, the one for them. These are not asked
// for decisions and have an `input` of their own, as OPA has it (system.log masks the decision log): the schema is not theirs.
func newProgram(modules map[string]*ast.Module, caps *ast.Capabilities) (*program, error) {
	set, err := schemas()
	if err != nil {
		return nil, err
	}
	deciding := make(map[string]*ast.Module, len(modules))
	for name, m := range modules {
		if !isSystem(m) {
			deciding[name] = m
		}
	}
	p := &program{compiler: ast.NewCompiler().WithStrict(true).WithCapabilities(caps).WithSchemas(set)}
	if p.compiler.Compile(deciding); p.compiler.Failed() {
		return nil, fmt.Errorf("compiling the policy: %w", p.compiler.Errors)
	}
	if len(p.compiler.GetRulesExact(ast.MustParseRef(query))) == 0 {
		return nil, errors.New("compiling the policy: no rule defines " + query)
	}
	if len(deciding) < len(modules) {
		p.system = ast.NewCompiler().WithStrict(true).WithCapabilities(caps)
		if p.system.Compile(modules); p.system.Failed() {
			return nil, fmt.Errorf("compiling the policy: %w", p.system.Errors)
		}
		if p.masks, err = newMaskQuery(p.system); err != nil {
			return nil, err
		}
		p.hidesResults = p.masks != nil && hidesResults(p.system)
	}
	p.reads, p.asked = readsOf(p.compiler.Modules)
	p.partial.modules = deciding
	if p.decision, err = prepare(p.compiler, query); err != nil {
		return nil, err
	}
	if p.constants, err = constantRules(p.compiler, steadyFunctions(caps)); err != nil {
		return nil, err
	}
	return p, nil
}

// prepared asks a compiled policy for what is at a path.
type prepared struct {
	compiler *ast.Compiler
	query    ast.Body
	queries  ast.QueryCompiler
}

func prepare(c *ast.Compiler, path string) (*prepared, error) {
	p := &prepared{compiler: c, queries: c.QueryCompiler()}
	var err error
	if p.query, err = p.queries.Compile(ast.MustParseBody(string(result) + " = " + path)); err != nil {
		return nil, fmt.Errorf("preparing %s: %w", path, err)
	}
	return p, nil
}

func isSystem(m *ast.Module) bool {
	p := m.Package.Path
	return len(p) > 1 && p[1].Value.Compare(ast.String("system")) == 0
}
