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
// evaluation, what of an element the decision hangs on, and decides once, by the whole policy, for all that agree in it. Each of these decisions is
// watched: where it reads more than that, it is not taken for others that differ there. So ten thousand rooms cost a few decisions.
// It is one goroutine's, and sees one snapshot from beginning to end.
type Filter struct {
	engine   *Engine
	snapshot *Snapshot
	base     Input
	fill     Fill
	reads    reads
	asked    int
	element  Element // that is being decided
	memo     map[string]filtered
	key      []byte
}

// filtered is a decision of before.
type filtered struct {
	decision Decision
	until    time.Time // zero: as long as the list is
}

const (
	// few elements are decided one by one: there is little to gain.
	few = 32
	// maxFiltered bounds what a list remembers.
	maxFiltered = 4096
	// moment is how long what depends on the clock is taken to hold for the elements of one list.
	moment = time.Second
)

// Fill looks up of an element what is needed, and leaves the rest as it is. It is asked again for the same element where more is needed.
type Fill func(ctx context.Context, el *Element, needs Needs) error

// Needs tells what a decision looks at.
type Needs struct {
	Relations       bool
	Parent          bool
	ParentRelations bool
}

func (r reads) needs() Needs {
	return Needs{r.any(readResourceGrants), r.any(inParent | readParentGrants), r.any(readParentGrants)}
}

// Filter begins a list. in is the question, with the type of the resources as the only thing of an element.
func (e *Engine) Filter(in *Input, fill Fill) *Filter {
	f := &Filter{engine: e, snapshot: e.current.Load(), base: *in, fill: fill}
	f.base.Resource.ID, f.base.Parent, f.base.Target, f.base.Relations, f.base.ParentRelations = "", Object{}, "", nil, nil
	return f
}

// Revision is that of the policy that decides.
func (f *Filter) Revision() string { return f.snapshot.Revision }

// Decide decides one element: its relations, and its parent where it is not said, are filled in. An error of Fill refuses.
func (f *Filter) Decide(ctx context.Context, given Element) (Decision, error) {
	f.element = given
	el := &f.element
	if f.asked++; f.asked == few && f.snapshot.memory != nil {
		f.reads = f.snapshot.needs(ctx, &f.base, f.engine.now(), f.engine.timeout)
		f.memo = map[string]filtered{}
	}
	for f.memo != nil && !f.reads.any(readResourceID) && el.Resource.Type == f.base.Resource.Type {
		if err := f.fill(ctx, el, f.reads.needs()); err != nil { // fail closed
			return Refused(Grants, "grants can't be read", f.Revision()), err
		}
		f.key = f.reads.elementKey(f.key[:0], el)
		now := f.engine.now()
		if m, ok := f.memo[string(f.key)]; ok && (m.until.IsZero() || now.Before(m.until)) {
			return m.decision, nil
		}
		in := f.input(el)
		d, err := f.engine.decide(ctx, f.snapshot, in)
		if err != nil || d.Failure != None {
			break // for want of what was not filled in?
		}
		if !f.widen(ctx, in, d, now) {
			f.remember(d, now)
			return d, nil
		}
	}
	if err := f.fill(ctx, el, f.snapshot.reads.needs()); err != nil { // fail closed
		return Refused(Grants, "grants can't be read", f.Revision()), err
	}
	return f.engine.decide(ctx, f.snapshot, f.input(el))
}

// widen tells whether a decision has read more of its element than was known to matter, and so more than was filled in.
func (f *Filter) widen(ctx context.Context, in *Input, d Decision, now time.Time) bool {
	rest := f.snapshot.reads & ofElement &^ f.reads
	if rest == 0 {
		return false // the policy reads no more, whatever it is asked
	}
	more := f.snapshot.watch(ctx, in, d, now, f.engine.timeout) & rest
	if more == 0 {
		return false
	}
	f.reads = f.snapshot.lists.add(f.base.listKey(), f.reads|more)
	clear(f.memo) // its keys have too little in them
	return true
}

func (f *Filter) remember(d Decision, now time.Time) {
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

// Others decides about resources on which nothing was granted, wherever they are; told is false where the policy looks at more than that.
func (f *Filter) Others(ctx context.Context) (d Decision, told bool, err error) {
	in, now := f.input(&Element{Resource: f.base.Resource}), f.engine.now()
	if d, err = f.engine.decide(ctx, f.snapshot, in); err != nil || d.Failure != None || f.snapshot.memory == nil {
		return d, false, err
	}
	more := f.snapshot.reads & ofElement &^ readResourceGrants
	if more != 0 {
		more &= f.snapshot.watch(ctx, in, d, now, f.engine.timeout)
	}
	return d, more == 0, nil
}
