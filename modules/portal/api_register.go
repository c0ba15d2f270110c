package portal

import (
	"context"
	"net/http"

	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/identity/session"
)

// registrations is what anybody may ask of the app gw_identity who has no account, or can't get in.
type registrations interface {
	RegistrationMode() string
	HasMail() bool
	PasswordsExpire() bool
	Register(ctx context.Context, r lifecycle.Registration, t session.Attempt) (status string, err error)
	ConfirmRegistration(ctx context.Context, secret, password, username string, t session.Attempt) (status string, err error)
	RequestReset(ctx context.Context, email string, t session.Attempt) error
	Reset(ctx context.Context, secret, password string, t session.Attempt) error
}

var registerRoutes = map[string]route{
	"/auth/api/config":           {permission: public, methods: methods{"GET": (*Handler).config}},
	"/auth/api/register":         {permission: public, methods: methods{"POST": (*Handler).register}},
	"/auth/api/register/confirm": {permission: public, methods: methods{"POST": (*Handler).confirmRegistration}},
	"/auth/api/reset":            {permission: public, methods: methods{"POST": (*Handler).requestReset}},
	"/auth/api/reset/confirm":    {permission: public, methods: methods{"POST": (*Handler).reset}},
}

// config tells programs what the pages know of what is on.
func (h *Handler) config(c *call) error {
	o := h.offers()
	providers := []map[string]string{}
	for _, p := range o.Providers {
		providers = append(providers, map[string]string{"id": p.ID, "name": p.Name})
	}
	return c.writeJSON(map[string]any{
		"registration": o.Registration, "reset": o.Reset, "passkeys": o.Passkeys, "remember": o.RememberMe, "providers": providers, "locales": h.look.catalog.Languages(),
	})
}

// register answers alike whether the address or the name has an account: "confirm", and what follows stands in a mail.
func (h *Handler) register(c *call) error {
	in, err := c.fields("username", "email", "password", "invitation", "display_name", "locale")
	if err != nil {
		return err
	}
	if err := need(in, "username", "password"); err != nil {
		return err
	}
	if in["locale"] == "" {
		in["locale"] = h.language(c.r)
	}
	status, err := h.identity.Register(c.r.Context(), lifecycle.Registration{
		Username: in["username"], Email: in["email"], Password: in["password"], DisplayName: in["display_name"], Locale: in["locale"], Invitation: in["invitation"],
	}, c.attempt())
	if err != nil {
		return named(err)
	}
	return c.writeJSON(map[string]string{"status": status})
}

func (h *Handler) confirmRegistration(c *call) error {
	in, err := c.fields("token", "password", "username")
	if err != nil {
		return err
	}
	if err := need(in, "token", "password"); err != nil {
		return err
	}
	status, err := h.identity.ConfirmRegistration(c.r.Context(), in["token"], in["password"], in["username"], c.attempt())
	if err != nil {
		return named(err)
	}
	return c.writeJSON(map[string]string{"status": status})
}

// requestReset answers 202 whether the address has an account, or is one.
func (h *Handler) requestReset(c *call) error {
	in, err := c.fields("email")
	if err != nil {
		return err
	}
	if err := need(in, "email"); err != nil {
		return err
	}
	if err := h.identity.RequestReset(c.r.Context(), in["email"], c.attempt()); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

func (h *Handler) reset(c *call) error {
	in, err := c.fields("token", "password")
	if err != nil {
		return err
	}
	if err := need(in, "token", "password"); err != nil {
		return err
	}
	if err := h.identity.Reset(c.r.Context(), in["token"], in["password"], c.attempt()); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
