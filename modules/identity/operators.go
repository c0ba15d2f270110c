package identity

import (
	"context"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/directory"
	"github.com/convosphere/gateway/modules/identity/lifecycle"
)

// What operators do at the portal. Who may, the portal has asked the policy; id is an account's. Errors of all: account.ErrNotFound.

// SearchAccounts gives a page of accounts by name, and where the next one begins.
func (a *App) SearchAccounts(ctx context.Context, q account.Query) ([]account.Profile, string, error) {
	return a.people.Accounts.Search(ctx, q)
}

// ShowAccount is everything that operators see of an account.
func (a *App) ShowAccount(ctx context.Context, id string) (account.Profile, error) {
	return a.people.Accounts.Profile(ctx, id)
}

// AddAccount adds an account with a password that it makes and returns, this once. Errors: account.ErrName, ErrRole, ErrExists, ErrEmail, ErrEmailTaken.
func (a *App) AddAccount(ctx context.Context, by lifecycle.Operator, name, email string, roles []string) (account.Account, string, error) {
	password := directory.RandomPassword()
	made, err := a.people.Create(ctx, by, name, password, email, roles, nil)
	return made, password, err
}

// SetAccountRoles replaces an account's roles. Errors: account.ErrRole, lifecycle.ErrOneself.
func (a *App) SetAccountRoles(ctx context.Context, by lifecycle.Operator, id string, roles []string) error {
	return a.on(ctx, id, func(of account.Account) error { return a.people.SetRoles(ctx, by, of, roles) })
}

// SetAccountEmail gives an account an address that the operator vouches for. Errors: account.ErrEmail, ErrEmailTaken.
func (a *App) SetAccountEmail(ctx context.Context, by lifecycle.Operator, id, email string) error {
	return a.on(ctx, id, func(of account.Account) error { return a.people.SetEmail(ctx, by, of, email) })
}

// DisableAccount shuts an account, or opens it again. Errors: lifecycle.ErrOneself.
func (a *App) DisableAccount(ctx context.Context, by lifecycle.Operator, id string, disabled bool) error {
	return a.on(ctx, id, func(of account.Account) error { return a.people.SetDisabled(ctx, by, of, disabled) })
}

// ApproveAccount opens an account that waits for it.
func (a *App) ApproveAccount(ctx context.Context, by lifecycle.Operator, id string) error {
	return a.on(ctx, id, func(of account.Account) error { return a.people.Approve(ctx, by, of) })
}

// UnlockAccount forgets wrong second-factor codes, and the wrong passwords that others tried.
func (a *App) UnlockAccount(ctx context.Context, by lifecycle.Operator, id string) error {
	return a.on(ctx, id, func(of account.Account) error {
		if err := a.people.Unlock(ctx, by, of); err != nil {
			return err
		}
		return a.sessions.Forgive(ctx, of)
	})
}

// ResetAccountFactors removes all second factors of who has lost them. Errors: lifecycle.ErrOneself.
func (a *App) ResetAccountFactors(ctx context.Context, by lifecycle.Operator, id string) error {
	return a.on(ctx, id, func(of account.Account) error { return a.people.ResetFactors(ctx, by, of) })
}

// EndAccountSessions ends all sessions of an account.
func (a *App) EndAccountSessions(ctx context.Context, by lifecycle.Operator, id string) error {
	return a.on(ctx, id, func(of account.Account) error { return a.people.EndSessions(ctx, by, of) })
}

// EraseAccount erases an account for good. Errors: lifecycle.ErrOneself.
func (a *App) EraseAccount(ctx context.Context, by lifecycle.Operator, id string) error {
	return a.on(ctx, id, func(of account.Account) error { return a.people.Erase(ctx, by, of) })
}

// Invite makes an invitation: lifecycle.Desk.Invite.
func (a *App) Invite(ctx context.Context, by lifecycle.Operator, email, role string, life time.Duration) (link string, err error) {
	return a.people.Invite(ctx, by, email, role, life)
}

// Invitations lists those that can still be used.
func (a *App) Invitations(ctx context.Context) ([]lifecycle.Invited, error) {
	return a.people.Invitations(ctx)
}

// RevokeInvitation takes one back. Errors: account.ErrTicket.
func (a *App) RevokeInvitation(ctx context.Context, by lifecycle.Operator, id string) error {
	return a.people.Revoke(ctx, by, id)
}

func (a *App) on(ctx context.Context, id string, f func(account.Account) error) error {
	of, err := a.people.Accounts.ByID(ctx, id)
	if err != nil {
		return err
	}
	return f(of)
}
