package portal

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/identity/oidc"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// services are programs with an account.
type services interface {
	ServiceToken(ctx context.Context, assertion, scopes string, a session.Attempt) (session.ServiceToken, error)
	Introspect(ctx context.Context, assertion, raw string, a session.Attempt) (session.Introspection, error)
	Revoke(ctx context.Context, assertion, raw string, a session.Attempt) error
	AuthorizationServer() string
}

const metadataPath = "/.well-known/oauth-authorization-server"

// What OAuth has at its endpoints is form encoded, and so are not the portal's own bodies.
var oauthRoutes = map[string]route{
	"/auth/oauth/token":      {permission: public, methods: methods{"POST": oauth((*Handler).oauthToken)}},
	"/auth/oauth/introspect": {permission: public, methods: methods{"POST": oauth((*Handler).oauthIntrospect)}},
	"/auth/oauth/revoke":     {permission: public, methods: methods{"POST": oauth((*Handler).oauthRevoke)}},
	metadataPath:             {permission: public, methods: methods{"GET": (*Handler).oauthMetadata}},
}

// oauthError is an error answer of RFC 6749, 5.2.
type oauthError struct {
	status int
	code   string
	text   string
}

func (e *oauthError) Error() string { return e.code }

func badRequest(text string) error {
	return &oauthError{http.StatusBadRequest, "invalid_request", text}
}

// oauth has an endpoint answer its errors as OAuth does.
func oauth(f func(*Handler, *call) error) func(*Handler, *call) error {
	return func(h *Handler, c *call) error {
		err := f(h, c)
		var known *oauthError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &known):
		case errors.Is(err, session.ErrClient):
			known = &oauthError{http.StatusUnauthorized, "invalid_client", "The client assertion is not valid"}
		case errors.Is(err, session.ErrScope):
			known = &oauthError{http.StatusBadRequest, "invalid_scope", "The service may not have these scopes"}
		case errors.Is(err, session.ErrNotTheirs):
			known = &oauthError{http.StatusForbidden, "unauthorized_client", "The token is not the service's"}
		case errors.Is(err, apitoken.ErrMany):
			known = &oauthError{http.StatusTooManyRequests, "slow_down", "The service has as many tokens as it may"}
			c.w.Header().Set("Retry-After", "60")
		default: // fail closed
			known = &oauthError{http.StatusServiceUnavailable, "temporarily_unavailable", "Try again later"}
			c.w.Header().Set("Retry-After", "5")
			if c.r.Context().Err() == nil {
				h.logger.Error("an OAuth endpoint could not answer", zap.Error(err), zap.String("route", c.rc.Route), zap.String("request_id", c.rc.ID))
			}
		}
		c.rc.Problem = strings.ReplaceAll(known.code, "_", "-")
		return c.writeOAuth(known.status, map[string]any{"error": known.code, "error_description": known.text})
	}
}

func (c *call) writeOAuth(status int, v any) error {
	c.w.Header().Set("Content-Type", "application/json")
	c.w.Header().Set("Cache-Control", "no-store")
	c.w.WriteHeader(status)
	_ = json.NewEncoder(c.w).Encode(v) // the client has gone: nobody is left to tell
	return nil
}

// form reads a form encoded body. Parameters that are not known are ignored, and none may be there twice (RFC 6749, 3.2); the query is no place for any.
func (c *call) form() (url.Values, error) {
	raw, err := io.ReadAll(io.LimitReader(c.r.Body, maxBody+1))
	var large *http.MaxBytesError
	switch {
	case len(raw) > maxBody, errors.As(err, &large):
		return nil, &oauthError{http.StatusRequestEntityTooLarge, "invalid_request", "The body is too large"}
	case err != nil:
		return nil, badRequest("The body can't be read")
	}
	t, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || t != "application/x-www-form-urlencoded" || !strings.EqualFold(params["charset"], "utf-8") && params["charset"] != "" ||
		len(c.r.Header["Content-Type"]) > 1 || c.r.Header.Get("Content-Encoding") != "" {
		return nil, &oauthError{http.StatusUnsupportedMediaType, "invalid_request", "The body must be application/x-www-form-urlencoded"}
	}
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, badRequest("The body is not well formed")
	}
	for _, values := range form {
		if len(values) != 1 || !utf8.ValidString(values[0]) || strings.ContainsRune(values[0], 0) {
			return nil, badRequest("A parameter is there twice, or is no text")
		}
	}
	return form, nil
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assertion is how the client proves who it is; "" where it does not try to. There is one way.
func assertion(form url.Values) (string, error) {
	given, kind := form.Get("client_assertion"), form.Get("client_assertion_type")
	switch {
	case form.Has("client_secret"):
		return "", &oauthError{http.StatusUnauthorized, "invalid_client", "A client proves itself by private_key_jwt"}
	case given == "" && kind == "":
		return "", nil
	case given == "" || kind != assertionType:
		return "", &oauthError{http.StatusUnauthorized, "invalid_client", "client_assertion or its type is missing"}
	case form.Has("client_id") && form.Get("client_id") != oidc.IssuerOf(given): // RFC 7521, 4.2
		return "", &oauthError{http.StatusUnauthorized, "invalid_client", "client_id is not the assertion's"}
	}
	return given, nil
}

func mustAssert(form url.Values) (string, error) {
	given, err := assertion(form)
	if err == nil && given == "" {
		err = &oauthError{http.StatusUnauthorized, "invalid_client", "client_assertion is missing"}
	}
	return given, err
}

func (h *Handler) oauthToken(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	switch form.Get("grant_type") {
	case "client_credentials":
	case "":
		return badRequest("grant_type is missing")
	default:
		return &oauthError{http.StatusBadRequest, "unsupported_grant_type", "The grant type must be client_credentials"}
	}
	given, err := mustAssert(form)
	if err != nil {
		return err
	}
	t, err := h.identity.ServiceToken(c.r.Context(), given, form.Get("scope"), c.attempt())
	if err != nil {
		return err
	}
	return c.writeOAuth(http.StatusOK, map[string]any{
		"access_token": t.Access, "token_type": "Bearer", "expires_in": seconds(t.Expires), "scope": strings.Join(t.Scopes, " "),
	})
}

func (h *Handler) oauthIntrospect(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	given, err := mustAssert(form)
	if err != nil {
		return err
	}
	token := form.Get("token")
	if token == "" {
		return badRequest("token is missing")
	}
	found, err := h.identity.Introspect(c.r.Context(), given, token, c.attempt())
	if err != nil {
		return err
	}
	return c.writeOAuth(http.StatusOK, introspection(found))
}

func introspection(found session.Introspection) map[string]any {
	id := found.Identity
	if id == nil {
		return map[string]any{"active": false}
	}
	out := map[string]any{
		"active": true, "token_type": "Bearer", "sub": id.Subject, "username": id.Name, "roles": id.Roles, "kind": id.Kind,
		"iss": found.Issuer, "aud": found.Audience, "exp": id.Expires.Unix(), "jti": id.TokenID, "amr": id.Methods, "acr": id.ACR,
	}
	if id.Kind == reqctx.KindService {
		out["client_id"] = id.Name
	}
	if id.Scopes != nil {
		out["scope"] = strings.Join(id.Scopes, " ")
	}
	for name, at := range map[string]time.Time{"auth_time": id.AuthTime, "mfa_time": id.MFATime} {
		if !at.IsZero() {
			out[name] = at.Unix()
		}
	}
	return out
}

func (h *Handler) oauthRevoke(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	given, err := assertion(form)
	if err != nil {
		return err
	}
	token := form.Get("token")
	if token == "" {
		return badRequest("token is missing")
	}
	if err := h.identity.Revoke(c.r.Context(), given, token, c.attempt()); err != nil {
		return err
	}
	c.w.Header().Set("Cache-Control", "no-store")
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// oauthMetadata is RFC 8414. The issuer is configured, never taken from the request; where there is none, the path is not the portal's.
func (h *Handler) oauthMetadata(c *call) error {
	issuer := h.identity.AuthorizationServer()
	algorithms := []string{"ES256", "ES384", "ES512", "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	return c.writeJSON(map[string]any{
		"issuer": issuer, "jwks_uri": issuer + "/.well-known/jwks.json",
		"token_endpoint": issuer + "/auth/oauth/token", "introspection_endpoint": issuer + "/auth/oauth/introspect", "revocation_endpoint": issuer + "/auth/oauth/revoke",
		"grant_types_supported": []string{"client_credentials"}, "response_types_supported": []string{},
		"token_endpoint_auth_methods_supported": []string{"private_key_jwt"}, "token_endpoint_auth_signing_alg_values_supported": algorithms,
		"introspection_endpoint_auth_methods_supported": []string{"private_key_jwt"}, "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
		"revocation_endpoint_auth_methods_supported": []string{"private_key_jwt", "none"}, "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
	})
}
