package session

import (
	"context"
	"slices"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
)

const expiredLife = 10 * time.Minute // of the ticket for another password

// outdated tells whether a login by these methods rests on a password that is older than the policy allows.
func (m *Manager) outdated(a account.Account, methods []string) bool {
	return slices.Contains(methods, "pwd") && m.Accounts.Expired(a, m.Now())
}

// expired answers a login that is complete but for the age of its password: with a ticket to set another. It comes after the second factor, so that the
// password alone gives no more than it did. Nobody is signed in by it; the login begins again. more, if not nil, runs in the same transaction.
func (m *Manager) expired(ctx context.Context, a account.Account, t Attempt, more changing) (Result, error) {
	var secret string
	err := m.DB.InTx(ctx, func(tx *database.Tx) (err error) {
		var changes []database.Change
		if more != nil {
			if a, changes, err = more(tx); err != nil {
				return err
			}
		}
		k := account.Ticket{Kind: account.TicketReset, Account: a.ID, Revision: a.Revision}
		if secret, err = m.Accounts.NewTicket(ctx, tx, m.Now(), k, nil, expiredLife); err != nil || len(changes) == 0 {
			return err
		}
		return tx.Append(ctx, m.Now(), changes...)
	})
	if err != nil {
		logins.WithLabelValues("error").Inc()
		return Result{}, err
	}
	logins.WithLabelValues("expired").Inc()
	m.emit(t, a, "login", event.Failure, "the password has expired", "")
	return Result{NewPassword: secret}, nil
}
