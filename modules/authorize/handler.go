package authorize

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/redact"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/internal/wsframe"
	"github.com/convosphere/gateway/modules/policy/classify"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// ServeHTTP asks, and passes on what is allowed. Every way out that is not next is a refusal: the handler fails closed.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if wsframe.Extended(r) {
		return host.FromConnect(h, w, r, next)
	}
	r, rc := reqctx.Ensure(r)
	next = rc.Cost.Begin(cost.Authorize, next)
	defer rc.Cost.End()
	defer h.ground.Hold()()
	rt, segs, err := h.route(r)
	if err != nil {
		return h.malformed(w, r, rc, err)
	}
	rc.Route = rt.name
	body, free, err := h.bodies.take(w, r, rc, rt.body)
	defer free()
	defer body.decided()
	if err != nil {
		return h.unread(w, r, rc, err)
	}
	vars := rt.vars(segs, &body)
	in, err := input(r, rc, rt, segs, vars)
	if err != nil {
		return h.malformed(w, r, rc, err)
	}
	rc.Resource = reqctx.Resource{Type: in.Resource.Type, ID: redact.Tokens(in.Resource.ID)}
	in.Body, in.Truncated = body.value, body.truncated
	var v verdict
	if wsframe.IsHandshake(r) {
		v = h.settle(r.Context(), &in)
	} else {
		v.decision = h.decide(r.Context(), &in)
	}
	h.prove(rc, &v.decision)
	in.Body, in.Truncated, body.value = nil, false, nil // what follows is about the answer
	if len(rt.effects) == 0 {
		body.decided()
	}
	h.incident(rc, &in, v.decision)
	rc.Class = classify.Stricter(rt.rule.classification, v.decision.Fields.Class())
	rc.Decision = told(v.decision)
	if !v.decision.Allow {
		return h.refuse(w, r, rc, v.decision)
	}
	h.remember(rc.Identity, &v.decision)
	return h.pass(w, r, rc, rt, vars, in, v, next)
}

// pass hands on what is allowed, and works on what comes back.
func (h *Handler) pass(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, rt *compiled, vars values, in engine.Input, v verdict, next caddyhttp.Handler) error {
	switch err := rt.effects.check(vars, rc.Identity); {
	case errors.Is(err, errNobody):
		return h.refuse(w, r, rc, engine.Decision{Reason: err.Error()})
	case err != nil:
		return h.malformed(w, r, rc, err)
	}
	assertion, err := h.asserter.assert(rc.Identity)
	if err != nil {
		return caddyhttp.Error(http.StatusInternalServerError, err)
	}
	masks, err := h.masks.of(v.decision.Obligations.Mask)
	if err != nil { // fail closed
		return caddyhttp.Error(http.StatusInternalServerError, err)
	}
	out := forward(r, rc.Identity, assertion, h.router.reserved...)
	if err := h.lists(r.Context(), out.Header, rt, in); err != nil {
		h.logger.Error("ids can't be told to the back end", zap.String("route", rt.name), zap.Error(err))
		return h.refuse(w, r, rc, engine.Decision{Reason: "ids can't be told to the back end", Failure: engine.Grants})
	}
	allowed.Inc()
	if wsframe.IsHandshake(out) {
		w, out = h.watch(w, out, rc, rt, in, v)
	}
	// Of a handshake, too: any request can look like one, and a back end that opens no socket answers it as any other.
	if rt.filter != nil || len(rt.effects) > 0 || masks != nil {
		return h.exchange(w, out, rc, rt, in, vars, masks, next)
	}
	return next.ServeHTTP(w, out)
}

// decide asks the policy.
func (h *Handler) decide(ctx context.Context, in *engine.Input) engine.Decision {
	return h.met(h.policy.Decide(ctx, in), in)
}

// met refuses where what has to be done is something that nobody does. Fail closed. What is to be encrypted of a request, gw_protect is told where it stands
// further in; of a message of the client nobody is told, so only the classification can say it.
func (h *Handler) met(d engine.Decision, in *engine.Input) engine.Decision {
	told := h.Protected && (in.Message == nil || in.Message.Direction != "in")
	if d.Allow && (len(d.Obligations.Encrypt) > 0 && !told || d.Fields.Encrypts() && !h.Protected) {
		d.Allow, d.Reason = false, "fields must be encrypted, which this gateway can't do"
	}
	return d
}

// remember keeps what a decision says of a person beyond the request.
func (h *Handler) remember(id *reqctx.Identity, d *engine.Decision) {
	if id != nil {
		h.ground.Tiers.Set(id.Subject, d.Obligations.Tier)
	}
}

// told is what other handlers learn of a decision.
func told(d engine.Decision) *reqctx.Decision {
	return &reqctx.Decision{Allow: d.Allow, Reason: d.Reason, Revision: d.Revision, Tier: d.Obligations.Tier, Mask: d.Obligations.Mask, Encrypt: d.Obligations.Encrypt}
}

// route finds what the request needs.
func (h *Handler) route(r *http.Request) (*compiled, []string, error) {
	if err := route.CheckRequest(r); err != nil {
		return nil, nil, err
	}
	segs, err := route.Segments(r.URL)
	if err != nil {
		return nil, nil, err
	}
	rt, err := h.router.Find(r.Method, segs)
	if err != nil {
		return nil, nil, err
	}
	if rt == nil {
		rt = unlisted(r.Method)
	}
	return rt, segs, nil
}

func input(r *http.Request, rc *reqctx.Request, rt *compiled, segs []string, v values) (engine.Input, error) {
	in := engine.Input{
		RequestID: rc.ID, Method: r.Method, Path: r.URL.Path, Segments: segs, Route: rt.name, Host: route.Hostname(r.Host), Query: r.URL.RawQuery,
		Identity: rc.Identity, Client: rc.Client,
	}
	return in, rt.rule.fill(&in, v)
}

// malformed answers what can't be decided because servers may read it differently.
func (h *Handler) malformed(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, why error) error {
	malformed.Inc()
	rc.Decision = &reqctx.Decision{Reason: why.Error()}
	status := http.StatusBadRequest
	var body *errBody
	if errors.As(why, &body) {
		status = body.status
	}
	problem.Write(w, r, problem.Problem{Status: status})
	return nil
}

// unread answers a request whose body the policy could not be shown.
func (h *Handler) unread(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, why error) error {
	var body *errBody
	if errors.As(why, &body) {
		return h.malformed(w, r, rc, why)
	}
	return h.refuse(w, r, rc, engine.Decision{Reason: "no room for the body: " + why.Error(), Failure: engine.Timeout})
}

// retryAfter is what a client waits where a part is down that must not be skipped.
const retryAfter = 2 * time.Second

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, d engine.Decision) error {
	d.Allow = false
	rc.Decision = told(d)
	switch {
	case d.Failure.Unavailable():
		unavailable.Inc()
		problem.Write(w, r, problem.Problem{Status: http.StatusServiceUnavailable, RetryAfter: retryAfter})
	case d.Failure == engine.Ambiguous:
		malformed.Inc()
		problem.Write(w, r, problem.Problem{Status: http.StatusBadRequest})
	case d.Reason == engine.ReasonUnseen:
		malformed.Inc()
		problem.Write(w, r, problem.Problem{Status: http.StatusRequestEntityTooLarge})
	case d.Obligations.StepUp && rc.Identity != nil:
		stepUp.Inc()
		title, acr := "A second factor is needed", reqctx.ACRMulti
		if d.Reason == loginAsked {
			title, acr = "A password or another login is needed", reqctx.ACRSingle
		}
		problem.StepUp(w, r, title, acr, d.Obligations.MaxAge)
	case rc.Identity == nil:
		anonymous.Inc()
		w.Header().Set("WWW-Authenticate", "Bearer")
		problem.Write(w, r, problem.Problem{Status: http.StatusUnauthorized})
	default:
		forbidden.Inc()
		problem.Write(w, r, problem.Problem{Status: http.StatusForbidden})
	}
	return nil
}

// logFailure tells operators why an answer of the back end was withheld.
func (h *Handler) logFailure(rt *compiled, err error) {
	h.logger.Error("an answer of the back end was withheld", zap.String("route", rt.name), zap.Error(err))
}

// patience is how long an exchange that changes grants goes on after its client has gone.
const patience = 30 * time.Second

// outlive returns a context that ends a while after its parent: when the back end has acted, the grant that belongs to it must be
// stored, also where the client no longer waits.
func outlive(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		timer := time.AfterFunc(patience, cancel)
		context.AfterFunc(ctx, func() { timer.Stop() })
	})
	return ctx, func() {
		stop()
		cancel()
	}
}
