package authorize

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/gate"
	"github.com/convosphere/gateway/modules/internal/redact"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/strictjson"
	"github.com/convosphere/gateway/modules/internal/wsframe"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// guard decides the messages of one open socket.
type guard struct {
	h      *Handler
	rules  *socket // nil: the route has no socket block
	base   engine.Input
	opened engine.Input // the question about the handshake
	rc     *reqctx.Request
	caller string                   // for whom memory is counted
	masks  atomic.Pointer[[]string] // of the handshake's decision, the last one; nil: none

	mu   sync.Mutex // the two directions run beside each other
	kept map[question]verdict
}

// question is what a decision about a message depends on, besides what does not change while the socket is open.
type question struct {
	rule             *messageRule
	kind             string // of several that share a rule; they come from configuration
	resource, parent engine.Object
	target           string
}

// maxKept bounds what is remembered of one socket.
const maxKept = 256

var anyMessage = &messageRule{rule: rule{permission: defaultWrite}}

// watch puts the guard on the socket that this handshake opens, and has the handshake decided again while it is open.
func (h *Handler) watch(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, rt *compiled, in engine.Input, v verdict) (http.ResponseWriter, *http.Request) {
	w, r, tap := wsframe.Attach(w, r)
	opened := in
	in.Permission, in.Resource, in.Parent, in.Target = "", engine.Object{}, engine.Object{}, ""
	g := &guard{h: h, rules: rt.socket, base: in, opened: opened, rc: rc, caller: rc.Caller(r), kept: map[question]verdict{}}
	g.masks.Store(&v.decision.Obligations.Mask)
	tap.OnMessage(g.message)
	tap.OnOpen(func(c *wsframe.Conn) func() {
		return h.patrol.add(&post{
			h: h, ctx: r.Context(), conn: c, in: opened, verdict: v,
			allowed: func(d engine.Decision) { g.masks.Store(&d.Obligations.Mask) },
			refused: func(reason string) { g.tell("socket-refused", reason) },
		})
	})
	return w, r
}

// message is the hook: nil passes a message on.
func (g *guard) message(ctx context.Context, m *wsframe.Message) error {
	if m.Dir == wsframe.In {
		err := g.in(ctx, m)
		count(messagesIn, err)
		return err
	}
	err := g.out(ctx, m)
	count(messagesOut, err)
	return err
}

func (g *guard) in(ctx context.Context, m *wsframe.Message) error {
	if g.rules == nil {
		return g.ask(ctx, anyMessage, &said{direction: "in"})
	}
	if m.Binary {
		return g.refused("binary message", "Binary messages are not taken")
	}
	leave, err := g.h.bodies.hold(ctx, g.caller, m.Data)
	if err != nil { // fail closed
		return busy()
	}
	defer leave()
	v, kind, err := g.rules.read(m.Data)
	if err != nil {
		return g.refused("malformed message", "The message is malformed")
	}
	rule := g.rules.in[kind]
	if rule == nil {
		return g.refused("unknown message type", "Unknown type of message")
	}
	return g.ask(ctx, rule, &said{direction: "in", kind: kind, doc: v, text: m.Data})
}

// out leaves out what it can't read: the client gets nothing that was not decided.
func (g *guard) out(ctx context.Context, m *wsframe.Message) error {
	if g.rules == nil {
		return g.passed(ctx, m, "")
	}
	if m.Binary {
		return wsframe.Drop
	}
	leave, err := g.h.bodies.hold(ctx, g.caller, m.Data)
	if err != nil { // fail closed
		return busy()
	}
	defer leave()
	v, kind, err := g.rules.read(m.Data)
	if err != nil {
		g.h.logger.Warn("a message of the back end was dropped: it can't be read", zap.String("route", g.base.Route), zap.Error(err))
		return wsframe.Drop
	}
	if g.rules.pass[kind] {
		return g.passed(ctx, m, kind)
	}
	rule := g.rules.out[kind]
	if rule == nil {
		return wsframe.Drop
	}
	if rule.rule.permission == "" {
		if err := g.passed(ctx, m, kind); err != nil {
			return err
		}
		return g.effect(ctx, rule, v)
	}
	asked := &said{direction: "out", kind: kind, doc: v, text: m.Data}
	if err := g.ask(ctx, rule, asked); err != nil {
		return err
	}
	if err := g.cover(m, asked.masks); err != nil {
		return err
	}
	return g.effect(ctx, rule, v)
}

// unasked is the rule of messages that pass without a question of their own.
var unasked = &messageRule{}

// passed masks a message that needs no permission. Where it may hold fields that are masked for some, who opened the socket is asked about again: with the
// message, so that the policy says which. Fail closed: without an answer it is left out.
func (g *guard) passed(ctx context.Context, m *wsframe.Message, kind string) error {
	if !g.h.policy.Fields().Find(g.opened.Method, g.opened.Segments).MasksOut(kind) {
		return g.cover(m, nil)
	}
	in := g.opened
	in.Message = &engine.Message{Type: kind, Direction: "out"}
	switch d := g.decide(ctx, unasked, &in); {
	case d.Allow:
		return g.cover(m, d.Obligations.Mask)
	case d.Failure.Unavailable():
		return busy()
	}
	return wsframe.Drop
}

// busy closes the socket for now.
func busy() error {
	return &wsframe.Close{Code: wsframe.CodeTryLater, Reason: "Temporarily unavailable"}
}

// effect changes grants as the message says; only then does it pass on.
func (g *guard) effect(ctx context.Context, rule *messageRule, v *strictjson.Value) error {
	if len(rule.effects) == 0 {
		return nil
	}
	c, err := rule.effects.resolve(0, members(v), g.base.Identity)
	if err != nil {
		g.h.logger.Error("a message of the back end can't change grants as configured", zap.String("route", g.base.Route), zap.Error(err))
		return &wsframe.Close{Code: wsframe.CodeInternal, Reason: "The message could not be processed"}
	}
	if err := g.h.apply(ctx, c); err != nil { // fail closed: the client does not learn of what is not theirs yet
		return busy()
	}
	return nil
}

// read takes a message apart.
func (s *socket) read(data []byte) (v *strictjson.Value, kind string, err error) {
	if v, err = strictjson.Parse(data); err != nil {
		return nil, "", err
	}
	if v.Kind != strictjson.Object {
		return nil, "", errors.New("it is no object")
	}
	t, err := v.Get(s.typ)
	if err != nil {
		return nil, "", err
	}
	if t == nil || t.Kind != strictjson.String {
		return nil, "", errors.New("it has no type")
	}
	return v, t.Text, nil
}

// said is a message that is decided on.
type said struct {
	direction, kind string
	doc             *strictjson.Value // nil where the socket has no rules
	text            []byte
	masks           []string // that its decision asks for: of a message to the back end they mean nothing, since that is nobody's answer
}

// ask decides a message: nil lets it pass.
func (g *guard) ask(ctx context.Context, rule *messageRule, m *said) error {
	in := g.base
	in.Message = &engine.Message{Type: m.kind, Direction: m.direction}
	err := rule.rule.fill(&in, members(m.doc))
	done := func() {}
	if err == nil && rule.body > 0 {
		done, err = g.h.bodies.show(ctx, &in, g.caller, m.doc, m.text, rule.body)
	}
	switch {
	case errors.Is(err, gate.ErrBusy), errors.Is(err, gate.ErrClient), ctx.Err() != nil: // fail closed
		return busy()
	case err != nil && m.direction == "out":
		return wsframe.Drop
	case err != nil:
		return g.refused("malformed message", "The message is malformed")
	}
	d := g.decide(ctx, rule, &in)
	done()
	g.h.incident(g.rc, &in, d)
	switch {
	case d.Allow:
		m.masks = d.Obligations.Mask
		g.h.remember(in.Identity, &d)
		return nil
	case d.Failure.Unavailable():
		return busy()
	case rule.drop:
		return wsframe.Drop
	}
	return g.refused(d.Reason, "Not allowed")
}

// decide asks the policy, unless it was asked the same and nothing has changed since.
func (g *guard) decide(ctx context.Context, rule *messageRule, in *engine.Input) engine.Decision {
	if rule.body > 0 { // no two messages are alike
		return g.h.decide(ctx, in)
	}
	q := question{rule, in.Message.Type, in.Resource, in.Parent, in.Target}
	g.mu.Lock()
	v, ok := g.kept[q]
	g.mu.Unlock()
	if ok && g.h.holds(&v) {
		return v.decision
	}
	if v = g.h.settle(ctx, in); !v.keep {
		return v.decision
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.kept) >= maxKept {
		clear(g.kept)
	}
	g.kept[q] = v
	return v.decision
}

// refused closes the socket, and says why in an event.
func (g *guard) refused(reason, public string) error {
	g.tell("socket-message", reason)
	return &wsframe.Close{Code: wsframe.CodePolicy, Reason: public}
}

// tell writes the event of a refusal.
func (g *guard) tell(action, reason string) {
	e := &event.Event{
		Category: "web", Action: action, Outcome: event.Failure, Reason: reason,
		Route: g.base.Route, Path: redact.Path(g.base.Path, g.base.Route), Host: g.base.Host,
	}
	g.h.ground.Events.Emit(e.By(g.base.Identity).About(g.rc))
}
