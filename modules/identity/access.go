package identity

import (
	"context"
	"errors"
	"slices"

	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/internal/view"
)

// RevokeRole takes a role away in the name of a reviewer (an account's id, or "operator"). Whose only role it is, is disabled. What is not held any more is no
// error. Errors wrap view.ErrRefused where they may be shown.
func (a *App) RevokeRole(ctx context.Context, by, session, id, role string) error {
	of, err := a.people.Accounts.ByID(ctx, id)
	if err := viewError(err); errors.Is(err, view.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(of.Roles), func(r string) bool { return r == role })
	who := lifecycle.Operator{ID: by, Session: session, Saw: of.Revision}
	switch {
	case len(rest) == len(of.Roles):
		return nil
	case len(rest) > 0:
		return viewError(a.people.SetRoles(ctx, who, of, rest))
	case of.Disabled:
		return nil
	}
	return viewError(a.people.SetDisabled(ctx, who, of, true))
}

// RevokeHeld ends a token, or removes a service's key, by its id in the view of tokens. What has ended already is no error.
func (a *App) RevokeHeld(ctx context.Context, by, session, id string) error {
	_, err := a.revokeHeld(ctx, view.Order{ID: id, Who: view.Person{ID: by, Session: session}})
	if errors.Is(err, view.ErrNotFound) {
		return nil
	}
	return err
}
