// Package directory is what an operator does to accounts: add, change, disable. It works on the database and key ring
// of a gateway, whether that runs or not; running ones act on a change within a second.
package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/identity/mail"
	"github.com/convosphere/gateway/modules/identity/service"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

// Config says where a gateway keeps its people.
type Config struct {
	Database database.Config
	Keys     string         // folder of the key ring
	Argon2   account.Params // cost of new password hashes; zero: account.DefaultParams

	Passwords *account.Policy  // nil: account.DefaultPolicy
	Desk      lifecycle.Config // of invitations
	Mail      bool             // the gateway sends mails: what people are told of is put into its outbox
}

// At is the configuration of a gateway with that data folder and nothing else set.
func At(dataDir string) Config {
	return Config{
		Database: database.Config{SQLite: filepath.Join(dataDir, "gateway.db")},
		Keys:     filepath.Join(dataDir, "keys"),
	}
}

// Directory is the open accounts. It is safe for use by many.
type Directory struct {
	db       *database.DB
	accounts *account.Store
	factors  *factor.Store
	services *service.Store
	now      func() time.Time

	// Desk does what operators do at the portal, too.
	Desk *lifecycle.Desk
}

// Open opens the database and key ring, making what is missing, but no keys for a database that holds accounts. Close it.
func Open(ctx context.Context, c Config) (*Directory, error) {
	if c.Argon2 == (account.Params{}) {
		c.Argon2 = account.DefaultParams
	}
	hasher, err := account.NewHasher(c.Argon2)
	if err != nil {
		return nil, err
	}
	keys, err := keyring.OpenFor(c.Keys, func() (bool, error) { return database.Sealed(ctx, c.Database) })
	if err != nil {
		return nil, err
	}
	db, err := database.Open(ctx, c.Database)
	if err != nil {
		return nil, err
	}
	d := &Directory{db: db, accounts: account.NewStore(db, keys, hasher), factors: factor.NewStore(db, keys), services: service.NewStore(db), now: time.Now}
	if c.Passwords != nil {
		d.accounts = d.accounts.With(*c.Passwords)
	}
	d.Desk = &lifecycle.Desk{Config: c.Desk, Resources: lifecycle.Resources{DB: db, Keys: keys, Accounts: d.accounts, Factors: d.factors, Commit: d, Now: d.now}}
	if d.Desk.Role == "" {
		d.Desk.Role = "user"
	}
	if c.Mail {
		d.Desk.Box = &mail.Box{DB: db, Keys: keys}
	}
	return d, nil
}

// Change implements lifecycle.Committer: the running gateways hear of it by the feed.
func (d *Directory) Change(ctx context.Context, a account.Account, keep, reason string, f func(*database.Tx, time.Time) error) error {
	return d.db.InTx(ctx, func(tx *database.Tx) error {
		now := d.now()
		if err := f(tx, now); err != nil {
			return err
		}
		_, err := session.EndAll(ctx, tx, now, a.ID, keep, reason)
		return err
	})
}

// Erase implements lifecycle.Committer.
func (d *Directory) Erase(ctx context.Context, a account.Account, reason string, before func(*database.Tx, time.Time) ([]database.Change, error)) error {
	return d.db.InTx(ctx, func(tx *database.Tx) error {
		_, err := session.EraseIn(ctx, tx, d.now(), d.accounts, a, reason, before)
		return err
	})
}

// Close closes the database.
func (d *Directory) Close() error { return d.db.Close() }

// Add makes an account with one role. With totp, a second factor is on from the start and its secret (base32) is returned, this
// once. Errors: account.ErrName, ErrRole, ErrExists, WeakPassword.
func (d *Directory) Add(ctx context.Context, name, role, password string, totp bool) (secret string, err error) {
	return d.AddWithEmail(ctx, name, role, password, "", totp)
}

// AddWithEmail is Add with a mail address that the operator vouches for. Errors: account.ErrEmail, ErrEmailTaken, too.
func (d *Directory) AddWithEmail(ctx context.Context, name, role, password, email string, totp bool) (secret string, err error) {
	_, err = d.Desk.Create(ctx, lifecycle.Operator{}, name, password, email, []string{role}, func(tx *database.Tx, now time.Time, a account.Account) error {
		if !totp {
			return nil
		}
		secret = factor.NewTOTPSecret()
		_, err := d.factors.AddTOTP(ctx, tx, now, a.ID, "", secret, 0)
		return err
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// SetPassword gives the account another password and ends its sessions. Errors: account.ErrNotFound, WeakPassword.
func (d *Directory) SetPassword(ctx context.Context, name, password string) error {
	return d.on(ctx, name, func(a account.Account) error { return d.Desk.SetPassword(ctx, lifecycle.Operator{}, a, password) })
}

// SetRole gives the account this role in place of those it has, and ends its sessions. Errors: account.ErrNotFound, ErrRole.
func (d *Directory) SetRole(ctx context.Context, name, role string) error {
	return d.on(ctx, name, func(a account.Account) error { return d.Desk.SetRoles(ctx, lifecycle.Operator{}, a, []string{role}) })
}

// Disable shuts the account and ends its sessions. Errors: account.ErrNotFound.
func (d *Directory) Disable(ctx context.Context, name string) error {
	return d.on(ctx, name, func(a account.Account) error { return d.Desk.SetDisabled(ctx, lifecycle.Operator{}, a, true) })
}

// Enable opens the account again. Errors: account.ErrNotFound.
func (d *Directory) Enable(ctx context.Context, name string) error {
	return d.on(ctx, name, func(a account.Account) error { return d.Desk.SetDisabled(ctx, lifecycle.Operator{}, a, false) })
}

// on does one thing to the account of a name, a mail address or an id.
func (d *Directory) on(ctx context.Context, typed string, f func(account.Account) error) error {
	a, err := d.Desk.Find(ctx, typed)
	if err != nil {
		return err
	}
	return f(a)
}

// EnableTOTP puts a second factor on the account, returns its secret (base32) this once, and ends the account's sessions: they had but
// one. Errors: account.ErrNotFound, ErrExists where it has one.
func (d *Directory) EnableTOTP(ctx context.Context, name string) (secret string, err error) {
	secret = factor.NewTOTPSecret()
	err = d.change(ctx, name, "second factor added", func(tx *database.Tx, now time.Time, a account.Account) error {
		if err := d.accounts.Touch(ctx, tx, a.ID); err != nil {
			return err
		}
		if has, err := d.factors.Has(ctx, tx, a.ID, factor.TOTP); err != nil || has {
			return errors.Join(err, account.ErrExists)
		}
		_, err := d.factors.AddTOTP(ctx, tx, now, a.ID, "", secret, 0)
		return err
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// RemoveTOTP takes the authenticator apps off, for who has lost them, and ends the account's sessions. Errors: account.ErrNotFound.
func (d *Directory) RemoveTOTP(ctx context.Context, name string) error {
	return d.change(ctx, name, "second factor removed", func(tx *database.Tx, _ time.Time, a account.Account) error {
		if err := d.accounts.Touch(ctx, tx, a.ID); err != nil {
			return err
		}
		return d.factors.RemoveTOTP(ctx, tx, a.ID)
	})
}

// List returns all accounts by name.
func (d *Directory) List(ctx context.Context) ([]account.Account, error) { return d.accounts.List(ctx) }

// change does one thing to an account, which must write its row first, and ends its sessions with it.
func (d *Directory) change(ctx context.Context, name, reason string, f func(*database.Tx, time.Time, account.Account) error) error {
	return d.on(ctx, name, func(a account.Account) error {
		return d.Change(ctx, a, "", reason, func(tx *database.Tx, now time.Time) error { return f(tx, now, a) })
	})
}

// RandomPassword makes a password of 130 bits, in five groups that can be read out.
func RandomPassword() string {
	t := strings.ToLower(rand.Text())
	return t[:6] + "-" + t[6:11] + "-" + t[11:16] + "-" + t[16:21] + "-" + t[21:]
}
