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

// SetProfile changes what a person shows of themselves; nil leaves a value as it is. Errors: account.ErrDisplayName, ErrLocale, ErrNotFound.
func (d *Desk) SetProfile(ctx context.Context, id string, displayName, locale *string, t session.Attempt) error {
	err := d.DB.InTx(ctx, func(tx *database.Tx) error {
		if displayName != nil {
			if err := d.Accounts.SetDisplayName(ctx, tx, id, *displayName); err != nil {
				return err
			}
		}
		if locale != nil {
			return d.Accounts.SetLocale(ctx, tx, id, *locale)
		}
		return nil
	})
	if err == nil {
		d.emit(t, id, "profile-changed", event.Success, "")
	}
	return err
}

// newEmail is what a ticket for another address holds.
type newEmail struct {
	Email string `json:"e"`
}

// ChangeEmail asks the new address for a confirmation by mail; the account keeps its own until then. Whether the new one has an account, nobody is
// told. The caller has seen a fresh proof of a. Errors: ErrNoMail, account.ErrEmail, session.Throttled, mail.ErrFull.
func (d *Desk) ChangeEmail(ctx context.Context, a account.Account, typed string, t session.Attempt) error {
	if d.Box == nil {
		return ErrNoMail
	}
	email, err := account.NormaliseEmail(typed)
	if err != nil {
		return err
	}
	if err := d.allow(ctx, t); err != nil {
		return err
	}
	send, err := d.mayMail(ctx, "email", email)
	if err != nil || !send {
		return err
	}
	p, err := d.Accounts.Profile(ctx, a.ID)
	if err != nil {
		return err
	}
	err = d.DB.InTx(ctx, func(tx *database.Tx) error {
		if err := d.Box.Room(ctx, tx); err != nil {
			return err
		}
		now := d.Now()
		k := account.Ticket{Kind: account.TicketEmail, Account: a.ID, Revision: a.Revision}
		secret, err := d.Accounts.NewTicket(ctx, tx, now, k, newEmail{email}, emailLife)
		if err != nil {
			return err
		}
		return d.Box.Put(ctx, tx, now, mail.Letter{
			Kind: "email", Account: a.ID, To: email, Locale: p.Locale, Link: d.link("verify", "email."+secret), When: now, Until: now.Add(emailLife),
		}, emailLife)
	})
	if err == nil {
		d.wake()
		d.emit(t, a.ID, "email-change-requested", event.Success, "")
	}
	return err
}

// ConfirmEmail gives the account the address whose mail was read. Its owner must be signed in: else a link could put a reader's address on
// somebody else's account. The old address is told. All other sessions end. Errors: account.ErrTicket, ErrEmailTaken.
func (d *Desk) ConfirmEmail(ctx context.Context, id, sid, secret string, t session.Attempt) error {
	k, err := d.Accounts.Ticket(ctx, d.Now(), account.TicketEmail, secret)
	if err != nil {
		return err
	}
	a, err := d.Accounts.ByID(ctx, k.Account)
	if errors.Is(err, account.ErrNotFound) || err == nil && (a.ID != id || a.Revision != k.Revision) {
		err = account.ErrTicket
	}
	if err != nil {
		return err
	}
	var to newEmail
	if err := k.Data(&to); err != nil {
		return err
	}
	old, err := d.Accounts.Profile(ctx, a.ID)
	if err != nil {
		return err
	}
	err = d.Commit.Change(ctx, a, sid, "mail address changed", func(tx *database.Tx, now time.Time) error {
		if err := d.Accounts.SignIn(ctx, tx, now, a); errors.Is(err, account.ErrNotFound) {
			return account.ErrTicket
		} else if err != nil {
			return err
		}
		if err := k.Spend(ctx, tx, now); err != nil {
			return err
		}
		if err := d.Accounts.SetEmail(ctx, tx, now, a.ID, to.Email, true); err != nil {
			return err
		}
		return d.tellOld(ctx, tx, now, a, old)
	})
	if err != nil {
		return err
	}
	d.wake()
	d.emit(t, a.ID, "email-changed", event.Success, "")
	return nil
}

// tellOld writes to the address that an account had.
func (d *Desk) tellOld(ctx context.Context, tx *database.Tx, now time.Time, a account.Account, old account.Profile) error {
	if old.Email == "" || !old.EmailVerified || d.Box == nil {
		return nil
	}
	return d.Box.Put(ctx, tx, now, mail.Letter{
		Kind: session.NoticeEmailChanged, Account: a.ID, To: old.Email, Locale: old.Locale, Name: a.Name, When: now,
	}, noticeLife)
}
