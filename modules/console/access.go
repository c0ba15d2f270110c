package console

import (
	"context"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/redact"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	gwroute "github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// access is what the policy said within one request, each permission asked for once.
type access struct {
	mu   sync.Mutex // a view may ask beside the request
	said map[string]engine.Decision
}

// signedIn lets in a person with a session of their own, and answers anybody else.
func (c *call) signedIn() bool {
	id := c.rc.Identity
	switch {
	case id == nil:
		c.rc.Decision = &reqctx.Decision{Reason: "nobody is signed in"}
		c.w.Header().Set("WWW-Authenticate", "Bearer")
		c.problem(http.StatusUnauthorized)
		return false
	case !ownSession(id): // whatever the policy says
		c.rc.Decision = &reqctx.Decision{Reason: "a token is no session"}
		problem.Write(c.w, c.r, problem.Problem{Status: http.StatusForbidden, Type: "session-required", Title: "This needs somebody who has signed in, not a token"})
		return false
	}
	c.who = view.Person{
		ID: id.Subject, Name: id.Name, Roles: id.Roles, Session: id.Session,
		May: func(_ context.Context, permission string) bool { return c.may(permission) },
	}
	return true
}

// ownSession tells whether somebody has signed in here: not with a token made for a program, a service's or another issuer's.
func ownSession(id *reqctx.Identity) bool {
	return id.Kind == reqctx.KindPerson && id.Scopes == nil && id.Issuer == "" && id.Session != "" && !apitoken.IsID(id.Session)
}

// may tells whether the person has a permission. Fail closed: also where there is no decision.
func (c *call) may(permission string) bool { return c.decide(permission).Allow }

func (c *call) decide(permission string) engine.Decision {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d, ok := c.said[permission]; ok {
		return d
	}
	if c.said == nil {
		c.said = map[string]engine.Decision{}
	}
	d := c.askPolicy(permission)
	c.said[permission] = d
	return d
}

// askPolicy has it decided anew.
func (c *call) askPolicy(permission string) engine.Decision {
	return c.h.policy.Decide(c.r.Context(), &engine.Input{
		RequestID: c.rc.ID, Method: c.r.Method, Path: c.r.URL.Path, Route: c.rc.Route, Host: c.r.Host, Query: c.r.URL.RawQuery, Permission: permission,
		Identity: c.rc.Identity, Client: c.rc.Client,
	})
}

// permitted tells whether the person has the permission that the request needs, and answers where they have not.
func (c *call) permitted(permission string) bool {
	d := c.decide(permission)
	c.rc.Decision = &reqctx.Decision{Allow: d.Allow, Reason: d.Reason, Revision: d.Revision}
	switch {
	case d.Allow:
		return true
	case d.Obligations.StepUp && c.r.Method == http.MethodPost:
		c.askFactor()
	case d.Obligations.StepUp:
		problem.StepUp(c.w, c.r, "A second factor is needed", reqctx.ACRMulti, d.Obligations.MaxAge)
	case d.Failure.Unavailable(): // fail closed, and say that it may pass later
		problem.Write(c.w, c.r, problem.Problem{Status: http.StatusServiceUnavailable, RetryAfter: time.Second})
	case d.Failure == engine.Ambiguous: // fail closed
		c.problem(http.StatusBadRequest)
	default: // fail closed: also where there is no decision
		c.tell(event.Failure, "", d.Reason)
		c.refusePage()
	}
	return false
}

// crossSite tells a request that changes something and comes from another site's page.
func (c *call) crossSite() bool {
	return len(c.r.Header["Origin"]) > 1 || len(c.r.Header["Sec-Fetch-Site"]) > 1 || c.h.csrf.Check(c.r) != nil
}

func (c *call) refuseCrossSite() {
	c.h.ground.Events.Emit((&event.Event{
		Category: "authentication", Action: "cross-site-refused", Outcome: event.Failure,
		Method: c.r.Method, Host: gwroute.Hostname(c.r.Host), Path: redact.Path(c.r.URL.EscapedPath(), c.rc.Route), UserAgent: c.r.UserAgent(),
	}).About(c.rc))
	problem.Write(c.w, c.r, problem.Problem{Status: http.StatusForbidden, Type: "cross-site", Title: "The request came from another site"})
}

// tell records that a view, or an item of it, was shown, or was refused.
func (c *call) tell(outcome, item, reason string) {
	e := c.event("console-view", outcome, item)
	e.Reason = reason
	c.h.ground.Events.Emit(e)
}

func (c *call) event(action, outcome, item string) *event.Event {
	e := &event.Event{
		Action: action, Outcome: outcome, Method: c.r.Method, Host: gwroute.Hostname(c.r.Host),
		Path: redact.Path(c.r.URL.EscapedPath(), c.rc.Route), UserAgent: c.r.UserAgent(),
	}
	if c.view != nil {
		e.Fields = append(e.Fields, zap.String("gateway.console.view", c.view.Name))
	}
	if c.act != nil {
		e.Fields = append(e.Fields, zap.String("gateway.console.action", c.act.Name))
	}
	if item != "" {
		e.Fields = append(e.Fields, zap.String("gateway.console.item", event.Cut(item, 128)))
	}
	return e.About(c.rc)
}
