package portal

import (
	"context"
	"net/http"

	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// factors are a person's second factors.
type factors interface {
	ListFactors(ctx context.Context, id *reqctx.Identity) (all []factor.Factor, recoveryCodes int, err error)
	RenameFactor(ctx context.Context, id *reqctx.Identity, of, name string) error
	RemoveFactor(ctx context.Context, id *reqctx.Identity, of string) error
	RenewRecoveryCodes(ctx context.Context, id *reqctx.Identity) ([]string, error)
	EnrolTOTP(ctx context.Context, id *reqctx.Identity) (session.Enrolment, error)
	ConfirmTOTP(ctx context.Context, id *reqctx.Identity, enrolToken, code, name string, a session.Attempt) (session.Result, error)
	RemoveTOTP(ctx context.Context, id *reqctx.Identity, code string) error
	BeginAddKey(ctx context.Context, id *reqctx.Identity, a session.Attempt) (options any, err error)
	AddKey(ctx context.Context, id *reqctx.Identity, answer []byte, name string, a session.Attempt) (session.Result, error)
}

var factorRoutes = map[string]route{
	"/auth/api/account/factors":        {permission: self, methods: methods{"GET": (*Handler).listFactors}},
	"/auth/api/account/factors/{id}":   {permission: self, methods: methods{"PATCH": (*Handler).renameFactor, "DELETE": (*Handler).removeFactor}},
	"/auth/api/account/recovery-codes": {permission: self, methods: methods{"POST": (*Handler).renewRecoveryCodes}},
	"/auth/api/account/totp":           {permission: self, methods: methods{"POST": (*Handler).enrolTOTP, "DELETE": (*Handler).removeTOTP}},
	"/auth/api/account/totp/confirm":   {permission: self, methods: methods{"POST": (*Handler).confirmTOTP}},
	"/auth/api/account/webauthn/begin": {permission: self, methods: methods{"POST": (*Handler).beginAddKey}},
	"/auth/api/account/webauthn":       {permission: self, methods: methods{"POST": (*Handler).addKey}},
}

// factorJSON is one factor as its owner sees it.
type factorJSON struct {
	ID        string `json:"id"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	CreatedAt string `json:"created_at"`
	UsedAt    string `json:"used_at,omitempty"`
	Synced    bool   `json:"synced,omitempty"`
}

func (h *Handler) listFactors(c *call) error {
	all, left, err := h.identity.ListFactors(c.r.Context(), c.rc.Identity)
	if err != nil {
		return err
	}
	out := make([]factorJSON, 0, len(all))
	for _, f := range all {
		j := factorJSON{ID: f.ID, Kind: f.Kind, Name: f.Name, CreatedAt: stamp(f.CreatedAt), Synced: f.BackedUp}
		if !f.UsedAt.IsZero() {
			j.UsedAt = stamp(f.UsedAt)
		}
		out = append(out, j)
	}
	return c.writeJSON(map[string]any{"factors": out, "recovery_codes_left": left})
}

func (h *Handler) renameFactor(c *call) error {
	in, err := c.fields("name")
	if err != nil {
		return err
	}
	if err := need(in, "name"); err != nil {
		return err
	}
	return c.done(h.identity.RenameFactor(c.r.Context(), c.rc.Identity, c.id, in["name"]))
}

func (h *Handler) removeFactor(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	return c.done(h.identity.RemoveFactor(c.r.Context(), c.rc.Identity, c.id))
}

func (h *Handler) removeTOTP(c *call) error {
	in, err := c.fields("code")
	if err != nil {
		return err
	}
	if err := need(in, "code"); err != nil {
		return err
	}
	return c.done(h.identity.RemoveTOTP(c.r.Context(), c.rc.Identity, in["code"]))
}

// done answers 204 where there is no error.
func (c *call) done(err error) error {
	if err == nil {
		c.w.WriteHeader(http.StatusNoContent)
	}
	return err
}

func (h *Handler) renewRecoveryCodes(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	codes, err := h.identity.RenewRecoveryCodes(c.r.Context(), c.rc.Identity)
	if err != nil {
		return err
	}
	return c.writeJSON(map[string]any{"codes": codes})
}

func (h *Handler) enrolTOTP(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	e, err := h.identity.EnrolTOTP(c.r.Context(), c.rc.Identity)
	if err != nil {
		return err
	}
	return c.enrolment(e)
}

func (h *Handler) confirmTOTP(c *call) error {
	return h.ownStep(c, []string{"token", "code"}, func(ctx context.Context, in map[string]string, a session.Attempt) (session.Result, error) {
		return h.identity.ConfirmTOTP(ctx, c.rc.Identity, in["token"], in["code"], in["name"], a)
	}, "name")
}

func (h *Handler) beginAddKey(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	options, err := h.identity.BeginAddKey(c.r.Context(), c.rc.Identity, c.attempt())
	if err != nil {
		return err
	}
	return c.options(options)
}

func (h *Handler) addKey(c *call) error {
	return h.ownStep(c, []string{keyMember}, func(ctx context.Context, in map[string]string, a session.Attempt) (session.Result, error) {
		return h.identity.AddKey(ctx, c.rc.Identity, []byte(in[keyMember]), in["name"], a)
	}, "name")
}
