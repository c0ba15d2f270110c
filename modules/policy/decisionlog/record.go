package decisionlog

import (
	"context"
	"encoding/json"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/redact"
	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// record is an entry with what the log found out about it.
type record struct {
	*Entry
	document         func() ast.Value
	id, digest, rule string
	input            json.RawMessage // masked; nil: it is not shown
	erased, masked   []string
	withheld         bool            // the input was asked for, but can't be shown
	shown            engine.Decision // its reason and obligations, masked
	resultWithheld   bool            // these can't be shown
}

// mostInput bounds the input in an event.
const mostInput = 12 << 10

// masks asks the policy what must not be shown.
func (r *record) masks(s *engine.Snapshot, result any, o engine.Options) (masks, error) {
	outcome, err := ast.InterfaceToValue(result)
	if err != nil {
		return nil, err
	}
	list, err := s.Masks(context.Background(), ast.NewObject(
		[2]*ast.Term{ast.StringTerm("input"), ast.NewTerm(r.document())},
		[2]*ast.Term{ast.StringTerm("result"), ast.NewTerm(outcome)},
		[2]*ast.Term{ast.StringTerm("path"), ast.StringTerm(Path)},
		[2]*ast.Term{ast.StringTerm("decision_id"), ast.StringTerm(r.id)},
	), o)
	if err != nil {
		return nil, err
	}
	return parseMasks(list)
}

// mask hides of the result what the policy says, and puts the input into the record where it was asked for.
func (r *record) mask(s *engine.Snapshot, o engine.Options) error {
	result, err := plainResult(r.Decision)
	if err != nil {
		return err
	}
	ms, err := r.masks(s, result, o)
	if err != nil {
		return err
	}
	if about := ms.of(true); len(about) > 0 {
		shown, erased, masked := about.apply(result)
		if r.shown, err = readResult(shown); err != nil {
			return err
		}
		r.erased, r.masked = erased, masked
	}
	if !r.full() {
		return nil
	}
	return r.show(ms.of(false))
}

// full tells whether the input is asked for.
func (r *record) full() bool { return r.Decision.Obligations.Log == engine.LogFull }

// show puts the input into the record.
func (r *record) show(ms masks) error {
	input, _, err := plain(r.document())
	if err != nil {
		return err
	}
	shown, erased, masked := ms.apply(input)
	raw, err := json.Marshal(shown)
	if err != nil {
		return err
	}
	if len(raw) > mostInput {
		r.withheld = true
		return nil
	}
	if shown != nil {
		r.input = raw
	}
	r.erased, r.masked = append(r.erased, erased...), append(r.masked, masked...)
	return nil
}

// withhold shows nothing that might have had to be hidden. Fail closed.
func (r *record) withhold(result bool) {
	r.input, r.withheld = nil, r.full()
	if result {
		r.shown, r.resultWithheld = engine.Decision{}, true
	}
}

// event is what is written. Of a brief one nothing comes from a body; names of people are in the input alone.
func (r *record) event() *event.Event {
	in, d := &r.Input, &r.Decision
	e := &event.Event{
		Time: r.Time, Category: "iam", Action: Action, Outcome: event.Failure, Reason: event.Cut(redact.Tokens(r.shown.Reason), 256),
		RequestID: in.RequestID, Method: in.Method, Host: route.Hostname(in.Host), Path: redact.Path(in.Path, in.Route), Route: in.Route,
	}
	if d.Allow {
		e.Outcome = event.Success
	}
	e.From(in.Client).By(in.Identity)
	e.Resource = event.Resource{Type: in.Resource.Type, ID: redact.Tokens(in.Resource.ID)}
	e.Fields = append(r.subject(), r.outcome()...)
	return e
}

// subject is what was decided about.
func (r *record) subject() []zap.Field {
	in := &r.Input
	f := fields{}
	f.text("id", r.id)
	f.text("permission", in.Permission)
	f.text("resource", event.Cut(redact.Tokens(in.Resource.String()), 256))
	f.text("parent", event.Cut(redact.Tokens(r.parent().String()), 256))
	f.text("classification", in.Classification)
	f.text("fields", in.Fields)
	if m := in.Message; m != nil {
		f.text("message_type", event.Cut(redact.Tokens(m.Type), 64))
		f.text("message_direction", m.Direction)
	}
	f.flag("break_glass", in.BreakGlass)
	f.flag("truncated", in.Truncated)
	f.text("input_digest", r.digest)
	if l := r.List; l != nil {
		f.add(zap.Int("gateway.decision.kept", l.Kept), zap.Int("gateway.decision.removed", l.Removed))
	}
	return f.list
}

func (r *record) parent() engine.Object {
	if r.Input.Parent.IsZero() {
		return r.Decision.Parent
	}
	return r.Input.Parent
}

// outcome is what was decided.
func (r *record) outcome() []zap.Field {
	d, o := &r.Decision, &r.shown.Obligations
	f := fields{}
	f.add(zap.Bool("gateway.decision.allow", d.Allow))
	f.text("rule", r.rule)
	f.text("failure", string(d.Failure))
	f.text("revision", d.Revision)
	f.add(zap.Int64("gateway.decision.micros", r.Took.Microseconds()))
	f.flag("step_up", o.StepUp)
	f.seconds("max_age", o.MaxAge)
	f.texts("mask", o.Mask)
	f.texts("encrypt", o.Encrypt)
	f.text("tier", o.Tier)
	f.seconds("expires", o.Expires)
	f.text("incident", o.Incident)
	if r.input != nil {
		f.add(zap.Reflect("gateway.decision.input", r.input))
	}
	f.texts("erased", r.erased)
	f.texts("masked", r.masked)
	f.flag("input_withheld", r.withheld)
	f.flag("result_withheld", r.resultWithheld)
	return f.list
}

// fields leaves out what is zero, as events do.
type fields struct{ list []zap.Field }

func (f *fields) add(list ...zap.Field) { f.list = append(f.list, list...) }

func (f *fields) text(k, v string) {
	if v != "" {
		f.add(zap.String("gateway.decision."+k, v))
	}
}

func (f *fields) texts(k string, v []string) {
	if len(v) > 0 {
		f.add(zap.Strings("gateway.decision."+k, v))
	}
}

func (f *fields) flag(k string, v bool) {
	if v {
		f.add(zap.Bool("gateway.decision."+k, v))
	}
}

func (f *fields) seconds(k string, v time.Duration) {
	if v > 0 {
		f.add(zap.Int64("gateway.decision."+k, int64(v/time.Second)))
	}
}

const (
	// Action is what the events are called.
	Action = "policy-decision"
	// Path is what the policy is asked for, as OPA's decision logs write it.
	Path = "gateway/decision"
)
