package lifecycle

import (
	"context"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/mail"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// EraseOwn erases the account of somebody who is signed in; the caller has seen a fresh proof of a.
func (d *Desk) EraseOwn(ctx context.Context, a account.Account, t session.Attempt) error {
	if err := d.erase(ctx, a, "account erased"); err != nil {
		return err
	}
	d.emit(t, a.ID, "account-erased", event.Success, "")
	return nil
}

// Erase erases somebody's account: sessions, factors, devices, tokens and grants go, the data key is destroyed, the name stays reserved. The
// owner is told. One that waits for approval is rejected by it. Errors: ErrOneself, account.ErrNotFound.
func (d *Desk) Erase(ctx context.Context, by Operator, a account.Account) error {
	if by.ID == a.ID {
		return ErrOneself // the own one is erased at the account page
	}
	if err := d.erase(ctx, a, "account erased"); err != nil {
		return err
	}
	d.record(by, a.ID, "account-erased")
	return nil
}

func (d *Desk) erase(ctx context.Context, a account.Account, reason string) error {
	p, err := d.Accounts.Profile(ctx, a.ID)
	if err != nil {
		return err
	}
	err = d.Commit.Erase(ctx, a, reason, func(tx *database.Tx, now time.Time) ([]database.Change, error) {
		if err := d.Accounts.DropTickets(ctx, tx, a.ID); err != nil {
			return nil, err
		}
		if d.Box != nil {
			if err := d.Box.Drop(ctx, tx, a.ID); err != nil {
				return nil, err
			}
			if err := d.farewell(ctx, tx, now, p); err != nil {
				return nil, err
			}
		}
		return grant.RemoveSubject(ctx, tx, a.Name)
	})
	if err == nil {
		d.wake()
	}
	return err
}

// farewell is the last mail. It belongs to no account any more.
func (d *Desk) farewell(ctx context.Context, tx *database.Tx, now time.Time, p account.Profile) error {
	if p.Email == "" || !p.EmailVerified {
		return nil
	}
	kind := "erased"
	if p.Awaits != "" {
		kind = "rejected"
	}
	return d.Box.Put(ctx, tx, now, mail.Letter{Kind: kind, To: p.Email, Locale: p.Locale, When: now}, noticeLife)
}
