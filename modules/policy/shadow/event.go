package shadow

import (
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/redact"
	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/policy/decisionlog"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// Action is what the events are called.
const Action = "policy-difference"

// difference is a decision that the candidate makes otherwise.
type difference struct {
	entry      *decisionlog.Entry
	candidate  engine.Decision
	kind       string
	digest     string
	rules      [2]string // of the policy in force, and of the candidate
	unreported int       // differences before this one that have no event
}

// event has the decision in force as its own event has it, and the candidate's below gateway.shadow.
func (d *difference) event() *event.Event {
	in, live := &d.entry.Input, &d.entry.Decision
	e := &event.Event{
		Time: d.entry.Time, Category: "iam", Action: Action, Outcome: event.Unknown, Reason: d.kind,
		RequestID: in.RequestID, Method: in.Method, Host: route.Hostname(in.Host), Path: redact.Path(in.Path, in.Route), Route: in.Route,
	}
	e.From(in.Client).By(in.Identity)
	e.Resource = event.Resource{Type: in.Resource.Type, ID: redact.Tokens(in.Resource.ID)}
	text := func(k, v string) {
		if v != "" {
			e.Fields = append(e.Fields, zap.String(k, event.Cut(v, 256)))
		}
	}
	text("gateway.decision.permission", in.Permission)
	text("gateway.decision.resource", redact.Tokens(in.Resource.String()))
	text("gateway.decision.input_digest", d.digest)
	for _, side := range []struct {
		at   string
		d    *engine.Decision
		rule string
	}{{"gateway.decision.", live, d.rules[0]}, {"gateway.shadow.", &d.candidate, d.rules[1]}} {
		e.Fields = append(e.Fields, zap.Bool(side.at+"allow", side.d.Allow))
		text(side.at+"reason", side.d.Reason)
		text(side.at+"rule", side.rule)
		text(side.at+"failure", string(side.d.Failure))
		text(side.at+"revision", side.d.Revision)
		if o := decisionlog.ResultOf(*side.d).Obligations; len(o) > 0 {
			e.Fields = append(e.Fields, zap.Any(side.at+"obligations", o))
		}
	}
	if d.unreported > 0 {
		e.Fields = append(e.Fields, zap.Int("gateway.shadow.unreported", d.unreported))
	}
	return e
}
