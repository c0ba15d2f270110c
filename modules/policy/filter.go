package policy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/policy/decisionlog"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
)

const (
	// single elements are looked up one by one; for a longer list all that the person holds is read at once.
	single = 32
	// maxHeld is of how many objects that is done. Who holds more is looked up one by one.
	maxHeld = 100_000
	// current is how long what was read at once is used. An answer may take minutes to pass.
	current = time.Second
)

// Filter begins a list whose elements are decided one after the other: decide says of each what Decide would. in is the question, with only
// the type of its resource; what decide is given differs from it in resource, parent and target alone. Call end when the list is over: the
// decision log has one entry for all. Both are one goroutine's.
func (a *App) Filter(ctx context.Context, in *engine.Input) (decide func(context.Context, *engine.Input) engine.Decision, end func()) {
	l := a.list(ctx, in)
	return l.decide, l.end
}

func (a *App) list(ctx context.Context, in *engine.Input) *list {
	l := &list{app: a, question: *in, began: time.Now()}
	l.question.Resource.ID, l.question.Parent, l.question.Target = "", engine.Object{}, ""
	if id := in.Identity; id != nil {
		l.question.BreakGlass = a.grants.Emergency(ctx, id.Name, id.Session)
		if grant.IsPerson(id.Name) {
			l.name = id.Name
		}
	}
	l.filter = a.engine.Filter(&l.question, l.fill)
	l.outcome = engine.Decision{Allow: true, Reason: "a list without what may not be seen", Revision: l.filter.Revision()}
	return l
}

// list is one list on its way.
type list struct {
	app      *App
	question engine.Input
	name     string // "" is nobody who is granted anything
	filter   *engine.Filter
	began    time.Time

	asked int
	held  []grant.Held
	whole bool // held is all that the person holds
	read  time.Time

	kept, removed, failed int
	outcome               engine.Decision // of the list as a whole
	err                   error
}

func (l *list) decide(ctx context.Context, in *engine.Input) engine.Decision {
	d, err := l.one(ctx, in)
	switch {
	case d.Failure != engine.None:
		l.failed++
		l.outcome = d
	case d.Allow:
		l.kept++
	default:
		l.removed++
	}
	if err != nil && l.err == nil {
		l.err = err
	}
	return d
}

func (l *list) one(ctx context.Context, in *engine.Input) (engine.Decision, error) {
	d, err := l.filter.Decide(ctx, engine.Element{Resource: in.Resource, Parent: in.Parent, Target: in.Target})
	if errors.Is(err, errElsewhere) {
		return engine.Decision{Reason: elsewhere, Revision: l.filter.Revision()}, nil
	}
	return d, err
}

// fill looks up what the decision about an element needs.
func (l *list) fill(ctx context.Context, el *engine.Element, needs engine.Needs) error {
	if l.question.Identity == nil || el.Resource.IsZero() {
		return nil // nothing is ever granted to the anonymous
	}
	resource := el.Resource.String()
	if needs.Parent || !el.Parent.IsZero() {
		known, err := l.app.grants.Parent(ctx, resource)
		switch {
		case err != nil:
			return err
		case known == "":
		case el.Parent.IsZero():
			el.Parent = object(known)
		case known != el.Parent.String():
			return errElsewhere
		}
	}
	var err error
	if needs.Relations {
		if el.Relations, err = l.relations(ctx, resource); err != nil {
			return err
		}
	}
	if needs.ParentRelations && !el.Parent.IsZero() {
		el.ParentRelations, err = l.app.grants.Relations(ctx, l.name, el.Parent.String())
	}
	return err
}

// relations of the person to an element.
func (l *list) relations(ctx context.Context, resource string) ([]string, error) {
	if l.asked++; l.asked < single {
		return l.app.grants.Relations(ctx, l.name, resource)
	}
	if now := time.Now(); now.Sub(l.read) > current {
		held, more, err := l.app.grants.Objects(ctx, l.name, l.question.Resource.Type, maxHeld)
		if err != nil {
			return nil, err
		}
		l.held, l.whole, l.read = held, !more, now
	}
	if !l.whole {
		return l.app.grants.Relations(ctx, l.name, resource)
	}
	i, found := slices.BinarySearchFunc(l.held, resource, func(h grant.Held, o string) int { return strings.Compare(h.Object, o) })
	if !found {
		return nil, nil
	}
	return l.held[i].Relations, nil
}

// end tells of the list as a whole.
func (l *list) end() {
	allowed.Add(float64(l.kept))
	denied.Add(float64(l.removed))
	failed.Add(float64(l.failed))
	if l.err != nil {
		l.app.logger.Error("no decision: the elements are refused", zap.Int("elements", l.failed), zap.String("permission", l.question.Permission), zap.Error(l.err))
	}
	if l.kept+l.removed+l.failed == 0 {
		return
	}
	l.app.log.Put(decisionlog.Entry{
		Time: l.began, Input: l.question, Decision: l.outcome, Took: time.Since(l.began),
		List: &decisionlog.List{Kept: l.kept, Removed: l.removed + l.failed},
	})
}
