package session

import (
	"context"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
)

const expiredLife = 10 * time.Minute // of the ticket for another password

// expired answers a login whose password was right and is older than the policy allows: with a ticket to set another. Nobody is signed in
// by that; the login begins again, and asks for the second factor then.
func (m *Manager) expired(ctx context.Context, a account.Account, t Attempt) (Result, error) {
	var secret string
	err := m.DB.InTx(ctx, func(tx *database.Tx) (err error) {
		k := account.Ticket{Kind: account.TicketReset, Account: a.ID, Revision: a.Revision}
		secret, err = m.Accounts.NewTicket(ctx, tx, m.Now(), k, nil, expiredLife)
		return err
	})
	if err != nil {
		logins.WithLabelValues("error").Inc()
		return Result{}, err
	}
	logins.WithLabelValues("expired").Inc()
	m.emit(t, a, "login", event.Failure, "the password has expired", "")
	return Result{NewPassword: secret}, nil
}
