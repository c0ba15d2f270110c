package portal

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/redact"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	gwroute "github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// call is one request to the portal. Its handler answers, or returns an error for fail to answer with.
type call struct {
	w  http.ResponseWriter
	r  *http.Request
	rc *reqctx.Request
	id string // what stands for {id} in the route
}

// ServeHTTP answers for the portal's paths and passes on all others.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	rt, name, id, ours := find(r.URL.Path)
	if !ours || h.leaves(name) {
		return next.ServeHTTP(w, r)
	}
	defer h.ground.Hold()()
	r, rc := reqctx.Ensure(r)
	rc.Cost.Begin(cost.Portal, nil)
	defer rc.Cost.End()
	rc.Route = name
	c := &call{&answer{ResponseWriter: w}, r, rc, id}
	secure(c.w.Header())
	h.serve(c, rt)
	count(name, c.w.(*answer).status)
	return nil
}

// leaves says that a path which could be the portal's is the back end's, since nothing was set for it.
func (h *Handler) leaves(name string) bool {
	return name == metadataPath && h.identity.AuthorizationServer() == "" || name == securityPath && h.SecurityText == nil
}

func (h *Handler) serve(c *call, rt route) {
	if rt.methods == nil {
		problem.Write(c.w, c.r, problem.Problem{Status: http.StatusNotFound})
		return
	}
	method := c.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	act, ok := rt.methods[method]
	if !ok {
		c.w.Header().Set("Allow", allow(rt))
		problem.Write(c.w, c.r, problem.Problem{Status: http.StatusMethodNotAllowed})
		return
	}
	if h.crossSite(c.r) {
		h.refuseCrossSite(c)
		return
	}
	if !h.permitted(c, rt) {
		return
	}
	if err := act(h, c); err != nil {
		h.fail(c, err)
	}
}

func allow(rt route) string {
	var list []string
	for m := range rt.methods {
		list = append(list, m)
		if m == http.MethodGet {
			list = append(list, http.MethodHead)
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// crossSite tells a request that changes something and comes from another site's page. A login is one of them: else a
// page could sign its visitor in as somebody else.
func (h *Handler) crossSite(r *http.Request) bool {
	return len(r.Header["Origin"]) > 1 || len(r.Header["Sec-Fetch-Site"]) > 1 || h.csrf.Check(r) != nil
}

func (h *Handler) refuseCrossSite(c *call) {
	h.ground.Events.Emit((&event.Event{
		Category: "authentication", Action: "cross-site-refused", Outcome: event.Failure,
		Method: c.r.Method, Host: gwroute.Hostname(c.r.Host), Path: redact.Path(c.r.URL.EscapedPath(), c.rc.Route), UserAgent: c.r.UserAgent(),
	}).About(c.rc))
	problem.Write(c.w, c.r, problem.Problem{Status: http.StatusForbidden, Type: "cross-site", Title: "The request came from another site"})
}

// permitted asks the policy, and answers where it refuses.
func (h *Handler) permitted(c *call, rt route) bool {
	d := h.policy.Decide(c.r.Context(), &engine.Input{
		RequestID: c.rc.ID, Method: c.r.Method, Path: c.r.URL.Path, Route: c.rc.Route, Host: c.r.Host, Query: c.r.URL.RawQuery, Permission: rt.permission,
		Identity: c.rc.Identity, Client: c.rc.Client,
	})
	c.rc.Decision = &reqctx.Decision{Allow: d.Allow, Reason: d.Reason}
	known := c.rc.Identity != nil
	switch {
	case rt.permission != public && !known: // whatever the policy says: there is no account to act for
		c.rc.Decision.Allow = false
		unauthenticated(c)
		return false
	case known && rt.permission != public && !ownSession(c.rc.Identity): // whatever the policy says, too
		c.refuseToken()
		return false
	case d.Allow, known && rt.stepUp && d.Obligations.StepUp:
		return true
	case known && d.Obligations.StepUp:
		askStepUp(c, session.NotFresh{ACR: reqctx.ACRMulti, MaxAge: d.Obligations.MaxAge})
		return false
	case d.Failure.Unavailable(): // fail closed, and say that it may pass later
		problem.Write(c.w, c.r, problem.Problem{Status: http.StatusServiceUnavailable, RetryAfter: time.Second})
		return false
	case d.Failure == engine.Ambiguous: // fail closed
		problem.Write(c.w, c.r, problem.Problem{Status: http.StatusBadRequest})
		return false
	}
	// Fail closed: also where there is no decision.
	problem.Write(c.w, c.r, problem.Problem{Status: http.StatusForbidden})
	return false
}

func unauthenticated(c *call) {
	c.w.Header().Set("WWW-Authenticate", "Bearer")
	problem.Write(c.w, c.r, problem.Problem{Status: http.StatusUnauthorized})
}

// answer remembers the status for the metrics.
type answer struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController through.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
