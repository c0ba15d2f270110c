package engine

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
)

// terms are those of strings that come again and again: names of permissions, roles and relations. Terms never change, so inputs
// share them. What clients choose freely, as paths and ids, is not among them. A nil one makes each term anew.
type terms struct {
	mu    sync.Mutex
	known atomic.Pointer[map[string]*ast.Term] // is replaced, never changed: reading takes no lock
}

// Bounds: what comes later is not kept (roles of foreign issuers, say, may be any).
const maxTerms, maxTerm = 1024, 64

func (t *terms) of(s string) *ast.Term {
	if t == nil {
		return ast.StringTerm(s)
	}
	if known := t.known.Load(); known != nil {
		if term, ok := (*known)[s]; ok {
			return term
		}
	}
	return t.add(s)
}

func (t *terms) add(s string) *ast.Term {
	term := ast.StringTerm(s)
	if len(s) > maxTerm || !t.mu.TryLock() { // nobody waits: another one adds it next time
		return term
	}
	defer t.mu.Unlock()
	known := map[string]*ast.Term{}
	if old := t.known.Load(); old != nil {
		if len(*old) >= maxTerms {
			return term
		}
		known = maps.Clone(*old)
	}
	known[s] = term
	t.known.Store(&known)
	return term
}

// list is one of strings, as the elements of lists in the input are.
func (t *terms) list(items []string) *ast.Term {
	if len(items) == 0 {
		return emptyList
	}
	list := make([]*ast.Term, len(items))
	for i, s := range items {
		list[i] = t.of(s)
	}
	return ast.ArrayTerm(list...)
}
