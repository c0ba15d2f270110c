package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/mail"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
)

// Operator is who does something to somebody else's account. The zero value is a command, whose changes the gateways record.
type Operator struct {
	ID      string // account
	Session string
	Machine bool // nobody: a response to what was seen
	// Saw is the account's revision that they saw; 0 any. Where it is another one, nothing is done (ErrChanged).
	Saw int64
	session.Attempt
}

func (o *Operator) reason() string {
	if o.Machine {
		return "by a response"
	}
	return "by an operator"
}

var (
	// ErrOneself refuses an operator what would shut them out of their own account.
	ErrOneself = errors.New("operators can't do this to their own account")
	// ErrChanged refuses to change what is another than they saw.
	ErrChanged = errors.New("the account was changed meanwhile")
)

// Find gives the account of a name, a mail address or an id. Errors: account.ErrNotFound.
func (d *Desk) Find(ctx context.Context, typed string) (account.Account, error) {
	if a, err := d.Accounts.ByID(ctx, typed); !errors.Is(err, account.ErrNotFound) {
		return a, err
	}
	return d.Accounts.ByLogin(ctx, typed)
}

// SetRoles replaces the roles and ends the account's sessions. Errors: account.ErrRole, ErrOneself, ErrLastAdmin.
func (d *Desk) SetRoles(ctx context.Context, by Operator, a account.Account, roles []string) error {
	if by.ID == a.ID {
		return ErrOneself // nobody makes themselves more, or locks the last operator out, in passing
	}
	return d.operate(ctx, by, a, "role changed", "roles-changed", func(tx *database.Tx, _ time.Time) error {
		if by.ID != "" && !slices.Contains(roles, admin) { // a command is of who can make another
			if err := d.leavesAdmin(ctx, tx, a.ID); err != nil {
				return err
			}
		}
		if err := d.Accounts.SetRoles(ctx, tx, a.ID, roles); err != nil {
			return err
		}
		return d.Accounts.DropTickets(ctx, tx, a.ID) // also the invitations that they made
	}, zap.Strings("user.target.roles", roles))
}

// SetDisabled shuts the account and ends its sessions, or opens it again. Errors: ErrOneself, ErrLastAdmin.
func (d *Desk) SetDisabled(ctx context.Context, by Operator, a account.Account, disabled bool) error {
	if by.ID == a.ID {
		return ErrOneself
	}
	reason, action := "account enabled", "account-enabled"
	if disabled {
		reason, action = "account disabled", "account-disabled"
	}
	return d.operate(ctx, by, a, reason, action, func(tx *database.Tx, _ time.Time) error {
		if disabled && by.ID != "" {
			if err := d.leavesAdmin(ctx, tx, a.ID); err != nil {
				return err
			}
		}
		if err := d.Accounts.SetDisabled(ctx, tx, a.ID, disabled); err != nil || !disabled {
			return err
		}
		return d.Accounts.DropTickets(ctx, tx, a.ID) // also the invitations that they made
	})
}

// Approve opens an account that registered and waits. Errors: account.ErrNotFound where it does not wait.
func (d *Desk) Approve(ctx context.Context, by Operator, a account.Account) error {
	return d.operate(ctx, by, a, "account approved", "account-approved", func(tx *database.Tx, now time.Time) error {
		if err := d.Accounts.Approve(ctx, tx, a.ID); err != nil {
			return err
		}
		if d.Box == nil {
			return nil
		}
		return d.Box.Put(ctx, tx, now, mail.Letter{Kind: "approved", Account: a.ID, When: now, Link: d.link("login", "")}, noticeLife)
	})
}

// Unlock forgets the wrong second-factor codes that were given for the account.
func (d *Desk) Unlock(ctx context.Context, by Operator, a account.Account) error {
	return d.operate(ctx, by, a, "account unlocked", "account-unlocked", func(tx *database.Tx, _ time.Time) error {
		return d.Accounts.Unlock(ctx, tx, a.ID)
	})
}

// ResetFactors removes all second factors and recovery codes, for who has lost them, and ends the account's sessions. The owner is told.
func (d *Desk) ResetFactors(ctx context.Context, by Operator, a account.Account) error {
	if by.ID == a.ID {
		return ErrOneself // at the account page it takes a factor to remove one
	}
	return d.operate(ctx, by, a, "second factors reset", "second-factors-reset", func(tx *database.Tx, _ time.Time) error {
		if err := d.Accounts.Unlock(ctx, tx, a.ID); err != nil {
			return err
		}
		if _, err := d.Factors.RemoveAll(ctx, tx, a.ID); err != nil {
			return err
		}
		return d.Notify(ctx, tx, a, session.NoticeFactorsReset, nil)
	})
}

// EndSessions ends all sessions of the account.
func (d *Desk) EndSessions(ctx context.Context, by Operator, a account.Account) error {
	return d.operate(ctx, by, a, "ended by an operator", "sessions-ended", func(tx *database.Tx, _ time.Time) error {
		return d.Accounts.Touch(ctx, tx, a.ID)
	})
}

// SetEmail gives the account an address that the operator vouches for; "" takes it away. The old address is told. Errors: account.ErrEmail, ErrEmailTaken.
func (d *Desk) SetEmail(ctx context.Context, by Operator, a account.Account, email string) error {
	old, err := d.Accounts.Profile(ctx, a.ID)
	if err != nil {
		return err
	}
	return d.operate(ctx, by, a, "mail address changed", "email-changed", func(tx *database.Tx, now time.Time) error {
		if err := d.Accounts.SetEmail(ctx, tx, now, a.ID, email, true); err != nil {
			return err
		}
		return d.tellOld(ctx, tx, now, a, old)
	})
}

// SetPassword gives the account another password and ends its sessions. The owner is told. Errors: account.WeakPassword.
func (d *Desk) SetPassword(ctx context.Context, by Operator, a account.Account, password string) error {
	hash, err := d.Accounts.NewPassword(ctx, a, password)
	if err != nil {
		return err
	}
	return d.operate(ctx, by, a, "password changed", "password-changed", func(tx *database.Tx, now time.Time) error {
		if err := d.Accounts.SetPassword(ctx, tx, now, a.ID, hash); err != nil {
			return err
		}
		return d.Notify(ctx, tx, a, session.NoticePasswordChanged, nil)
	})
}

// Create adds an account. email may be "". Errors: account.ErrName, ErrRole, ErrExists, ErrEmail, ErrEmailTaken, WeakPassword.
func (d *Desk) Create(ctx context.Context, by Operator, name, password, email string, roles []string, more func(*database.Tx, time.Time, account.Account) error) (account.Account, error) {
	normal, err := account.Normalise(name)
	if err != nil {
		return account.Account{}, err
	}
	hash, err := d.Accounts.Hash(ctx, password, normal, email)
	if err != nil {
		return account.Account{}, err
	}
	var a account.Account
	err = d.DB.InTx(ctx, func(tx *database.Tx) (err error) {
		now := d.Now()
		if a, err = d.Accounts.Create(ctx, tx, now, normal, roles, hash); err != nil {
			return err
		}
		if email != "" {
			if err := d.Accounts.SetEmail(ctx, tx, now, a.ID, email, true); err != nil {
				return err
			}
		}
		if more != nil {
			if err := more(tx, now, a); err != nil {
				return err
			}
		}
		return tx.Append(ctx, now, database.Change{Topic: "account", Key: a.ID})
	})
	if err != nil {
		return account.Account{}, err
	}
	d.record(by, a.ID, "account-created", zap.Strings("user.target.roles", a.Roles))
	return a, nil
}

// operate changes an account in the name of an operator.
func (d *Desk) operate(ctx context.Context, by Operator, a account.Account, reason, action string, f func(*database.Tx, time.Time) error, more ...zap.Field) error {
	err := d.Commit.Change(ctx, a, "", reason, func(tx *database.Tx, now time.Time) error {
		if by.Saw != 0 {
			if n, err := held(ctx, tx, `id = ? AND revision = ?`, a.ID, by.Saw); err != nil || n == 0 {
				return cmp.Or(err, ErrChanged)
			}
		}
		return f(tx, now)
	})
	if err != nil {
		return err
	}
	d.wake()
	d.record(by, a.ID, action, more...)
	return nil
}

// record writes who did what to whom.
func (d *Desk) record(by Operator, target, action string, more ...zap.Field) {
	if d.Events == nil {
		return
	}
	d.Events.Emit((&event.Event{
		Time: d.Now(), Category: "iam", Action: action, Outcome: event.Success, Reason: by.reason(), RequestID: by.RequestID, UserAgent: by.UserAgent,
		UserID: by.ID, Session: by.Session, TargetID: target, Fields: more,
	}).From(by.Client))
}
