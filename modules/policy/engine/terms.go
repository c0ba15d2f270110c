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

	compositions atomic.Pointer[map[string]*ast.Term] // lists and objects of these, likewise
}

// Bounds: what comes later is not kept (roles of foreign issuers, say, may be any).
const maxTerms, maxTerm, maxComposed = 1024, 64, 128

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
	if len(s) <= maxTerm {
		keep(t, &t.known, s, term)
	}
	return term
}

// keep adds a term to those that are known. Nobody waits: what is not added now is another time.
func keep(t *terms, known *atomic.Pointer[map[string]*ast.Term], key string, term *ast.Term) {
	if !t.mu.TryLock() {
		return
	}
	defer t.mu.Unlock()
	next := map[string]*ast.Term{}
	if old := known.Load(); old != nil {
		if len(*old) >= maxTerms {
			return
		}
		next = maps.Clone(*old)
	}
	next[key] = term
	known.Store(&next)
}

// Kinds of composed terms.
const (
	aList byte = iota
	aRequest
	aGrants
)

// composed is a term that is made of such strings, and comes again and again as they do. parts with their kind are its key.
func (t *terms) composed(kind byte, build func() *ast.Term, parts ...[]string) *ast.Term {
	if t == nil {
		return build()
	}
	var space [maxComposed]byte
	key := append(space[:0], kind)
	for _, p := range parts {
		key = appendStrings(key, p)
	}
	if known := t.compositions.Load(); known != nil {
		if term, ok := (*known)[string(key)]; ok {
			return term
		}
	}
	term := build()
	if len(key) <= maxComposed {
		keep(t, &t.compositions, string(key), term)
	}
	return term
}

// list is one of strings, as the elements of lists in the input are.
func (t *terms) list(items []string) *ast.Term {
	if len(items) == 0 {
		return emptyList
	}
	return t.composed(aList, func() *ast.Term {
		list := make([]*ast.Term, len(items))
		for i, s := range items {
			list[i] = t.of(s)
		}
		return ast.ArrayTerm(list...)
	}, items)
}
