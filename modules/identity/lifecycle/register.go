package lifecycle

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/mail"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
)

// Registration is what somebody gives who wants an account.
type Registration struct {
	Username, Email, Password string
	DisplayName               string // may be ""
	Locale                    string // of mails; "" the gateway's
	Invitation                string // secret of an invitation; "" none
}

// What becomes of a registration.
const (
	StatusConfirm  = "confirm"  // the address is to be confirmed by the mail that was sent
	StatusActive   = "active"   // the account is open
	StatusApproval = "approval" // an operator will look at it
)

// applicant is a registration that waits for its confirmation. The password is a hash already.
type applicant struct {
	Username    string   `json:"u"`
	Email       string   `json:"e,omitempty"`
	Verified    bool     `json:"v,omitempty"`
	DisplayName string   `json:"d,omitempty"`
	Locale      string   `json:"l,omitempty"`
	Hash        string   `json:"h"`
	Roles       []string `json:"r"`
	Invitation  string   `json:"i,omitempty"` // id of the ticket
	Approve     bool     `json:"a,omitempty"`
}

// Register takes a registration. Where the address is not proved yet, a mail is sent to it, and nothing tells whether it, or the name, has an
// account. Errors: ErrClosed, ErrDomain, ErrReservedName, account.ErrName, ErrEmail, ErrDisplayName, ErrLocale, WeakPassword, ErrTicket (the invitation),
// session.Throttled, mail.ErrFull; with an invitation that needs no mail also account.ErrExists and ErrEmailTaken.
func (d *Desk) Register(ctx context.Context, r Registration, t session.Attempt) (status string, err error) {
	if d.Registration == Off {
		return "", ErrClosed
	}
	if err := d.allow(ctx, t); err != nil {
		return "", err
	}
	a, err := d.applicant(r)
	if err != nil {
		return "", err
	}
	direct, err := d.invited(ctx, r.Invitation, &a)
	if err != nil {
		return "", err
	}
	if a.Hash, err = d.Accounts.Hash(ctx, r.Password, a.words()...); err != nil {
		return "", err
	}
	if direct {
		return d.open(ctx, a, nil, t)
	}
	d.emit(t, "", "registration-requested", event.Success, "")
	return StatusConfirm, d.askToConfirm(ctx, a)
}

// applicant checks what was typed, without asking who exists.
func (d *Desk) applicant(r Registration) (a applicant, err error) {
	if a.Username, err = account.Normalise(r.Username); err != nil {
		return a, err
	}
	if account.ForOperators(a.Username) {
		return a, ErrReservedName
	}
	if r.Email != "" || d.Box != nil {
		if a.Email, err = account.NormaliseEmail(r.Email); err != nil {
			return a, err
		}
	}
	if a.DisplayName, err = account.NormaliseDisplayName(r.DisplayName); err != nil {
		return a, err
	}
	if err := account.CheckLocale(r.Locale); err != nil {
		return a, err
	}
	a.Locale = r.Locale
	return a, nil
}

// uninvited applies what the configuration says of who comes without an invitation. Errors: ErrClosed, ErrDomain.
func (d *Desk) uninvited(a *applicant) error {
	if d.Registration != Open && d.Registration != Approval {
		return ErrClosed
	}
	if _, domain, _ := strings.Cut(a.Email, "@"); len(d.Domains) > 0 && !slices.Contains(d.Domains, domain) {
		return ErrDomain
	}
	a.Roles, a.Approve = []string{d.Role}, d.Registration == Approval
	return nil
}

// words are what a password must not be made of.
func (a applicant) words() []string {
	local, _, _ := strings.Cut(a.Email, "@")
	return []string{a.Username, local, a.DisplayName}
}

// invited applies the invitation, and tells whether it lets the account be opened at once.
func (d *Desk) invited(ctx context.Context, secret string, a *applicant) (direct bool, err error) {
	if secret == "" {
		return false, d.uninvited(a)
	}
	k, err := d.Accounts.Ticket(ctx, d.Now(), account.TicketInvite, secret)
	if err != nil {
		return false, err
	}
	var i invitation
	if err := k.Data(&i); err != nil {
		return false, err
	}
	if i.Email != "" && !strings.EqualFold(i.Email, a.Email) {
		return false, account.ErrTicket // it is for somebody else
	}
	a.Roles, a.Invitation, a.Approve = []string{i.Role}, k.ID, false
	// The link was mailed to this address and to no other place, so who has it reads its mail.
	a.Verified = i.Mailed
	return a.Verified || d.Box == nil, nil
}

// askToConfirm mails a link to the address, whatever is known of it; as with queue, the postman is not woken.
func (d *Desk) askToConfirm(ctx context.Context, a applicant) error {
	if send, err := d.mayMail(ctx, "register", a.Email); err != nil || !send {
		return err
	}
	a.Verified = true // when it is opened
	return d.DB.InTx(ctx, func(tx *database.Tx) error {
		if err := d.Box.Room(ctx, tx); err != nil {
			return err
		}
		now := d.Now()
		secret, err := d.Accounts.NewTicket(ctx, tx, now, account.Ticket{Kind: account.TicketRegister}, a, registerLife)
		if err != nil {
			return err
		}
		return d.Box.Put(ctx, tx, now, mail.Letter{
			Kind: "register", To: a.Email, Locale: a.Locale, Link: d.link("verify", secret), When: now, Until: now.Add(registerLife),
		}, registerLife)
	})
}

// ConfirmRegistration opens the account of a registration whose mail was read. The password must be given again: so nobody opens, with a link
// that came unasked, an account whose password somebody else chose. username, if not "", is another name, for where the first is taken. Errors:
// account.ErrTicket, ErrClosed, ErrDomain, session.ErrCredentials, account.ErrExists (the name is taken), ErrEmailTaken, ErrName, ErrReservedName.
func (d *Desk) ConfirmRegistration(ctx context.Context, secret, password, username string, t session.Attempt) (status string, err error) {
	k, err := d.Accounts.Ticket(ctx, d.Now(), account.TicketRegister, secret) // it counts its tries, and so bounds the hashes
	if err != nil {
		return "", err
	}
	var a applicant
	if err := k.Data(&a); err != nil {
		return "", err
	}
	if a.Invitation == "" {
		err = d.uninvited(&a) // as it is today: what was asked for yesterday does not get past what an operator has closed since
	} else if d.Registration == Off {
		err = ErrClosed
	}
	if err != nil {
		return "", err
	}
	if err := d.Accounts.CheckHash(ctx, a.Hash, password); errors.Is(err, account.ErrNotFound) {
		d.emit(t, "", "registration-confirmed", event.Failure, "wrong password")
		return "", session.ErrCredentials
	} else if err != nil {
		return "", err
	}
	if username != "" {
		if a.Username, err = account.Normalise(username); err != nil {
			return "", err
		}
		if account.ForOperators(a.Username) {
			return "", ErrReservedName
		}
	}
	return d.open(ctx, a, &k, t)
}

// open makes the account and spends what led to it.
func (d *Desk) open(ctx context.Context, a applicant, k *account.Ticket, t session.Attempt) (status string, err error) {
	status = StatusActive
	if a.Approve {
		status = StatusApproval
	}
	var id string
	err = d.DB.InTx(ctx, func(tx *database.Tx) error {
		now := d.Now()
		if k != nil {
			if err := k.Spend(ctx, tx, now); err != nil {
				return err
			}
		}
		if a.Invitation != "" {
			if err := d.Accounts.SpendByID(ctx, tx, now, a.Invitation); err != nil {
				return err
			}
		}
		made, err := d.Accounts.Create(ctx, tx, now, a.Username, a.Roles, a.Hash)
		if err != nil {
			return err
		}
		id = made.ID
		if err := d.fill(ctx, tx, id, a); err != nil {
			return err
		}
		return tx.Append(ctx, now, database.Change{Topic: "account", Key: id})
	})
	if err != nil {
		return "", err
	}
	d.emit(t, id, "account-created", event.Success, "registration: "+status)
	return status, nil
}

func (d *Desk) fill(ctx context.Context, tx *database.Tx, id string, a applicant) error {
	if a.Email != "" {
		if err := d.Accounts.SetEmail(ctx, tx, d.Now(), id, a.Email, a.Verified); err != nil {
			return err
		}
	}
	if err := d.Accounts.SetDisplayName(ctx, tx, id, a.DisplayName); err != nil {
		return err
	}
	if err := d.Accounts.SetLocale(ctx, tx, id, a.Locale); err != nil {
		return err
	}
	if !a.Approve {
		return nil
	}
	return d.Accounts.SetAwaiting(ctx, tx, id)
}
