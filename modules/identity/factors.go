package identity

import (
	"context"

	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// TOTP takes a code of an authenticator app as the second step of a login. Of t only the client's part is read. Errors: session.ErrCode,
// session.ErrSession (log in again), session.Throttled.
func (a *App) TOTP(ctx context.Context, mfaToken, code string, t session.Attempt) (session.Result, error) {
	return a.sessions.TOTP(ctx, mfaToken, code, t)
}

// Recovery takes a recovery code as the second step. Errors: session.ErrCode, session.ErrSession (log in again).
func (a *App) Recovery(ctx context.Context, mfaToken, code string, t session.Attempt) (session.Result, error) {
	return a.sessions.Recovery(ctx, mfaToken, code, t)
}

// BeginKey asks for a security key or passkey as the second step; the options are for navigator.credentials.get. Errors: session.ErrSession (log in
// again), factor.ErrNoKey, factor.ErrSite.
func (a *App) BeginKey(ctx context.Context, mfaToken string, t session.Attempt) (options any, err error) {
	return a.sessions.BeginKey(ctx, mfaToken, t)
}

// Key takes its answer. Errors: session.ErrSession (log in again), session.ErrChallenge, factor.ErrKey.
func (a *App) Key(ctx context.Context, mfaToken string, answer []byte, t session.Attempt) (session.Result, error) {
	return a.sessions.Key(ctx, mfaToken, answer, t)
}

// BeginPasskey asks for a passkey as the only step, of nobody known yet. Errors: factor.ErrSite.
func (a *App) BeginPasskey(ctx context.Context, t session.Attempt) (token string, options any, err error) {
	return a.sessions.BeginPasskey(ctx, t)
}

// Passkey takes its answer. Errors: session.ErrChallenge, factor.ErrKey, session.ErrCredentials (the account is disabled).
func (a *App) Passkey(ctx context.Context, token string, answer []byte, t session.Attempt) (session.Result, error) {
	return a.sessions.Passkey(ctx, token, answer, t)
}

// EnrolTOTPAtLogin begins to add an authenticator app in a login that must enrol a factor. Errors: session.ErrSession (log in again).
func (a *App) EnrolTOTPAtLogin(ctx context.Context, mfaToken string) (session.Enrolment, error) {
	return a.sessions.EnrolTOTPAtLogin(ctx, mfaToken)
}

// ConfirmTOTPAtLogin ends it, and the login, with a first code. Errors: as ConfirmTOTP.
func (a *App) ConfirmTOTPAtLogin(ctx context.Context, mfaToken, enrolToken, code, name string, t session.Attempt) (session.Result, error) {
	return a.sessions.ConfirmTOTPAtLogin(ctx, mfaToken, enrolToken, code, name, t)
}

// BeginAddKeyAtLogin begins to add a key in such a login. Errors: session.ErrSession (log in again), factor.ErrSite.
func (a *App) BeginAddKeyAtLogin(ctx context.Context, mfaToken string, t session.Attempt) (options any, err error) {
	return a.sessions.BeginAddKeyAtLogin(ctx, mfaToken, t)
}

// AddKeyAtLogin ends it, and the login. Errors: as AddKey.
func (a *App) AddKeyAtLogin(ctx context.Context, mfaToken string, answer []byte, name string, t session.Attempt) (session.Result, error) {
	return a.sessions.AddKeyAtLogin(ctx, mfaToken, answer, name, t)
}

// StepUp asks a signed-in person for a code again. The session gets a new id; the old one ends. Errors: as TOTP, and account.ErrNotFound where the
// account has no authenticator app.
func (a *App) StepUp(ctx context.Context, id *reqctx.Identity, code string, t session.Attempt) (session.Result, error) {
	return a.sessions.StepUp(ctx, id, code, t)
}

// StepUpRecovery takes a recovery code for it. Errors: session.ErrCode, session.ErrSession.
func (a *App) StepUpRecovery(ctx context.Context, id *reqctx.Identity, code string, t session.Attempt) (session.Result, error) {
	return a.sessions.StepUpRecovery(ctx, id, code, t)
}

// StepUpPassword takes the password again: no second factor is given by it. Errors: session.ErrCredentials, session.ErrSession, session.Throttled.
func (a *App) StepUpPassword(ctx context.Context, id *reqctx.Identity, password string, t session.Attempt) (session.Result, error) {
	return a.sessions.StepUpPassword(ctx, id, password, t)
}

// BeginStepUpKey asks for a security key or passkey for it. Errors: as BeginKey.
func (a *App) BeginStepUpKey(ctx context.Context, id *reqctx.Identity, t session.Attempt) (options any, err error) {
	return a.sessions.BeginStepUpKey(ctx, id, t)
}

// StepUpKey takes its answer. Errors: session.ErrSession, session.ErrChallenge, factor.ErrKey.
func (a *App) StepUpKey(ctx context.Context, id *reqctx.Identity, answer []byte, t session.Attempt) (session.Result, error) {
	return a.sessions.StepUpKey(ctx, id, answer, t)
}

// EnrolTOTP begins to add an authenticator app. Errors: session.NotFresh, session.ErrSession.
func (a *App) EnrolTOTP(ctx context.Context, id *reqctx.Identity) (session.Enrolment, error) {
	return a.sessions.EnrolTOTP(ctx, id)
}

// ConfirmTOTP ends the enrolment with a first code, which is spent by it. The session gets a new id. Errors: session.ErrCode,
// session.ErrSession (the enrolment has expired), session.NotFresh, factor.ErrName, factor.ErrMany.
func (a *App) ConfirmTOTP(ctx context.Context, id *reqctx.Identity, enrolToken, code, name string, t session.Attempt) (session.Result, error) {
	return a.sessions.ConfirmTOTP(ctx, id, enrolToken, code, name, t)
}

// RemoveTOTP takes an authenticator app away, for one more code of it. Errors: as StepUp, and session.ErrRequired.
func (a *App) RemoveTOTP(ctx context.Context, id *reqctx.Identity, code string) error {
	return a.sessions.RemoveTOTP(ctx, id, code)
}

// BeginAddKey begins to add a security key or passkey; the options are for navigator.credentials.create. Errors: session.NotFresh,
// session.ErrSession, factor.ErrSite.
func (a *App) BeginAddKey(ctx context.Context, id *reqctx.Identity, t session.Attempt) (options any, err error) {
	return a.sessions.BeginAddKey(ctx, id, t)
}

// AddKey ends it. The session gets a new id. Errors: session.ErrSession, session.NotFresh, session.ErrChallenge, factor.ErrKey, factor.ErrName,
// factor.ErrMany, account.ErrExists (the key is somebody's).
func (a *App) AddKey(ctx context.Context, id *reqctx.Identity, answer []byte, name string, t session.Attempt) (session.Result, error) {
	return a.sessions.AddKey(ctx, id, answer, name, t)
}

// ListFactors returns the person's second factors and how many recovery codes are left. Errors: session.ErrSession.
func (a *App) ListFactors(ctx context.Context, id *reqctx.Identity) ([]factor.Factor, int, error) {
	return a.sessions.ListFactors(ctx, id)
}

// RenameFactor gives one another name. Errors: session.ErrSession, session.ErrFactor, factor.ErrName.
func (a *App) RenameFactor(ctx context.Context, id *reqctx.Identity, of, name string) error {
	return a.sessions.RenameFactor(ctx, id, of, name)
}

// RemoveFactor takes one away and ends the person's other sessions. Errors: session.ErrSession, session.NotFresh, session.ErrFactor, session.ErrRequired.
func (a *App) RemoveFactor(ctx context.Context, id *reqctx.Identity, of string) error {
	return a.sessions.RemoveFactor(ctx, id, of)
}

// RenewRecoveryCodes makes ten recovery codes in place of those the person had. Errors: session.ErrSession, session.NotFresh, account.ErrNotFound
// where there is no second factor.
func (a *App) RenewRecoveryCodes(ctx context.Context, id *reqctx.Identity) ([]string, error) {
	return a.sessions.RenewRecoveryCodes(ctx, id)
}
