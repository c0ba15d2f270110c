package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/internal/view"
)

// accountActions are what those who run the gateway do to accounts. The desk records each with who did it, refuses people their own account, and keeps the
// last administrator.
func (a *App) accountActions() []view.Action {
	return []view.Action{
		{
			Name: "disable", Title: "Disable the account", On: view.OnRow, Permission: view.Admin, Danger: true,
			Ask: "Disable this account and end its sessions? Nobody can sign in to it until it is enabled again.",
			Do: a.onAccount(func(ctx context.Context, by lifecycle.Operator, of account.Account, _ view.Order) (view.Done, error) {
				return view.Done{Message: of.Name + " is disabled.", Undo: &view.Undo{View: "accounts", Action: "enable", ID: of.ID}}, a.people.SetDisabled(ctx, by, of, true)
			}),
		},
		{
			Name: "enable", Title: "Enable the account", On: view.OnRow, Permission: view.Admin, Ask: "Open this account again?",
			Do: a.onAccount(func(ctx context.Context, by lifecycle.Operator, of account.Account, _ view.Order) (view.Done, error) {
				return view.Done{Message: of.Name + " can sign in again.", Undo: &view.Undo{View: "accounts", Action: "disable", ID: of.ID}}, a.people.SetDisabled(ctx, by, of, false)
			}),
		},
		{
			Name: "approve", Title: "Approve the account", On: view.OnRow, Permission: view.Admin, Ask: "Open this account, which registered and waits for it?",
			Do: a.onAccount(func(ctx context.Context, by lifecycle.Operator, of account.Account, _ view.Order) (view.Done, error) {
				return view.Done{Message: of.Name + " can sign in."}, a.people.Approve(ctx, by, of)
			}),
		},
		{
			Name: "unlock", Title: "Unlock the account", On: view.OnRow, Ask: "Forget the wrong codes and passwords that were tried at this account?",
			Do: a.onAccount(func(ctx context.Context, by lifecycle.Operator, of account.Account, _ view.Order) (view.Done, error) {
				return view.Done{Message: of.Name + " is unlocked."}, errors.Join(a.people.Unlock(ctx, by, of), a.sessions.Forgive(ctx, of))
			}),
		},
		{
			Name: "end-sessions", Title: "End all sessions", On: view.OnRow, Danger: true, Ask: "End all sessions and tokens of this account? They have to sign in again.",
			Do: a.onAccount(func(ctx context.Context, by lifecycle.Operator, of account.Account, _ view.Order) (view.Done, error) {
				return view.Done{Message: "All sessions of " + of.Name + " have ended."}, a.people.EndSessions(ctx, by, of)
			}),
		},
		{
			Name: "reset-factors", Title: "Remove the second factors", On: view.OnItem, Permission: view.Admin, Danger: true,
			Ask: "Remove all second factors and recovery codes, for who has lost them? It can't be undone; the owner is told.",
			Do: a.onAccount(func(ctx context.Context, by lifecycle.Operator, of account.Account, _ view.Order) (view.Done, error) {
				return view.Done{Message: of.Name + " has no second factor any more."}, a.people.ResetFactors(ctx, by, of)
			}),
		},
		{
			Name: "roles", Title: "Change the roles", On: view.OnItem, Permission: view.Admin, Danger: true,
			Ask:    "Give this account these roles in place of those it has? Its sessions end.",
			Fields: []view.Field{{Name: "roles", Title: "Roles", Kind: view.Text, Required: true, Hint: "user, moderator", Most: 512}},
			Do:     a.onAccount(a.changeRoles),
		},
	}
}

func (a *App) changeRoles(ctx context.Context, by lifecycle.Operator, of account.Account, o view.Order) (view.Done, error) {
	roles := strings.FieldsFunc(o.Values["roles"], func(r rune) bool { return r == ',' || r == ' ' })
	slices.Sort(roles)
	roles = slices.Compact(roles)
	return view.Done{
		Message: fmt.Sprintf("%s has the roles %s.", of.Name, joined(roles)),
		Undo:    &view.Undo{View: "accounts", Action: "roles", ID: of.ID, Values: map[string]string{"roles": joined(of.Roles)}},
	}, a.people.SetRoles(ctx, by, of, roles)
}

// onAccount does one thing to the account of an order, if it still is as who ordered it saw it.
func (a *App) onAccount(do func(context.Context, lifecycle.Operator, account.Account, view.Order) (view.Done, error)) func(context.Context, view.Order) (view.Done, error) {
	return func(ctx context.Context, o view.Order) (view.Done, error) {
		of, err := a.people.Accounts.ByID(ctx, o.ID)
		if err != nil {
			return view.Done{}, viewError(err)
		}
		if err := guarded(ctx, o, of.Roles); err != nil {
			return view.Done{}, err
		}
		by := operator(o)
		if o.Version != "" {
			if by.Saw, err = strconv.ParseInt(o.Version, 10, 64); err != nil || by.Saw < 1 {
				return view.Done{}, view.ErrConflict
			}
		}
		done, err := do(ctx, by, of, o)
		if err != nil {
			return view.Done{}, viewError(err)
		}
		return done, nil
	}
}
