package portal

import (
	"context"

	"github.com/convosphere/gateway/modules/identity/session"
)

// secondSteps are the second steps of logins, and logins by passkey.
type secondSteps interface {
	TOTP(ctx context.Context, mfaToken, code string, a session.Attempt) (session.Result, error)
	Recovery(ctx context.Context, mfaToken, code string, a session.Attempt) (session.Result, error)
	BeginKey(ctx context.Context, mfaToken string, a session.Attempt) (options any, err error)
	Key(ctx context.Context, mfaToken string, answer []byte, a session.Attempt) (session.Result, error)
	BeginPasskey(ctx context.Context, a session.Attempt) (token string, options any, err error)
	Passkey(ctx context.Context, token string, answer []byte, a session.Attempt) (session.Result, error)
	EnrolTOTPAtLogin(ctx context.Context, mfaToken string) (session.Enrolment, error)
	ConfirmTOTPAtLogin(ctx context.Context, mfaToken, enrolToken, code, name string, a session.Attempt) (session.Result, error)
	BeginAddKeyAtLogin(ctx context.Context, mfaToken string, a session.Attempt) (options any, err error)
	AddKeyAtLogin(ctx context.Context, mfaToken string, answer []byte, name string, a session.Attempt) (session.Result, error)
}

var secondStepRoutes = map[string]route{
	"/auth/api/mfa/totp":                 {permission: public, methods: methods{"POST": (*Handler).totp}},
	"/auth/api/mfa/recovery":             {permission: public, methods: methods{"POST": (*Handler).recovery}},
	"/auth/api/mfa/webauthn/begin":       {permission: public, methods: methods{"POST": (*Handler).beginKey}},
	"/auth/api/mfa/webauthn":             {permission: public, methods: methods{"POST": (*Handler).key}},
	"/auth/api/mfa/enrol/totp":           {permission: public, methods: methods{"POST": (*Handler).enrolTOTPAtLogin}},
	"/auth/api/mfa/enrol/totp/confirm":   {permission: public, methods: methods{"POST": (*Handler).confirmTOTPAtLogin}},
	"/auth/api/mfa/enrol/webauthn/begin": {permission: public, methods: methods{"POST": (*Handler).beginAddKeyAtLogin}},
	"/auth/api/mfa/enrol/webauthn":       {permission: public, methods: methods{"POST": (*Handler).addKeyAtLogin}},
	"/auth/api/passkey/begin":            {permission: public, methods: methods{"POST": (*Handler).beginPasskey}},
	"/auth/api/passkey":                  {permission: public, methods: methods{"POST": (*Handler).passkey}},
}

// loginStep reads the body of a login's last step, takes it, and answers with the tokens. The members are all needed.
func (h *Handler) loginStep(c *call, members []string, take func(ctx context.Context, in map[string]string, a session.Attempt) (session.Result, error), optional ...string) error {
	in, err := c.fields(append(append([]string{"delivery"}, members...), optional...)...)
	if err != nil {
		return err
	}
	if err := need(in, members...); err != nil {
		return err
	}
	how, err := delivery(in)
	if err != nil {
		return err
	}
	a := c.attempt()
	a.Browser = a.Browser || how == inCookies
	if a.Remember, err = flag(in, "remember"); err != nil {
		return err
	}
	if a.RememberDevice, err = flag(in, "remember_device"); err != nil {
		return err
	}
	res, err := take(c.r.Context(), in, a)
	if err != nil {
		return err
	}
	return h.signedIn(c, res, how)
}

func (h *Handler) totp(c *call) error {
	return h.loginStep(c, []string{"mfa_token", "code"}, func(ctx context.Context, in map[string]string, a session.Attempt) (session.Result, error) {
		return h.identity.TOTP(ctx, in["mfa_token"], in["code"], a)
	}, "remember_device")
}

func (h *Handler) recovery(c *call) error {
	return h.loginStep(c, []string{"mfa_token", "code"}, func(ctx context.Context, in map[string]string, a session.Attempt) (session.Result, error) {
		return h.identity.Recovery(ctx, in["mfa_token"], in["code"], a)
	}, "remember_device")
}

func (h *Handler) key(c *call) error {
	return h.loginStep(c, []string{"mfa_token", keyMember}, func(ctx context.Context, in map[string]string, a session.Attempt) (session.Result, error) {
		return h.identity.Key(ctx, in["mfa_token"], []byte(in[keyMember]), a)
	}, "remember_device")
}

func (h *Handler) passkey(c *call) error {
	return h.loginStep(c, []string{"passkey_token", keyMember}, func(ctx context.Context, in map[string]string, a session.Attempt) (session.Result, error) {
		return h.identity.Passkey(ctx, in["passkey_token"], []byte(in[keyMember]), a)
	}, "remember")
}

func (h *Handler) confirmTOTPAtLogin(c *call) error {
	return h.loginStep(c, []string{"mfa_token", "token", "code"}, func(ctx context.Context, in map[string]string, a session.Attempt) (session.Result, error) {
		return h.identity.ConfirmTOTPAtLogin(ctx, in["mfa_token"], in["token"], in["code"], in["name"], a)
	}, "name", "remember_device")
}

func (h *Handler) addKeyAtLogin(c *call) error {
	return h.loginStep(c, []string{"mfa_token", keyMember}, func(ctx context.Context, in map[string]string, a session.Attempt) (session.Result, error) {
		return h.identity.AddKeyAtLogin(ctx, in["mfa_token"], []byte(in[keyMember]), in["name"], a)
	}, "name", "remember_device")
}

// options answers with what a browser asks a key with.
func (c *call) options(options any) error { return c.writeJSON(map[string]any{"options": options}) }

func (h *Handler) beginKey(c *call) error {
	token, err := c.mfaToken()
	if err != nil {
		return err
	}
	options, err := h.identity.BeginKey(c.r.Context(), token, c.attempt())
	if err != nil {
		return err
	}
	return c.options(options)
}

func (h *Handler) beginAddKeyAtLogin(c *call) error {
	token, err := c.mfaToken()
	if err != nil {
		return err
	}
	options, err := h.identity.BeginAddKeyAtLogin(c.r.Context(), token, c.attempt())
	if err != nil {
		return err
	}
	return c.options(options)
}

func (h *Handler) enrolTOTPAtLogin(c *call) error {
	token, err := c.mfaToken()
	if err != nil {
		return err
	}
	e, err := h.identity.EnrolTOTPAtLogin(c.r.Context(), token)
	if err != nil {
		return err
	}
	return c.enrolment(e)
}

// mfaToken reads a body that holds nothing else.
func (c *call) mfaToken() (string, error) {
	in, err := c.fields("mfa_token")
	if err != nil {
		return "", err
	}
	return in["mfa_token"], need(in, "mfa_token")
}

func (c *call) enrolment(e session.Enrolment) error {
	picture, err := qrURL(e.URI)
	if err != nil {
		return err
	}
	return c.writeJSON(map[string]any{"token": e.Token, "secret": e.Secret, "uri": e.URI, "qr": picture})
}

func (h *Handler) beginPasskey(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	token, options, err := h.identity.BeginPasskey(c.r.Context(), c.attempt())
	if err != nil {
		return err
	}
	return c.writeJSON(map[string]any{"passkey_token": token, "options": options})
}
