package session

import (
	"context"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
)

// Change does one thing to an account for somebody else than its signed-in owner: an operator at the portal, or who holds a ticket
// from a mail. f must write the account's row first, which locks it against logins beside it (account.Store's setters do). All sessions of the
// account end with it but keep ("" for none); reason says why. The event is the caller's to emit.
func (m *Manager) Change(ctx context.Context, a account.Account, keep, reason string, f func(tx *database.Tx, now time.Time) error) error {
	var ids []string
	m.own.add(a.ID)
	err := m.DB.InTx(ctx, func(tx *database.Tx) (err error) {
		now := m.Now()
		if err := f(tx, now); err != nil {
			return err
		}
		ids, err = EndAll(ctx, tx, now, a.ID, keep, reason)
		return err
	})
	if err != nil {
		return err
	}
	m.Feed.Wake()
	for _, sid := range ids {
		m.over(a.ID, sid, reason)
	}
	return nil
}
