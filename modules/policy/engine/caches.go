package engine

import (
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
)

// baseData reads data where OPA would keep what it has read, evaluation by evaluation: ours are AST values for as long as the
// snapshot lives, so there is nothing to convert and nothing to keep. What it does not find (the root, and numbers that stand for
// names, too) OPA looks up in the store.
type baseData struct{ root ast.Object }

// Get implements topdown.BaseCache.
func (d baseData) Get(ref ast.Ref) ast.Value {
	if len(ref) < 2 {
		return nil
	}
	v, err := d.root.Find(ref[1:])
	if err != nil {
		return nil
	}
	return v
}

// Put implements topdown.BaseCache.
func (d baseData) Put(ast.Ref, ast.Value) {}

// ruleCache holds the values of rules during one evaluation, as OPA's own does. That one is a trie of maps, made anew for each
// evaluation; this one is a list that is used again.
type ruleCache struct {
	frames    []ruleFrame // those up to depth are in use
	depth     int
	constants *constants // of the snapshot: they hold where no `with` puts other data in the place of it
}

// ruleFrame holds values by their reference. The terms of all references are in one list.
type ruleFrame struct {
	entries []ruleEntry
	terms   []*ast.Term
	index   map[int]int // hash → position of the last entry that has it, plus one; nil while there are few
}

type ruleEntry struct {
	hash       int
	start, end int // of its reference, in terms
	next       int // position of the entry before that has the same hash, plus one
	value      *ast.Term
	undefined  bool
}

// scanned entries are looked through, where more are indexed.
const scanned = 16

// What a pooled ruleCache may keep: a policy with a million partial rules must not hold on to their memory.
const maxKeptEntries, maxKeptFrames = 256, 8

var ruleCaches = sync.Pool{New: func() any { return &ruleCache{} }}

func newRuleCache() *ruleCache {
	c := ruleCaches.Get().(*ruleCache)
	c.Push()
	return c
}

// release gives the cache back. Only one whose evaluation came to its end may be used again.
func (c *ruleCache) release() {
	for c.depth > 0 {
		c.Pop()
	}
	c.constants = nil
	if len(c.frames) <= maxKeptFrames {
		ruleCaches.Put(c)
	}
}

// Push implements topdown.VirtualCache.
func (c *ruleCache) Push() {
	if c.depth == len(c.frames) {
		c.frames = append(c.frames, ruleFrame{})
	}
	c.depth++
}

// Pop implements topdown.VirtualCache.
func (c *ruleCache) Pop() {
	c.depth--
	f := &c.frames[c.depth]
	if len(f.entries) > maxKeptEntries {
		*f = ruleFrame{}
		return
	}
	clear(f.entries) // what they point to must not live on
	clear(f.terms)
	*f = ruleFrame{entries: f.entries[:0], terms: f.terms[:0]}
}

func (c *ruleCache) top() *ruleFrame { return &c.frames[c.depth-1] }

// Get implements topdown.VirtualCache.
func (c *ruleCache) Get(ref ast.Ref) (value *ast.Term, undefined bool) {
	hash := hashOf(ref)
	if e := c.top().find(ref, hash); e != nil {
		return e.value, e.undefined
	}
	if c.depth == 1 {
		return c.constants.get(ref, hash), false
	}
	return nil, false
}

// Put implements topdown.VirtualCache.
func (c *ruleCache) Put(ref ast.Ref, value *ast.Term) {
	f, hash := c.top(), hashOf(ref)
	e := f.find(ref, hash)
	if e == nil {
		e = f.add(ref, hash)
	}
	if value != nil {
		e.value, e.undefined = value, false
	} else {
		e.value, e.undefined = nil, true
	}
}

// Keys implements topdown.VirtualCache.
func (c *ruleCache) Keys() []ast.Ref {
	f := c.top()
	keys := make([]ast.Ref, 0, len(f.entries))
	for _, e := range f.entries {
		if e.value != nil {
			keys = append(keys, slices.Clone(ast.Ref(f.terms[e.start:e.end])))
		}
	}
	return keys
}

func (f *ruleFrame) find(ref ast.Ref, hash int) *ruleEntry {
	if f.index != nil {
		for at := f.index[hash]; at > 0; at = f.entries[at-1].next {
			if e := &f.entries[at-1]; f.is(e, ref) {
				return e
			}
		}
		return nil
	}
	for i := range f.entries {
		if e := &f.entries[i]; e.hash == hash && f.is(e, ref) {
			return e
		}
	}
	return nil
}

func (f *ruleFrame) is(e *ruleEntry, ref ast.Ref) bool {
	return slices.EqualFunc(f.terms[e.start:e.end], ref, (*ast.Term).Equal)
}

func (f *ruleFrame) add(ref ast.Ref, hash int) *ruleEntry {
	start := len(f.terms)
	f.terms = append(f.terms, ref...)
	f.entries = append(f.entries, ruleEntry{hash: hash, start: start, end: len(f.terms)})
	switch {
	case f.index != nil:
		f.link(len(f.entries) - 1)
	case len(f.entries) > scanned:
		f.index = make(map[int]int, 4*scanned)
		for i := range f.entries {
			f.link(i)
		}
	}
	return &f.entries[len(f.entries)-1]
}

func (f *ruleFrame) link(i int) {
	e := &f.entries[i]
	e.next = f.index[e.hash]
	f.index[e.hash] = i + 1
}

func hashOf(ref ast.Ref) int {
	h := 0
	for _, t := range ref {
		h = h*31 + t.Hash()
	}
	return h
}
