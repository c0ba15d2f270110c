package lifecycle

import (
	"context"
	"errors"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
)

// Why a response does not lock an account.
var (
	ErrLastAdmin = errors.New("it is the last administrator's account")
	ErrLocked    = errors.New("the account is disabled already")
)

// machine is who acts where no person does.
var machine = Operator{Machine: true}

// Lock shuts an account because of what was seen of it, and ends its sessions. Nobody is left without an administrator by it. Errors: ErrLastAdmin, ErrLocked.
func (d *Desk) Lock(ctx context.Context, a account.Account) error {
	return d.operate(ctx, machine, a, "locked by a response", "account-disabled", func(tx *database.Tx, _ time.Time) error {
		if err := d.leavesAdmin(ctx, tx, a.ID); err != nil {
			return err
		}
		if err := d.Accounts.SetDisabled(ctx, tx, a.ID, true); err != nil {
			return err
		}
		return d.Accounts.DropTickets(ctx, tx, a.ID)
	})
}

// leavesAdmin refuses to shut who is shut already, and the last who can open again what is shut. Both are asked by writing rows that stay as they are, which
// holds them: of two gateways that shut two administrators at once, the second sees what the first did.
func (d *Desk) leavesAdmin(ctx context.Context, tx *database.Tx, id string) error {
	held := func(where string, args ...any) (int64, error) {
		r, err := tx.Exec(ctx, `UPDATE accounts SET last_auth_at = last_auth_at WHERE disabled = 0 AND `+where, args...)
		if err != nil {
			return 0, err
		}
		return r.RowsAffected()
	}
	const admin = `kind = 'person' AND ',' || roles || ',' LIKE '%,admin,%'`
	admins, err := held(admin)
	if err != nil {
		return err
	}
	open, err := held(`id = ?`, id)
	if err != nil {
		return err
	}
	one, err := held(admin+` AND id = ?`, id)
	switch {
	case err != nil:
		return err
	case open == 0:
		return ErrLocked // by an operator, whose word is not to end with the response
	case one == 1 && admins == 1:
		return ErrLastAdmin
	}
	return nil
}

// Reopen opens what Lock has shut.
func (d *Desk) Reopen(ctx context.Context, a account.Account) error {
	return d.SetDisabled(ctx, machine, a, false)
}

// EndAll ends all sessions of the account because of what was seen of it.
func (d *Desk) EndAll(ctx context.Context, a account.Account) error {
	return d.EndSessions(ctx, machine, a)
}
