package portal

import (
	"context"
	"net/http"
	"time"

	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// breakGlass is the permission to take emergency access.
const breakGlass = "break-glass"

const breakGlassPath = "/auth/api/break-glass"

// emergencies is what gw_portal asks of the app gw_policy about emergency access: of the session that the request is of.
type emergencies interface {
	TakeBreakGlass(ctx context.Context, rc *reqctx.Request, reason string) (until time.Time, err error)
	EndBreakGlass(ctx context.Context, rc *reqctx.Request) error
	BreakGlassUntil(ctx context.Context, id *reqctx.Identity) (time.Time, error)
}

// To see whether one has it and to give it back takes no more than the session; to take it, takeBreakGlass asks for the permission.
var breakGlassRoutes = map[string]route{
	breakGlassPath: {permission: self, methods: methods{
		"GET": (*Handler).tellBreakGlass, "POST": (*Handler).takeBreakGlass, "DELETE": (*Handler).endBreakGlass,
	}},
}

// emergencyJSON is how the API tells of it.
type emergencyJSON struct {
	Active bool   `json:"active"`
	Until  string `json:"until,omitempty"`
}

func tellEmergency(until time.Time) emergencyJSON {
	if until.IsZero() {
		return emergencyJSON{}
	}
	return emergencyJSON{Active: true, Until: stamp(until)}
}

func (h *Handler) tellBreakGlass(c *call) error {
	until, err := h.policy.BreakGlassUntil(c.r.Context(), c.rc.Identity)
	if err != nil {
		return err
	}
	return c.writeJSON(tellEmergency(until))
}

func (h *Handler) takeBreakGlass(c *call) error {
	if !h.permitted(c, route{permission: breakGlass}) {
		return nil
	}
	in, err := c.fields("reason")
	if err != nil {
		return err
	}
	if err := need(in, "reason"); err != nil {
		return err
	}
	until, err := h.policy.TakeBreakGlass(c.r.Context(), c.rc, in["reason"])
	if err != nil {
		return err
	}
	return c.writeJSON(tellEmergency(until))
}

func (h *Handler) endBreakGlass(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	return c.done(h.policy.EndBreakGlass(c.r.Context(), c.rc))
}

// mayBreakGlass tells whether the form is offered; what it sends is decided again.
func (h *Handler) mayBreakGlass(c *call) bool {
	d := h.policy.Decide(c.r.Context(), &engine.Input{
		RequestID: c.rc.ID, Method: http.MethodPost, Path: breakGlassPath, Route: breakGlassPath, Host: c.r.Host, Permission: breakGlass,
		Identity: c.rc.Identity, Client: c.rc.Client,
	})
	return d.Allow || d.Obligations.StepUp
}

// emergencyProblem says what the client learns of an error about emergency access.
func emergencyProblem(err error) (problem.Problem, bool) {
	return listed(err, map[error]problem.Problem{
		grant.ErrReason: {Status: http.StatusUnprocessableEntity, Type: "bad-reason", Title: "The reason must have 10 to 500 characters that can be printed"},
	})
}
