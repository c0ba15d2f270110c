package portal

import (
	"context"
	"net/http"

	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// profiles is what people do to their own accounts, beside factors, sessions and tokens.
type profiles interface {
	SetProfile(ctx context.Context, id *reqctx.Identity, displayName, locale *string, t session.Attempt) error
	ChangeEmail(ctx context.Context, id *reqctx.Identity, email string, t session.Attempt) error
	ConfirmEmail(ctx context.Context, id *reqctx.Identity, secret string, t session.Attempt) error
	Export(ctx context.Context, id *reqctx.Identity, t session.Attempt) (map[string]any, error)
	Erase(ctx context.Context, id *reqctx.Identity, t session.Attempt) error
}

var profileRoutes = map[string]route{
	"/auth/api/account":               {permission: self, methods: methods{"GET": (*Handler).account, "PATCH": (*Handler).setProfile}},
	"/auth/api/account/email":         {permission: self, methods: methods{"POST": (*Handler).changeEmail}},
	"/auth/api/account/email/confirm": {permission: self, methods: methods{"POST": (*Handler).confirmEmail}},
	"/auth/api/account/export":        {permission: self, methods: methods{"GET": (*Handler).export}},
	"/auth/api/account/erase":         {permission: self, methods: methods{"POST": (*Handler).erase}},
}

func (h *Handler) account(c *call) error {
	p, err := h.identity.Profile(c.r.Context(), c.rc.Identity)
	if err != nil {
		return err
	}
	out := map[string]any{
		"username": p.Username, "display_name": p.DisplayName, "email": p.Email, "email_verified": p.EmailVerified, "locale": p.Locale,
		"roles": p.Roles, "created_at": stamp(p.CreatedAt), "second_factor": p.SecondFactor(),
	}
	if !p.PasswordChangedAt.IsZero() { // else there is none
		out["password_changed_at"] = stamp(p.PasswordChangedAt)
	}
	return c.writeJSON(out)
}

func (h *Handler) setProfile(c *call) error {
	in, err := c.fields("display_name", "locale")
	if err != nil {
		return err
	}
	given := func(name string) *string {
		if v, ok := in[name]; ok {
			return &v
		}
		return nil
	}
	if err := h.identity.SetProfile(c.r.Context(), c.rc.Identity, given("display_name"), given("locale"), c.attempt()); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// changeEmail answers 202 whether the address has another account or not.
func (h *Handler) changeEmail(c *call) error {
	in, err := c.fields("email")
	if err != nil {
		return err
	}
	if err := need(in, "email"); err != nil {
		return err
	}
	if err := h.identity.ChangeEmail(c.r.Context(), c.rc.Identity, in["email"], c.attempt()); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

func (h *Handler) confirmEmail(c *call) error {
	in, err := c.fields("token")
	if err != nil {
		return err
	}
	if err := need(in, "token"); err != nil {
		return err
	}
	if err := h.identity.ConfirmEmail(c.r.Context(), c.rc.Identity, in["token"], c.attempt()); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *Handler) export(c *call) error {
	out, err := h.identity.Export(c.r.Context(), c.rc.Identity, c.attempt())
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Disposition", `attachment; filename="account.json"`)
	return c.writeJSON(out)
}

func (h *Handler) erase(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	if err := h.identity.Erase(c.r.Context(), c.rc.Identity, c.attempt()); err != nil {
		return err
	}
	clearCookies(c.w)
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
