package policy

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/classify"
	"github.com/convosphere/gateway/modules/policy/decisionlog"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// Decide asks the policy. It fills in what the identity was granted on the resource and its parent, and whether its session has emergency
// access: the relations and BreakGlass of in are overwritten, and its parent is the one that was granted, where one was. It never fails: what can't be decided is refused.
func (a *App) Decide(ctx context.Context, in *engine.Input) engine.Decision {
	began := time.Now()
	filled := *in
	ended := reqctx.Span(ctx, "policy")
	d, err := a.decide(ctx, &filled)
	ended(err)
	took := time.Since(began)
	seconds.Observe(took.Seconds())
	a.record(decisionlog.Entry{Time: began, Input: filled, Decision: d, Took: took, Unasked: d.Reason == elsewhere})
	if err != nil {
		a.logger.Error("no decision: the request is refused", zap.String("failure", string(d.Failure)), zap.String("permission", in.Permission), zap.Error(err))
	}
	switch {
	case d.Failure == engine.Ambiguous: // the client's doing
		denied.Inc()
	case d.Failure != engine.None:
		failed.Inc()
	case d.Allow:
		allowed.Inc()
	case d.Obligations.StepUp:
		stepUps.Inc()
	default:
		denied.Inc()
	}
	return d
}

// decide fills in the relations, the parent and the emergency access, and asks.
func (a *App) decide(ctx context.Context, in *engine.Input) (engine.Decision, error) {
	if d, early, err := a.prepare(ctx, in); early {
		return d, err
	}
	d, err := a.engine.Decide(ctx, in)
	d.Parent = in.Parent
	return d, err
}

// prepare fills in what the gateway knows beside the request. early says that there is nothing left to ask the policy about.
func (a *App) prepare(ctx context.Context, in *engine.Input) (d engine.Decision, early bool, err error) {
	in.Relations, in.ParentRelations = nil, nil
	// It costs nothing but where the session had emergency access lately.
	in.BreakGlass = in.Identity != nil && a.grants.Emergency(ctx, in.Identity.Name, in.Identity.Session)
	// Nothing is ever granted to the anonymous: the database is not asked for them.
	if in.Identity == nil || in.Resource.IsZero() {
		return d, false, nil
	}
	switch err := a.fill(ctx, in); {
	case errors.Is(err, errElsewhere):
		return engine.Decision{Reason: elsewhere, Revision: a.engine.Revision()}, true, nil
	case err != nil: // fail closed
		return engine.Refused(engine.Grants, "grants can't be read", a.engine.Revision()), true, err
	}
	return d, false, nil
}

// elsewhere is the one reason that no policy gives.
const elsewhere = "the resource is not in that parent"

// errElsewhere says that the request names another parent than the resource has: relations to that one must not count.
var errElsewhere = errors.New("the resource is in another parent")

func (a *App) fill(ctx context.Context, in *engine.Input) error {
	name := in.Identity.Name
	if !grant.IsPerson(name) {
		name = "" // a name that reads as an object or as everyone has no grants
	}
	resource := in.Resource.String()
	parent, err := a.grants.Parent(ctx, resource)
	if err != nil {
		return err
	}
	switch {
	case parent == "":
		parent = in.Parent.String()
	case in.Parent.IsZero():
		in.Parent = object(parent)
	case parent != in.Parent.String():
		return errElsewhere
	}
	if in.Relations, err = a.grants.Relations(ctx, name, resource); err != nil {
		return err
	}
	if parent != "" {
		in.ParentRelations, err = a.grants.Relations(ctx, name, parent)
	}
	return err
}

// ask answers gateway.grants(subject, object). A subject that is neither a person's name nor everyone has none, nor has what is no object.
func (a *App) ask(ctx context.Context, subject, object string) ([]string, error) {
	if subject != grant.Everyone && !grant.IsPerson(subject) || !grant.IsObject(object) {
		return nil, nil
	}
	return a.grants.Relations(ctx, subject, object)
}

// Apply removes and then adds grants, all or nothing, durably. In remove an empty Subject or Relation means any.
// The objects of first must be nobody's so far but those they are granted to.
func (a *App) Apply(ctx context.Context, add, remove []grant.Grant, first ...grant.Grant) error {
	err := a.grants.Apply(ctx, add, remove, first...)
	if errors.Is(err, grant.ErrFull) {
		a.tellOfFull(err)
	}
	return err
}

// Objects lists the objects of a type to which the person, or everyone, stands in some relation: at most limit, and whether there are more. A
// name that is nobody's has none.
func (a *App) Objects(ctx context.Context, name, kind string, limit int) (list []grant.Held, more bool, err error) {
	if !grant.IsPerson(name) {
		return nil, false, nil
	}
	return a.grants.Objects(ctx, name, kind, limit)
}

// Stamp changes whenever a decision about these objects ("type:id") may have changed for another reason than the policy's own
// (which the decision's Revision names). Take it before the decision.
func (a *App) Stamp(objects ...string) uint64 { return a.grants.Stamp(objects...) }

// Fields is what the policy in force says of the fields of requests, answers and messages. It never changes; the next policy has another.
func (a *App) Fields() *classify.Table { return a.engine.Snapshot().Fields() }

// Revision of the policy in force.
func (a *App) Revision() string { return a.engine.Revision() }

func object(s string) engine.Object {
	kind, id, _ := strings.Cut(s, ":")
	return engine.Object{Type: kind, ID: id}
}
