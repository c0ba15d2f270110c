package portal

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// writeJSON answers 200.
func (c *call) writeJSON(v any) error {
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method != http.MethodHead {
		_ = json.NewEncoder(c.w).Encode(v) // the client has gone: nobody is left to tell
	}
	return nil
}

func (c *call) attempt() session.Attempt {
	device := devices(c.r)
	return session.Attempt{
		Host: c.r.Host, Client: c.rc.Client, UserAgent: c.r.UserAgent(), RequestID: c.rc.ID, TraceID: c.rc.Trace.ID(),
		// Every browser sends Sec-Fetch-Site; a program that takes its tokens in the body keeps no cookies.
		Browser: device != "" || c.r.Header.Get("Sec-Fetch-Site") != "", Device: device,
	}
}

func (h *Handler) login(c *call) error {
	in, err := c.fields("username", "password", "delivery", "remember", "challenge")
	if err != nil {
		return err
	}
	if err := need(in, "username", "password"); err != nil {
		return err
	}
	how, err := delivery(in)
	if err != nil {
		return err
	}
	a := c.attempt()
	a.Username, a.Password, a.Challenge = in["username"], in["password"], in["challenge"]
	a.Browser = a.Browser || how == inCookies
	if a.Remember, err = flag(in, "remember"); err != nil {
		return err
	}
	res, err := h.identity.Login(c.r.Context(), a)
	if err != nil {
		return err
	}
	return h.signedIn(c, res, how)
}

// signedIn answers a login's step: tokens, or the request for the second step, or for the enrolment of what can be one.
func (h *Handler) signedIn(c *call, res session.Result, how string) error {
	if res.NewPassword != "" {
		return c.writeJSON(map[string]any{"status": "password_expired", "token": res.NewPassword})
	}
	if res.Tokens == nil {
		return c.writeJSON(map[string]any{"status": stepOf(res), "mfa_token": res.MFAToken, "factors": res.Factors})
	}
	if how == inCookies {
		h.endReplaced(c)
	}
	return tokens(c, res, how)
}

// stepOf is what a login still needs.
func stepOf(res session.Result) string {
	if res.Enrol {
		return "enrol_required"
	}
	return "mfa_required"
}

// endReplaced ends the session that the browser forgets because it gets another. Left to its age where that fails.
func (h *Handler) endReplaced(c *call) {
	old, ok := refreshToken(c.r)
	if !ok {
		return
	}
	if err := h.identity.Logout(c.r.Context(), old, ""); err != nil {
		h.logger.Warn("a replaced session could not be ended", zap.Error(err), zap.String("request_id", c.rc.ID))
	}
}

// tokens hands out new tokens.
func tokens(c *call, res session.Result, how string) error {
	if res.Tokens == nil || res.Identity == nil {
		return errors.New("the identity app gave no tokens")
	}
	out := map[string]any{
		"status":     "ok",
		"user":       map[string]any{"username": res.Identity.Name, "roles": res.Identity.Roles},
		"expires_in": seconds(res.Tokens.AccessExpires),
	}
	if how == inBody {
		out["access_token"], out["refresh_token"], out["token_type"] = res.Tokens.Access, res.Tokens.Refresh, "Bearer"
	} else {
		c.w.Header().Del("Set-Cookie") // gw_authenticate may have cleared the old one
		setCookies(c.w, res.Tokens)
	}
	setDevice(c.w, res)
	return c.writeJSON(out)
}

func (h *Handler) refresh(c *call) error {
	in, err := c.fields("refresh_token", "delivery")
	if err != nil {
		return err
	}
	how, err := delivery(in)
	if err != nil {
		return err
	}
	token, cookie := in["refresh_token"], false
	if token == "" {
		token, cookie = refreshToken(c.r)
		if !cookie {
			clearCookies(c.w)
			return session.ErrSession
		}
		if how == inBody { // a script could so read what HttpOnly hides
			return &badBody{http.StatusUnprocessableEntity, "A cookie's tokens are not delivered in the body"}
		}
	}
	res, err := h.identity.Refresh(c.r.Context(), token)
	if err != nil {
		if cookie && errors.Is(err, session.ErrSession) {
			clearCookies(c.w)
		}
		return err
	}
	return tokens(c, res, how)
}

func (h *Handler) logout(c *call) error {
	in, err := c.fields("refresh_token")
	if err != nil {
		return err
	}
	token := in["refresh_token"]
	if token == "" {
		token, _ = refreshToken(c.r)
	}
	sid := ""
	if c.rc.Identity != nil {
		sid = c.rc.Identity.Session
	}
	clearCookies(c.w) // also when the rest fails: the browser at least forgets
	if token != "" || sid != "" {
		if err := h.identity.Logout(c.r.Context(), token, sid); err != nil && !errors.Is(err, session.ErrSession) {
			return err
		}
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *Handler) session(c *call) error {
	id := c.rc.Identity
	out := map[string]any{
		"username": id.Name, "roles": id.Roles, "session": id.Session,
		"auth_time": stamp(id.AuthTime), "acr": id.ACR, "amr": id.Methods, "expires_at": stamp(id.Expires),
	}
	if !id.MFATime.IsZero() {
		out["mfa_time"] = stamp(id.MFATime)
	}
	return c.writeJSON(out)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// back is how new tokens go to somebody who is signed in: the way the old one came.
func back(id *reqctx.Identity) string {
	if id.Cookie {
		return inCookies
	}
	return inBody
}

func (h *Handler) jwks(c *call) error {
	c.w.Header().Set("Content-Type", "application/jwk-set+json")
	c.w.Header().Set("Cache-Control", "public, max-age=300")
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(h.identity.JWKS())
	}
	return nil
}
