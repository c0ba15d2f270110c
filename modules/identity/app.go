package identity

import (
	"context"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Login takes the first step: name and password. Errors: session.ErrCredentials; anything else means that it could not be checked.
func (a *App) Login(ctx context.Context, t session.Attempt) (session.Result, error) {
	return a.sessions.Login(ctx, t)
}

// Refresh exchanges a refresh token for new tokens. Errors: session.ErrSession.
func (a *App) Refresh(ctx context.Context, refresh string) (session.Result, error) {
	return a.sessions.Refresh(ctx, refresh)
}

// Logout ends the session of the refresh token and the session sid; either may be "". What has ended already is no error.
func (a *App) Logout(ctx context.Context, refresh, sid string) error {
	return a.sessions.Logout(ctx, refresh, sid)
}

// Verify checks an access token: its signature and claims, and that its session lives. Errors: token.ErrInvalid; anything else
// means that it could not be checked, and the request must be refused (503).
func (a *App) Verify(ctx context.Context, raw string) (*reqctx.Identity, error) {
	return a.sessions.Verify(ctx, raw)
}

// Known returns the identity of a token that was verified before and still holds: no signature is computed and nothing
// asked. The identity is shared: copy it to change it.
func (a *App) Known(raw string) (*reqctx.Identity, bool) { return a.sessions.Known(raw) }

// Watch calls f once, in a goroutine of its own, when the session ends: logout, revocation, role change, disabled account.
func (a *App) Watch(sid string, f func(reason string)) (cancel func()) {
	return a.sessions.Watch(sid, f)
}

// Deadline is when the newest access token given out for the session expires. Errors: session.ErrSession.
func (a *App) Deadline(ctx context.Context, sid string) (time.Time, error) {
	return a.sessions.Deadline(ctx, sid)
}

// ChangePassword changes the person's own password and ends all other sessions. Errors: session.ErrCredentials (the old one is
// wrong), account.WeakPassword, session.Throttled, session.ErrSession.
func (a *App) ChangePassword(ctx context.Context, id *reqctx.Identity, old, new string) error {
	return a.sessions.ChangePassword(ctx, id, old, new)
}

// Profile is what the account page shows.
func (a *App) Profile(ctx context.Context, id *reqctx.Identity) (account.Profile, error) {
	return a.sessions.Profile(ctx, id)
}

// JWKS is the public keys as a JWK Set, JSON.
func (a *App) JWKS() []byte { return a.ground.Keys.JWKS() }
