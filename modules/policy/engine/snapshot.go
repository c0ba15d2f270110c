package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown/print"
)

// query is what every policy must define.
const query = "data.gateway.decision"

// A policy reaches nothing outside: no network, no names, no environment. A module that uses one of these does not compile.
var forbidden = []string{"http.send", "net.lookup_ip_addr", "opa.runtime"}

// capabilities are OPA's without what is forbidden.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool { return slices.Contains(forbidden, b.Name) })
	c.AllowNet = []string{} // not nil: that would allow all
	return c
}

// Snapshot is a compiled policy with its data. It never changes, so evaluations share it without a lock; what it has decided it
// remembers.
type Snapshot struct {
	Revision string
	query    rego.PreparedEvalQuery
	read     storage.Transaction // one read transaction for all: nobody ever writes to this store
	memory   *memory             // decisions made before; nil: not to be remembered
}

// Compile parses, checks (strictly) and prepares a policy. Errors name file and line.
func Compile(ctx context.Context, src *Source) (*Snapshot, error) {
	revision, err := src.Revision()
	if err != nil {
		return nil, err
	}
	caps := capabilities()
	modules := map[string]*ast.Module{}
	for name, text := range src.Modules {
		m, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{RegoVersion: ast.RegoV1, ProcessAnnotation: true, Capabilities: caps})
		if err != nil {
			return nil, fmt.Errorf("parsing the policy: %w", err)
		}
		modules[name] = m
	}
	compiler := ast.NewCompiler().WithStrict(true).WithCapabilities(caps)
	if compiler.Compile(modules); compiler.Failed() {
		return nil, fmt.Errorf("compiling the policy: %w", compiler.Errors)
	}
	if len(compiler.GetRulesExact(ast.MustParseRef(query))) == 0 {
		return nil, errors.New("compiling the policy: no rule defines " + query)
	}
	data, err := ast.InterfaceToValue(src.Data)
	if err != nil {
		return nil, fmt.Errorf("reading the policy's data: %w", err)
	}
	object, ok := data.(ast.Object)
	if !ok {
		return nil, errors.New("reading the policy's data: it is no object")
	}
	store := inmem.NewFromASTObject(object) // reads are AST values: nothing is converted in a decision
	read, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening the policy's data: %w", err)
	}
	prepared, err := rego.New(
		rego.Query(query),
		rego.Compiler(compiler),
		rego.Store(store),
		rego.StrictBuiltinErrors(true),
		rego.GenerateJSON(func(t *ast.Term, _ *rego.EvalContext) (any, error) { return t.Value, nil }),
	).PrepareForEval(ctx)
	if err != nil {
		return nil, fmt.Errorf("preparing the policy: %w", err)
	}
	return &Snapshot{Revision: revision, query: prepared, read: read, memory: newMemory(modules)}, nil
}

// silent swallows what print() in a policy says: its arguments come from the input.
type silent struct{ io.Writer }

func (silent) Print(print.Context, string) error { return nil }
