package engine

import (
	"context"
	"fmt"
	"io"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/print"

	"github.com/convosphere/gateway/modules/policy/classify"
)

// program is a compiled policy without data. It never changes: snapshots with other data share it.
type program struct {
	text         map[string]string // the modules, as they were written
	compiler     *ast.Compiler     // of all modules but those below `system`
	system       *ast.Compiler     // of all modules, without the schema of the input; nil where none is below `system`
	masks        *prepared         // what of an input must not be logged; nil: the policy does not say
	hidesResults bool              // what of a result must not be, too
	reads        reads             // what of the input the first looks at
	asked        askedNames        // which parameters of queries it looks at
	decision     *prepared         // what asks the first
	terms        terms             // of what comes again and again in inputs
	functions    map[string]*topdown.Builtin
	runtime      *ast.Term
	waits        bool // it may wait for the network
	steady       bool // what it decides may be remembered, as far as the modules tell
	partial      partialProgram
	constants    []constant // rules that the data alone decide
}

// Snapshot is a compiled policy with its data. It never changes, so evaluations share it without a lock; what it has decided it
// remembers.
type Snapshot struct {
	*program
	Revision string
	store    storage.Store
	data     topdown.BaseCache   // the same data
	read     storage.Transaction // one read transaction for all: nobody ever writes to this store
	memory   *memory             // decisions made before; nil: not to be remembered
	lists    lists               // what is known of questions about lists

	constants *constants      // values of rules that the data alone decide
	fields    *classify.Table // what the data say of fields
}

// snapshot is the program over data, which the caller must not change any more. Nothing is compiled.
func (p *program) snapshot(ctx context.Context, data map[string]any) (*Snapshot, error) {
	digest := newDigest(p.text)
	object, err := readData(digest, data)
	if err != nil {
		return nil, err
	}
	return p.over(ctx, object, digest.String())
}

// over is the program over data that is read.
func (p *program) over(ctx context.Context, data ast.Object, revision string) (*Snapshot, error) {
	if errs := ast.CheckPathConflicts(p.compiler, func(path []string) (bool, error) { return holds(data, path), nil }); len(errs) > 0 {
		return nil, fmt.Errorf("reading the policy's data: %w", errs)
	}
	store := inmem.NewFromASTObject(data) // reads are AST values: nothing is converted in a decision
	read, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening the policy's data: %w", err)
	}
	s := &Snapshot{program: p, Revision: revision, store: store, data: baseData{data}, read: read}
	if p.steady {
		s.memory = newMemory()
	}
	s.constants = s.findConstants(ctx)
	if s.fields, err = classify.New(s.plain("fields"), s.plain("classifications")); err != nil {
		return nil, fmt.Errorf("reading the policy's data: %w", err)
	}
	return s, nil
}

// Fields is what the data say of the fields of requests, answers and messages.
func (s *Snapshot) Fields() *classify.Table { return s.fields }

// plain is a member of the data, nil where there is none.
func (s *Snapshot) plain(name string) any {
	v, ok := s.Data().At([]string{name})
	if !ok {
		return nil
	}
	return v.Plain()
}

// holds tells whether data has something at path.
func holds(data ast.Object, path []string) bool {
	var at ast.Value = data
	for _, p := range path {
		object, ok := at.(ast.Object)
		if !ok {
			return false
		}
		below := object.Get(ast.StringTerm(p))
		if below == nil {
			return false
		}
		at = below.Value
	}
	return true
}

// silent swallows what print() in a policy says: its arguments come from the input.
type silent struct{ io.Writer }

func (silent) Print(print.Context, string) error { return nil }
