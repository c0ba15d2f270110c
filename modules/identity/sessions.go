package identity

import (
	"context"

	"github.com/convosphere/gateway/modules/identity/device"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Sessions lists the person's open sessions, the last used first. Errors: session.ErrSession.
func (a *App) Sessions(ctx context.Context, id *reqctx.Identity) ([]session.Open, error) {
	return a.sessions.Sessions(ctx, id)
}

// EndSession ends one of the person's sessions. Errors: session.ErrNotFound, session.ErrSession.
func (a *App) EndSession(ctx context.Context, id *reqctx.Identity, sid string) error {
	return a.sessions.EndSession(ctx, id, sid)
}

// EndSessions ends all of the person's sessions but the one that asks; with current that one, too. Errors: session.ErrSession.
func (a *App) EndSessions(ctx context.Context, id *reqctx.Identity, current bool) error {
	return a.sessions.EndSessions(ctx, id, current)
}

// Devices lists where the person has signed in from, and which of it this is. Errors: session.ErrSession.
func (a *App) Devices(ctx context.Context, id *reqctx.Identity) (all []device.Device, current string, err error) {
	return a.sessions.Devices(ctx, id)
}

// ForgetDevice makes a device unknown and ends its sessions. Errors: session.ErrNotFound, session.ErrSession.
func (a *App) ForgetDevice(ctx context.Context, id *reqctx.Identity, device string) error {
	return a.sessions.ForgetDevice(ctx, id, device)
}
