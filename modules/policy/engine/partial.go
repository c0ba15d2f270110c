package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown/builtins"
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
	modules  map[string]*ast.Module // as they were parsed
	decision *prepared
	err      error
}

// lists is what was found out about questions, by what they are made of but the element.
type lists struct {
	mu    sync.Mutex
	known map[string]reads
}

// The rules that partial evaluation makes stand in a package of this name, and what was found out is bounded: an entry has 1 KiB at most.
const (
	namespace = "partial__"
	maxLists  = 4096
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

// needs returns what of an element matters for the question that base asks: its element is empty but for the type of the resource. Where
// that can't be found out, it is what the policy reads, whatever is asked.
func (s *Snapshot) needs(ctx context.Context, base *Input, now time.Time, timeout time.Duration) reads {
	p := &s.partial
	p.once.Do(func() { p.err = p.compile(s.compiler.Capabilities()) })
	if p.err != nil {
		return s.reads & ofElement
	}
	key, keyed := base.key(nil, s.reads)
	if r, ok := s.lists.get(key); keyed && ok {
		return r
	}
	r, lasting, err := s.partially(ctx, base, now, timeout)
	if err != nil {
		r, lasting = s.reads&ofElement, true // a policy that can't be evaluated so is not tried again for each list
	}
	if keyed && lasting {
		s.lists.put(key, r)
	}
	return r
}

func (l *lists) get(key []byte) (reads, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok := l.known[string(key)]
	return r, ok
}

func (l *lists) put(key []byte, r reads) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil || len(l.known) >= maxLists {
		l.known = map[string]reads{}
	}
	l.known[string(key)] = r
}

// partially evaluates as far as it can be without an element. What is left over says which of its properties matter. lasting is false where
// it asked the clock, or chance, or anything else that may answer differently next time.
func (s *Snapshot) partially(ctx context.Context, base *Input, now time.Time, timeout time.Duration) (r reads, lasting bool, err error) {
	defer recovered(&err)
	limit := startLimit(timeout, s.waits)
	defer limit.stop()
	asked := builtins.NDBCache{}
	queries, support, err := s.evaluation(s.partial.decision, base.knownPart(s.reads), limit, now).
		WithNDBuiltinCache(asked).
		WithUnknowns(unknown).
		WithPartialNamespace(namespace).
		PartialRun(context.WithoutCancel(ctx))
	if err != nil {
		return r, false, err
	}
	f := finder{present: map[*ast.Term]bool{}}
	left := false
	for _, q := range queries {
		f.walk(q)
		left = left || s.partial.leaves(q)
	}
	for _, m := range support {
		f.walk(m)
		left = left || s.partial.leaves(m)
	}
	if left {
		f.found |= s.reads
	}
	return f.found & ofElement, len(asked) == 0, nil
}

// leaves tells whether what is left over uses a rule of the policy as it was: that reads what it reads.
func (p *partialProgram) leaves(over any) (found bool) {
	ast.WalkRefs(over, func(ref ast.Ref) bool {
		found = found || ref[0].Equal(ast.DefaultRootDocument) &&
			!(len(ref) > 1 && ref[1].Equal(ast.StringTerm(namespace))) &&
			len(p.decision.compiler.GetRulesDynamicWithOpts(ref, ast.RulesOptions{IncludeHiddenModules: true})) > 0
		return found
	})
	return found
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
