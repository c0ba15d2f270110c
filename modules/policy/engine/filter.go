package engine

import (
	"context"
	"time"
)

// Element is one of a list: what differs from one decision about it to the next.
type Element struct {
	Resource, Parent           Object
	Target                     string
	Relations, ParentRelations []string
}

// Filter decides the elements of one list: it says of each what Decide would. Of a long list it finds out, by partial
// evaluation, what of an element the decision hangs on, and decides once for all that agree in it. So ten thousand rooms cost a few decisions.
// It is one goroutine's, and sees one snapshot from beginning to end.
type Filter struct {
	engine   *Engine
	snapshot *Snapshot
	base     Input
	reads    reads
	asked    int
	memo     map[string]filtered
	key      []byte
}

// filtered is a decision of before.
type filtered struct {
	decision Decision
	until    time.Time // zero: as long as the list is
}

const (
	// few elements are decided one by one: a partial evaluation costs as much as some dozens of decisions.
	few = 32
	// maxFiltered bounds what a list remembers.
	maxFiltered = 4096
	// moment is how long what depends on the clock is taken to hold for the elements of one list.
	moment = time.Second
)

// Filter begins a list. in is the question, with the type of the resources as the only thing of an element.
func (e *Engine) Filter(in *Input) *Filter {
	f := &Filter{engine: e, snapshot: e.current.Load(), base: *in, reads: ofElement}
	f.base.Resource.ID, f.base.Parent, f.base.Target, f.base.Relations, f.base.ParentRelations = "", Object{}, "", nil, nil
	return f
}

// Revision is that of the policy that decides.
func (f *Filter) Revision() string { return f.snapshot.Revision }

// Needs tells what an element must have so that it can be decided: all until more is known.
func (f *Filter) Needs() (relations, parent, parentRelations bool) {
	return f.reads.any(readResourceGrants), f.reads.any(inParent | readParentGrants), f.reads.any(readParentGrants)
}

// Decide decides one element.
func (f *Filter) Decide(ctx context.Context, el *Element) (Decision, error) {
	if f.asked++; f.asked == few && f.snapshot.memory != nil {
		f.reads = f.snapshot.needs(ctx, &f.base, f.engine.now(), f.engine.timeout)
		f.memo = map[string]filtered{}
	}
	if f.memo == nil || f.reads.any(readResourceID) || el.Resource.Type != f.base.Resource.Type {
		return f.engine.decide(ctx, f.snapshot, f.input(el))
	}
	f.key = f.reads.elementKey(f.key[:0], el)
	now := f.engine.now()
	if m, ok := f.memo[string(f.key)]; ok && (m.until.IsZero() || now.Before(m.until)) {
		return m.decision, nil
	}
	d, err := f.engine.decide(ctx, f.snapshot, f.input(el))
	if err == nil && d.Failure == None {
		f.remember(ctx, el, d, now)
	}
	return d, err
}

// remember keeps a decision for the elements that agree with this one in what it hangs on.
func (f *Filter) remember(ctx context.Context, el *Element, d Decision, now time.Time) {
	if elsewhere := f.snapshot.reads & ofElement &^ f.reads; elsewhere != 0 { // for other questions, or also for this one?
		if more := f.snapshot.watch(ctx, f.input(el), d, now, f.engine.timeout) & elsewhere; more != 0 {
			f.reads |= more
			clear(f.memo) // its keys have too little in them
			if f.reads.any(readResourceID) {
				return
			}
			f.key = f.reads.elementKey(f.key[:0], el)
		}
	}
	m := filtered{decision: d}
	if !d.Steady {
		m.until = now.Add(moment)
	}
	if len(f.memo) >= maxFiltered {
		clear(f.memo)
	}
	f.memo[string(f.key)] = m
}

func (f *Filter) input(el *Element) *Input {
	in := f.base
	in.Resource, in.Parent, in.Target = el.Resource, el.Parent, el.Target
	in.Relations, in.ParentRelations = el.Relations, el.ParentRelations
	return &in
}

// elementKey appends what of the element matters.
func (r reads) elementKey(b []byte, el *Element) []byte {
	if r.any(inParent) {
		b = appendString(appendString(b, el.Parent.Type), el.Parent.ID)
	}
	b = appendRead(b, r, readTarget, el.Target)
	b = appendReadList(b, r, readResourceGrants, el.Relations)
	return appendReadList(b, r, readParentGrants, el.ParentRelations)
}
