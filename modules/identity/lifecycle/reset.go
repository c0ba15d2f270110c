package lifecycle

import (
	"context"
	"errors"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/mail"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
)

// RequestReset queues a mail with a link for a new password, if the address has an account: that is found out when it is sent. What can't be an
// address is taken in silence, too. Errors: ErrNoMail, session.Throttled, mail.ErrFull.
func (d *Desk) RequestReset(ctx context.Context, typed string, t session.Attempt) error {
	if d.Box == nil {
		return ErrNoMail
	}
	if err := d.allow(ctx, t); err != nil {
		return err
	}
	d.emit(t, "", "password-reset-requested", event.Success, "")
	email, err := account.NormaliseEmail(typed)
	if err != nil {
		return nil
	}
	if send, err := d.mayMail(ctx, "reset", email); err != nil || !send {
		return err
	}
	return d.queue(ctx, mail.Letter{Kind: "reset", To: email, When: d.Now()}, resetLife)
}

// Reset sets a new password for who holds the link, and ends all sessions of the account. What others guessed at the old one keeps its owner waiting no more. Nobody is signed in by it, so a second factor
// stays as strong as it was. Errors: account.ErrTicket, WeakPassword.
func (d *Desk) Reset(ctx context.Context, secret, password string, t session.Attempt) error {
	k, err := d.Accounts.Ticket(ctx, d.Now(), account.TicketReset, secret) // it counts its tries, and so bounds the hashes
	if err != nil {
		return err
	}
	a, err := d.Accounts.ByID(ctx, k.Account)
	if errors.Is(err, account.ErrNotFound) || err == nil && (a.Disabled || a.Revision != k.Revision) {
		err = account.ErrTicket
	}
	if err != nil {
		return err
	}
	hash, err := d.Accounts.NewPassword(ctx, a, password)
	if err != nil {
		return err
	}
	err = d.Commit.Change(ctx, a, "", "password reset", func(tx *database.Tx, now time.Time) error {
		// The revision is checked under the row's lock: of two links, or a link and another change, one is in time.
		if err := d.Accounts.SignIn(ctx, tx, now, a); errors.Is(err, account.ErrNotFound) {
			return account.ErrTicket
		} else if err != nil {
			return err
		}
		if err := k.Spend(ctx, tx, now); err != nil {
			return err
		}
		if err := d.Accounts.SetPassword(ctx, tx, now, a.ID, hash); err != nil {
			return err
		}
		if err := d.Accounts.DropTickets(ctx, tx, a.ID); err != nil {
			return err
		}
		return d.Notify(ctx, tx, a, session.NoticePasswordChanged, nil)
	})
	if err != nil {
		return err
	}
	if d.Forgive != nil {
		_ = d.Forgive(ctx, a) // where it fails, the wait passes by itself
	}
	d.wake()
	d.emit(t, a.ID, "password-reset", event.Success, "")
	return nil
}
