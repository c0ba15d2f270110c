package session

import (
	"context"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Change does one thing to an account for somebody else than its signed-in owner: an operator at the portal, or who holds a ticket
// from a mail. f must write the account's row first, which locks it against logins beside it (account.Store's setters do). All sessions of the
// account end with it but keep ("" for none); reason says why. The event is the caller's to emit.
func (m *Manager) Change(ctx context.Context, a account.Account, keep, reason string, f func(tx *database.Tx, now time.Time) error) error {
	return m.ending(ctx, a, reason, func(tx *database.Tx, now time.Time) ([]string, error) {
		if err := f(tx, now); err != nil {
			return nil, err
		}
		return EndAll(ctx, tx, now, a.ID, keep, reason)
	})
}

// Erase ends the account's sessions and deletes it. before, in the same transaction, removes what else there is of the person and returns what the
// feed is to be told. Errors: account.ErrNotFound.
func (m *Manager) Erase(ctx context.Context, a account.Account, reason string, before func(tx *database.Tx, now time.Time) ([]database.Change, error)) error {
	return m.ending(ctx, a, reason, func(tx *database.Tx, now time.Time) ([]string, error) {
		return EraseIn(ctx, tx, now, m.Accounts, a, reason, before)
	})
}

// EraseIn is Erase for a process without a Manager. It returns the ids of the sessions that ended.
func EraseIn(ctx context.Context, tx *database.Tx, now time.Time, accounts *account.Store, a account.Account, reason string, before func(*database.Tx, time.Time) ([]database.Change, error)) ([]string, error) {
	if err := accounts.SetDisabled(ctx, tx, a.ID, true); err != nil { // locks it: no session begins beside
		return nil, err
	}
	changes, err := before(tx, now)
	if err != nil {
		return nil, err
	}
	ids, ended, err := endEach(ctx, tx, now, a.ID, "", reason)
	if err != nil {
		return nil, err
	}
	if err := accounts.Erase(ctx, tx, now, a); err != nil {
		return nil, err
	}
	return ids, tx.Append(ctx, now, append(changes, ended...)...)
}

func (m *Manager) ending(ctx context.Context, a account.Account, reason string, f func(*database.Tx, time.Time) ([]string, error)) error {
	var ids []string
	m.own.add(a.ID)
	err := m.DB.InTx(ctx, func(tx *database.Tx) (err error) {
		ids, err = f(tx, m.Now())
		return err
	})
	if err != nil {
		return err
	}
	m.Feed.Wake()
	for _, sid := range ids {
		m.over(ctx, a.ID, sid, reason)
	}
	return nil
}

// Fresh returns the account of somebody who is signed in and has proved it lately: with the second factor where there is one, else with the
// first. Errors: NotFresh, ErrSession.
func (m *Manager) Fresh(ctx context.Context, id *reqctx.Identity) (account.Account, error) {
	s, a, err := m.current(ctx, id)
	if err == nil {
		err = m.fresh(s, a)
	}
	return a, err
}
