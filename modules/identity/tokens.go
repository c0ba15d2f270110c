package identity

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// NewToken makes a personal access token for the person, and returns its secret this once. scopes are permissions, separated by blanks. Errors:
// session.NotFresh, session.ErrSession, session.ErrNoTokens, session.ErrTokenLife, apitoken.ErrName, apitoken.ErrScope, apitoken.ErrMany.
func (a *App) NewToken(ctx context.Context, id *reqctx.Identity, name, scopes string, life time.Duration) (apitoken.Token, string, error) {
	return a.sessions.NewToken(ctx, id, name, scopes, life)
}

// Tokens returns the person's living tokens, the newest first, and the rules; nil where there are to be none. Errors: session.ErrSession.
func (a *App) Tokens(ctx context.Context, id *reqctx.Identity) ([]apitoken.Token, *session.TokenRules, error) {
	return a.sessions.Tokens(ctx, id)
}

// EndToken ends a token of the person. Errors: session.ErrSession, apitoken.ErrNotFound.
func (a *App) EndToken(ctx context.Context, id *reqctx.Identity, of string) error {
	return a.sessions.EndToken(ctx, id, of)
}

// ServiceToken gives a service an access token for its client assertion; scopes are separated by blanks, "" are all that it may have. Of t only the client's
// part is read. Errors: session.ErrClient, session.ErrScope, apitoken.ErrMany.
func (a *App) ServiceToken(ctx context.Context, assertion, scopes string, t session.Attempt) (session.ServiceToken, error) {
	return a.sessions.ServiceToken(ctx, assertion, scopes, t)
}

// Introspect tells a service what a token is good for (RFC 7662). Errors: session.ErrClient.
func (a *App) Introspect(ctx context.Context, assertion, raw string, t session.Attempt) (session.Introspection, error) {
	return a.sessions.Introspect(ctx, assertion, raw, t)
}

// Revoke ends a token (RFC 7009); assertion is "" where no service asks. Errors: session.ErrClient, session.ErrNotTheirs.
func (a *App) Revoke(ctx context.Context, assertion, raw string, t session.Attempt) error {
	return a.sessions.Revoke(ctx, assertion, raw, t)
}

// AuthorizationServer is the URL that services know the gateway by (RFC 8414): public_url, or the issuer where it is one. "" where neither is given.
func (a *App) AuthorizationServer() string {
	for _, s := range []string{strings.TrimSuffix(a.PublicURL, "/"), a.Issuer} {
		if u, err := url.Parse(s); err == nil && u.Scheme == "https" && u.Host != "" && "https://"+u.Host == s {
			return s
		}
	}
	return ""
}
