package identity

import (
	"context"

	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// RegistrationMode says who may register: off, open, invitation or approval.
func (a *App) RegistrationMode() string { return a.people.Registration }

// HasMail tells whether mail is configured, and with it registration by everybody, reset of passwords and change of addresses.
func (a *App) HasMail() bool { return a.people.Box != nil }

// PasswordsExpire tells whether a login may ask for another password.
func (a *App) PasswordsExpire() bool { return a.Passwords != nil && a.Passwords.MaxAge > 0 }

// Register takes a registration: lifecycle.Desk.Register.
func (a *App) Register(ctx context.Context, r lifecycle.Registration, t session.Attempt) (status string, err error) {
	return a.people.Register(ctx, r, t)
}

// ConfirmRegistration opens the account of a registration whose mail was read: lifecycle.Desk.ConfirmRegistration.
func (a *App) ConfirmRegistration(ctx context.Context, secret, password, username string, t session.Attempt) (status string, err error) {
	return a.people.ConfirmRegistration(ctx, secret, password, username, t)
}

// RequestReset mails a link for a new password, if the address has an account: lifecycle.Desk.RequestReset.
func (a *App) RequestReset(ctx context.Context, email string, t session.Attempt) error {
	return a.people.RequestReset(ctx, email, t)
}

// Reset sets a new password for who holds the link: lifecycle.Desk.Reset.
func (a *App) Reset(ctx context.Context, secret, password string, t session.Attempt) error {
	return a.people.Reset(ctx, secret, password, t)
}

// SetProfile changes what a person shows of themselves; nil leaves a value as it is. Errors: account.ErrDisplayName, ErrLocale.
func (a *App) SetProfile(ctx context.Context, id *reqctx.Identity, displayName, locale *string, t session.Attempt) error {
	return a.people.SetProfile(ctx, id.Subject, displayName, locale, t)
}

// ChangeEmail asks a new address for a confirmation by mail. Errors: session.NotFresh, and as lifecycle.Desk.ChangeEmail.
func (a *App) ChangeEmail(ctx context.Context, id *reqctx.Identity, email string, t session.Attempt) error {
	own, err := a.sessions.Fresh(ctx, id)
	if err != nil {
		return err
	}
	return a.people.ChangeEmail(ctx, own, email, t)
}

// ConfirmEmail gives the account the address whose mail was read: lifecycle.Desk.ConfirmEmail.
func (a *App) ConfirmEmail(ctx context.Context, id *reqctx.Identity, secret string, t session.Attempt) error {
	return a.people.ConfirmEmail(ctx, id.Subject, id.Session, secret, t)
}

// Export is everything that is kept of the person. Errors: session.NotFresh, session.ErrSession.
func (a *App) Export(ctx context.Context, id *reqctx.Identity, t session.Attempt) (map[string]any, error) {
	own, err := a.sessions.Fresh(ctx, id)
	if err != nil {
		return nil, err
	}
	return a.people.ExportOwn(ctx, own, t)
}

// Erase erases the person's own account for good. Errors: session.NotFresh, session.ErrSession.
func (a *App) Erase(ctx context.Context, id *reqctx.Identity, t session.Attempt) error {
	own, err := a.sessions.Fresh(ctx, id)
	if err != nil {
		return err
	}
	return a.people.EraseOwn(ctx, own, t)
}
