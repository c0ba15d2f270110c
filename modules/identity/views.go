package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/identity/service"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/view"
)

// longUnused is after how long an account or token that nobody used stands out.
const longUnused = 90 * 24 * time.Hour

// addViews shows accounts, sessions and tokens to those who run the gateway.
func (a *App) addViews() { a.ground.Views.Add(a.accountsView(), a.sessionsView(), a.tokensView()) }

// operator is who acts in a view.
func operator(o view.Order) lifecycle.Operator {
	return lifecycle.Operator{ID: o.Who.ID, Session: o.Who.Session}
}

// viewError says what may be shown of an error, and to which of the view's own it belongs.
func viewError(err error) error {
	is := func(all ...error) bool {
		for _, e := range all {
			if errors.Is(err, e) {
				return true
			}
		}
		return false
	}
	switch {
	case err == nil:
		return nil
	case is(lifecycle.ErrChanged):
		return view.ErrConflict
	case is(account.ErrNotFound, session.ErrSession, apitoken.ErrNotFound, service.ErrNotFound):
		return view.ErrNotFound
	case is(lifecycle.ErrOneself, lifecycle.ErrLastAdmin, account.ErrRole):
		return fmt.Errorf("%w: %w", view.ErrRefused, err)
	case is(account.ErrCursor, session.ErrCursor, apitoken.ErrCursor, account.ErrState):
		return fmt.Errorf("%w: %w", view.ErrMalformed, err)
	}
	return err
}

// accountID gives the account of a name, a mail address or an id; "" of "". What nobody has finds nothing.
func (a *App) accountID(ctx context.Context, typed string) (string, error) {
	if typed == "" {
		return "", nil
	}
	found, err := a.people.Find(ctx, typed)
	if errors.Is(err, account.ErrNotFound) {
		return "-", nil // no account's
	}
	return found.ID, err
}

// when is a time's cell.
func when(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

// joined is what a cell says of several.
func joined(all []string) string { return strings.Join(all, ", ") }
