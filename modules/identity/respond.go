package identity

import (
	"context"

	"github.com/convosphere/gateway/modules/identity/account"
)

// What responses to what was seen do to accounts and sessions. Errors of all that name an account: account.ErrNotFound.

// LockAccount shuts an account, or opens again what it has shut. Errors: lifecycle.ErrLastAdmin, ErrLocked.
func (a *App) LockAccount(ctx context.Context, id string, locked bool) error {
	return a.on(ctx, id, func(of account.Account) error {
		if !locked {
			return a.people.Reopen(ctx, of)
		}
		return a.people.Lock(ctx, of)
	})
}

// EndSessionsOf ends all sessions of an account.
func (a *App) EndSessionsOf(ctx context.Context, id string) error {
	return a.on(ctx, id, func(of account.Account) error { return a.people.EndAll(ctx, of) })
}

// EndOneSession ends a session, whosever it is. One that has ended already is no error.
func (a *App) EndOneSession(ctx context.Context, sid string) error {
	return a.sessions.End(ctx, sid, "ended by a response")
}
