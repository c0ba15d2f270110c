package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
)

// ofElement is what differs from element to element of a list.
var ofElement = readResourceID | inParent | readTarget | readResourceGrants | readParentGrants

// unknown names the same for partial evaluation.
var unknown = []*ast.Term{
	ast.MustParseTerm("input.resource.id"), ast.MustParseTerm("input.parent"), ast.MustParseTerm("input.target"),
	ast.MustParseTerm("input.grants.resource"), ast.MustParseTerm("input.grants.parent"),
}

// partialProgram is the policy compiled for partial evaluation, the first time that a list is long: in rules without else. Snapshots of a program share it.
type partialProgram struct {
	once     sync.Once
	turn     sync.Mutex             // held while it is evaluated, which writes to it
	modules  map[string]*ast.Module // as they were parsed
	decision *prepared
	err      error
}

// lists is what was found out about questions. It need not be right for everybody: Filter looks at what its decisions read.
type lists struct {
	mu    sync.Mutex
	known map[listKey]reads
}

// listKey tells questions apart, roughly. What it is made of comes from configuration.
type listKey struct{ permission, classification, fields, kind string }

// The rules that partial evaluation makes stand in a package of this name, and what was found out is bounded.
const (
	namespace = "partial__"
	maxLists  = 1024
)

var errNamespace = errors.New("the policy has a package of the name " + namespace)

func (p *partialProgram) compile(caps *ast.Capabilities) (err error) {
	defer recovered(&err)
	for _, m := range p.modules {
		if len(m.Package.Path) > 1 && m.Package.Path[1].Equal(ast.StringTerm(namespace)) {
			return errNamespace
		}
	}
	c := ast.NewCompiler().WithCapabilities(caps)
	if c.Compile(unordered(p.modules)); c.Failed() {
		return fmt.Errorf("compiling the policy without else: %w", c.Errors)
	}
	if p.decision, err = prepare(c, query); err != nil {
		return fmt.Errorf("without else: %w", err)
	}
	return nil
}

func (in *Input) listKey() listKey {
	return listKey{in.Permission, in.Classification, in.Fields, in.Resource.Type}
}

// needs returns what of an element seems to matter for the question that base asks: its element is empty but for the type of the resource.
func (s *Snapshot) needs(ctx context.Context, base *Input, now time.Time, timeout time.Duration) reads {
	k := base.listKey()
	s.lists.mu.Lock()
	r, ok := s.lists.known[k]
	s.lists.mu.Unlock()
	if ok {
		return r
	}
	p := &s.partial
	p.once.Do(func() { p.err = p.compile(s.compiler.Capabilities()) })
	if p.err == nil {
		// Where it fails nothing is known yet: the decisions will tell.
		r, _ = s.partially(ctx, base, now, timeout)
	}
	return s.lists.add(k, r)
}

// add notes what is read, too.
func (l *lists) add(k listKey, r reads) reads {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil || len(l.known) >= maxLists {
		l.known = map[listKey]reads{}
	}
	l.known[k] |= r
	return l.known[k]
}

// partially evaluates as far as it can be without an element. What is left over says which of its properties matter.
func (s *Snapshot) partially(ctx context.Context, base *Input, now time.Time, timeout time.Duration) (r reads, err error) {
	defer recovered(&err)
	// OPA puts what is left over together in place (copypropagation: ast.Transform), in terms of the program, the input and the data. So one
	// is evaluated at a time, of copies: others read the same data meanwhile.
	s.partial.turn.Lock()
	defer s.partial.turn.Unlock()
	limit := startLimit(timeout, s.waits)
	defer limit.stop()
	queries, support, err := s.evaluation(s.partial.decision, ast.CopyValue(base.knownPart(s.reads)), limit, now).
		WithStore(copies{s.store}).
		WithUnknowns(unknown).
		WithPartialNamespace(namespace).
		PartialRun(context.WithoutCancel(ctx))
	if err != nil {
		return 0, fmt.Errorf("evaluating partially: %w", err)
	}
	f := finder{present: map[*ast.Term]bool{}}
	for _, q := range queries {
		f.walk(q)
	}
	for _, m := range support {
		f.walk(m)
	}
	return f.found & ofElement, nil
}

// knownPart is the document without what differs from element to element.
func (in *Input) knownPart(r reads) ast.Value {
	whole := in.value(r, nil).(ast.Object)
	pairs := make([]pair, 0, whole.Len())
	whole.Foreach(func(k, v *ast.Term) {
		switch {
		case k.Equal(kParent), k.Equal(kTarget), k.Equal(kGrants):
		case k.Equal(kResource):
			pairs = append(pairs, pair{k, ast.ObjectTerm(pair{kType, ast.StringTerm(in.Resource.Type)})})
		default:
			pairs = append(pairs, pair{k, v})
		}
	})
	return ast.NewObject(pairs...)
}

// copies is a store whose readers may write to what they read.
type copies struct{ storage.Store }

// Read implements storage.Store.
func (c copies) Read(ctx context.Context, t storage.Transaction, path storage.Path) (any, error) {
	found, err := c.Store.Read(ctx, t, path)
	if value, ok := found.(ast.Value); ok && err == nil {
		return ast.CopyValue(value), nil
	}
	return found, err
}
