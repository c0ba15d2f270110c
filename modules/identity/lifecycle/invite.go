package lifecycle

import (
	"context"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/mail"
	"github.com/convosphere/gateway/modules/internal/database"
)

// invitation is what an invitation holds.
type invitation struct {
	Email  string `json:"e,omitempty"` // "" anybody's
	Role   string `json:"r"`
	Mailed bool   `json:"m,omitempty"` // its link went to Email by mail and was shown to nobody
}

// Invited is an invitation as operators see it.
type Invited struct {
	ID        string    `json:"id"`
	Email     string    `json:"email,omitempty"`
	Role      string    `json:"role"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

const (
	// InvitationLife is how long an invitation holds where nothing else is said.
	InvitationLife    = 7 * 24 * time.Hour
	maxInvitationLife = 90 * 24 * time.Hour
)

// Invite makes an invitation. With an address it is mailed there, where mail is configured, and link is "": so that who comes with it has proved the
// address. Otherwise link is to be passed on; it is shown this once. It is void when its maker's roles change, or the account is disabled, erased or gets a
// password by mail: what an operator, or who had the account for an hour, could let in must not outlast them. Errors: account.ErrEmail, ErrRole.
func (d *Desk) Invite(ctx context.Context, by Operator, email, role string, life time.Duration) (link string, err error) {
	if life <= 0 || life > maxInvitationLife {
		return "", fmt.Errorf("an invitation holds for at most %d days", int(maxInvitationLife.Hours()/24))
	}
	if role == "" {
		role = d.Role
	}
	if err := account.CheckRoles([]string{role}); err != nil {
		return "", err
	}
	if email != "" {
		if email, err = account.NormaliseEmail(email); err != nil {
			return "", err
		}
	}
	i := invitation{Email: email, Role: role, Mailed: email != "" && d.Box != nil}
	err = d.DB.InTx(ctx, func(tx *database.Tx) error {
		now := d.Now()
		secret, err := d.Accounts.NewTicket(ctx, tx, now, account.Ticket{Kind: account.TicketInvite, Account: by.ID}, i, life) // goes with what its maker is
		if err != nil {
			return err
		}
		link = d.link("invite", secret)
		if !i.Mailed {
			return nil
		}
		defer func() { link = "" }()
		return d.Box.Put(ctx, tx, now, mail.Letter{Kind: "invite", To: email, Link: link, When: now, Until: now.Add(life)}, life)
	})
	if err == nil {
		d.wake()
		d.record(by, "", "invitation-created")
	}
	return link, err
}

const maxInvitations = 500 // that a list shows

// Invitations lists the newest that can still be used.
func (d *Desk) Invitations(ctx context.Context) ([]Invited, error) {
	tickets, err := d.Accounts.Tickets(ctx, d.Now(), account.TicketInvite, maxInvitations)
	if err != nil {
		return nil, err
	}
	all := make([]Invited, 0, len(tickets))
	for _, k := range tickets {
		var i invitation
		if err := k.Data(&i); err != nil {
			return nil, err
		}
		all = append(all, Invited{k.ID, i.Email, i.Role, k.CreatedAt, k.ExpiresAt})
	}
	return all, nil
}

// Revoke takes an invitation back. Errors: account.ErrTicket.
func (d *Desk) Revoke(ctx context.Context, by Operator, id string) error {
	k, err := d.Accounts.TicketByID(ctx, d.Now(), account.TicketInvite, id)
	if err != nil {
		return err
	}
	err = d.DB.InTx(ctx, func(tx *database.Tx) error { return k.Spend(ctx, tx, d.Now()) })
	if err == nil {
		d.record(by, "", "invitation-revoked")
	}
	return err
}
