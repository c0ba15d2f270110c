package identity

import (
	"context"
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
