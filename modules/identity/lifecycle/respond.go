package lifecycle

import (
	"context"
	"errors"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
)

var (
	// ErrLastAdmin refuses to leave nobody who can give roles.
	ErrLastAdmin = errors.New("it is the last administrator's account")
	// ErrLocked refuses a response what an operator did before.
	ErrLocked = errors.New("the account is disabled already")
)

// machine is who acts where no person does.
var machine = Operator{Machine: true}

// Lock shuts an account because of what was seen of it, and ends its sessions. Nobody is left without an administrator by it. Errors: ErrLastAdmin, ErrLocked.
func (d *Desk) Lock(ctx context.Context, a account.Account) error {
	return d.operate(ctx, machine, a, "locked by a response", "account-disabled", func(tx *database.Tx, _ time.Time) error {
		if err := d.leavesAdmin(ctx, tx, a.ID); err != nil {
			return err
		}
		switch open, err := held(ctx, tx, `disabled = 0 AND id = ?`, a.ID); {
		case err != nil:
			return err
		case open == 0:
			return ErrLocked // by an operator, whose word is not to end with the response
		}
		if err := d.Accounts.SetDisabled(ctx, tx, a.ID, true); err != nil {
			return err
		}
		return d.Accounts.DropTickets(ctx, tx, a.ID)
	})
}

// admin is the role of who can open again what is shut, and give roles.
const admin = "admin"

// leavesAdmin refuses to take the last account away that is an administrator's. All of them are written as they are, which holds them: of two that shut two
// administrators at once, the second sees what the first did.
func (d *Desk) leavesAdmin(ctx context.Context, tx *database.Tx, id string) error {
	const admins = `disabled = 0 AND kind = 'person' AND ',' || roles || ',' LIKE '%,` + admin + `,%'`
	all, err := held(ctx, tx, admins)
	if err != nil {
		return err
	}
	if one, err := held(ctx, tx, admins+` AND id = ?`, id); err != nil || one == 0 || all > 1 {
		return err
	}
	return ErrLastAdmin
}

// held counts the accounts that a condition is true of, by writing them as they are.
func held(ctx context.Context, tx *database.Tx, where string, args ...any) (int64, error) {
	r, err := tx.Exec(ctx, `UPDATE accounts SET last_auth_at = last_auth_at WHERE `+where, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Reopen opens what Lock has shut.
func (d *Desk) Reopen(ctx context.Context, a account.Account) error {
	return d.SetDisabled(ctx, machine, a, false)
}

// EndAll ends all sessions of the account because of what was seen of it.
func (d *Desk) EndAll(ctx context.Context, a account.Account) error {
	return d.EndSessions(ctx, machine, a)
}
