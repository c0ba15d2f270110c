package lifecycle

import (
	"context"
	"errors"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/mail"
	"github.com/convosphere/gateway/modules/internal/database"
)

// Notify implements session.Notifier.
func (d *Desk) Notify(ctx context.Context, tx *database.Tx, a account.Account, kind string, data map[string]string) error {
	if d.Box == nil {
		return nil
	}
	now := d.Now()
	return d.Box.Put(ctx, tx, now, mail.Letter{Kind: kind, Account: a.ID, When: now, D: data}, noticeLife)
}

// Ready fills in what a letter needs at the moment it is sent. false: there is nobody to send it to.
func (d *Desk) Ready(ctx context.Context, l *mail.Letter) (bool, error) {
	switch l.Kind {
	case "register":
		return d.readyRegister(ctx, l)
	case "reset":
		return d.readyReset(ctx, l)
	case "email":
		_, err := d.Accounts.ByEmail(ctx, l.To) // somebody has it: its owner is not to be bothered
		return errors.Is(err, account.ErrNotFound), unless(err, account.ErrNotFound)
	}
	if l.To != "" {
		return true, nil
	}
	p, err := d.Accounts.Profile(ctx, l.Account)
	if errors.Is(err, account.ErrNotFound) || err == nil && (p.Email == "" || !p.EmailVerified) {
		return false, nil
	}
	if l.Link == "" {
		l.Link = d.link("account/security", "")
	}
	l.To, l.Name, l.Locale = p.Email, p.Username, p.Locale
	return true, err
}

// readyRegister tells who has an account already that they do.
func (d *Desk) readyRegister(ctx context.Context, l *mail.Letter) (bool, error) {
	a, err := d.Accounts.ByEmail(ctx, l.To)
	if errors.Is(err, account.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	p, err := d.Accounts.Profile(ctx, a.ID)
	if err != nil {
		return false, err
	}
	// To the address that is on record, not the one that was typed.
	l.Kind, l.To, l.Name, l.Link = "register-known", p.Email, p.Username, d.link("reset", "")
	if p.Locale != "" {
		l.Locale = p.Locale
	}
	return true, nil
}

// readyReset makes the link, for an account that can be signed in to.
func (d *Desk) readyReset(ctx context.Context, l *mail.Letter) (bool, error) {
	a, err := d.Accounts.ByEmail(ctx, l.To)
	if errors.Is(err, account.ErrNotFound) || err == nil && a.Disabled {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p, err := d.Accounts.Profile(ctx, a.ID)
	if err != nil {
		return false, err
	}
	var secret string
	now := d.Now()
	err = d.DB.InTx(ctx, func(tx *database.Tx) (err error) {
		secret, err = d.Accounts.NewTicket(ctx, tx, now, account.Ticket{Kind: account.TicketReset, Account: a.ID, Revision: a.Revision}, nil, resetLife)
		return err
	})
	l.To, l.Name, l.Locale, l.Link, l.Until = p.Email, p.Username, p.Locale, d.link("reset", secret), now.Add(resetLife)
	return true, err
}

// unless is err, or nil where it is that one.
func unless(err, known error) error {
	if errors.Is(err, known) {
		return nil
	}
	return err
}
