package identity

import (
	"context"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Describe is who a person would be that signs in now, with a second factor or without one: for explaining decisions. It signs nobody in, and the
// identity has no session. Errors: account.ErrNotFound.
func (a *App) Describe(ctx context.Context, name string, secondFactor bool) (*reqctx.Identity, error) {
	acc, err := a.people.Accounts.ByName(ctx, name)
	return describe(acc, secondFactor), err
}

// DescribeID is Describe by the account's id.
func (a *App) DescribeID(ctx context.Context, id string, secondFactor bool) (*reqctx.Identity, error) {
	acc, err := a.people.Accounts.ByID(ctx, id)
	return describe(acc, secondFactor), err
}

func describe(acc account.Account, secondFactor bool) *reqctx.Identity {
	now := time.Now().Truncate(time.Second)
	id := &reqctx.Identity{
		Subject: acc.ID, Name: acc.Name, Roles: acc.Roles, Kind: reqctx.KindPerson, Methods: []string{"pwd"}, ACR: reqctx.ACRSingle,
		AuthTime: now, Created: acc.CreatedAt.Truncate(time.Second),
	}
	if secondFactor {
		id.Methods, id.ACR, id.MFATime = []string{"pwd", "otp", "mfa"}, reqctx.ACRMulti, now
	}
	return id
}
