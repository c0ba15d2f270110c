package portal

import (
	"context"

	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// stepUps are the ways of a signed-in person to give a factor again.
type stepUps interface {
	StepUp(ctx context.Context, id *reqctx.Identity, code string, a session.Attempt) (session.Result, error)
	StepUpRecovery(ctx context.Context, id *reqctx.Identity, code string, a session.Attempt) (session.Result, error)
	StepUpPassword(ctx context.Context, id *reqctx.Identity, password string, a session.Attempt) (session.Result, error)
	BeginStepUpKey(ctx context.Context, id *reqctx.Identity, a session.Attempt) (options any, err error)
	StepUpKey(ctx context.Context, id *reqctx.Identity, answer []byte, a session.Attempt) (session.Result, error)
}

var stepUpRoutes = map[string]route{
	"/auth/api/stepup/totp":           {permission: self, methods: methods{"POST": (*Handler).stepUp}, stepUp: true},
	"/auth/api/stepup/recovery":       {permission: self, methods: methods{"POST": (*Handler).stepUpRecovery}, stepUp: true},
	"/auth/api/stepup/password":       {permission: self, methods: methods{"POST": (*Handler).stepUpPassword}, stepUp: true},
	"/auth/api/stepup/webauthn/begin": {permission: self, methods: methods{"POST": (*Handler).beginStepUpKey}, stepUp: true},
	"/auth/api/stepup/webauthn":       {permission: self, methods: methods{"POST": (*Handler).stepUpKey}, stepUp: true},
}

// ownStep reads a body, takes the step of a signed-in person, and answers with new tokens, the way the old ones came. The members are all needed.
func (h *Handler) ownStep(c *call, members []string, take func(ctx context.Context, in map[string]string, a session.Attempt) (session.Result, error), optional ...string) error {
	in, err := c.fields(append(optional, members...)...)
	if err != nil {
		return err
	}
	if err := need(in, members...); err != nil {
		return err
	}
	res, err := take(c.r.Context(), in, c.attempt())
	if err != nil {
		return err
	}
	return tokens(c, res, back(c.rc.Identity))
}

func (h *Handler) stepUp(c *call) error {
	return h.ownStep(c, []string{"code"}, func(ctx context.Context, in map[string]string, a session.Attempt) (session.Result, error) {
		return h.identity.StepUp(ctx, c.rc.Identity, in["code"], a)
	})
}

func (h *Handler) stepUpRecovery(c *call) error {
	return h.ownStep(c, []string{"code"}, func(ctx context.Context, in map[string]string, a session.Attempt) (session.Result, error) {
		return h.identity.StepUpRecovery(ctx, c.rc.Identity, in["code"], a)
	})
}

func (h *Handler) stepUpPassword(c *call) error {
	return h.ownStep(c, []string{"password"}, func(ctx context.Context, in map[string]string, a session.Attempt) (session.Result, error) {
		return h.identity.StepUpPassword(ctx, c.rc.Identity, in["password"], a)
	})
}

func (h *Handler) beginStepUpKey(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	options, err := h.identity.BeginStepUpKey(c.r.Context(), c.rc.Identity, c.attempt())
	if err != nil {
		return err
	}
	return c.options(options)
}

func (h *Handler) stepUpKey(c *call) error {
	return h.ownStep(c, []string{keyMember}, func(ctx context.Context, in map[string]string, a session.Attempt) (session.Result, error) {
		return h.identity.StepUpKey(ctx, c.rc.Identity, []byte(in[keyMember]), a)
	})
}
