// Package lifecycle is an account's life beside its sessions: how it begins (registration, invitation, approval), how its address is proved
// and its forgotten password replaced, what its owner may change and take along, and how it ends.
//
// What anybody can ask for is answered alike, in the same time, whether there is such an account or not: the request only queues a mail, and what the
// mail says, or whether there is one, is found out when it is sent.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/identity/mail"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/store"
)

// Who may register.
const (
	Off        = "off"        // nobody: operators add accounts
	Open       = "open"       // everybody
	Invitation = "invitation" // who has an invitation
	Approval   = "approval"   // everybody, and an operator approves
)

// Config is what an operator chooses.
type Config struct {
	Registration string   // Off, Open, Invitation or Approval
	Role         string   // of who registers without an invitation that gives another
	Domains      []string // of addresses that may register without an invitation; none: all
	BaseURL      string   // what links in mails begin with, as https://chat.example.org; never taken from a request
}

// Check refuses what can't work.
func (c Config) Check(mails bool) error {
	switch {
	case !slices.Contains([]string{Off, Open, Invitation, Approval}, c.Registration):
		return fmt.Errorf("registration: %q is none of off, open, invitation and approval", c.Registration)
	case (c.Registration == Open || c.Registration == Approval) && !mails:
		return errors.New("registration by everybody proves addresses by mail: configure mail, too")
	case mails && c.BaseURL == "":
		return errors.New("mails hold links: configure public_url, too")
	}
	for _, d := range c.Domains {
		if email, err := account.NormaliseEmail("a@" + d); err != nil || email != "a@"+d { // in the spelling that addresses have
			return fmt.Errorf("registration: %q is no domain of mail addresses", d)
		}
	}
	return nil
}

// Committer changes accounts and ends their sessions with it: *session.Manager, or a command.
type Committer interface {
	Change(ctx context.Context, a account.Account, keep, reason string, f func(tx *database.Tx, now time.Time) error) error
	Erase(ctx context.Context, a account.Account, reason string, before func(tx *database.Tx, now time.Time) ([]database.Change, error)) error
}

// Resources is what a Desk stands on.
type Resources struct {
	DB       *database.DB
	Keys     *keyring.Ring
	Store    store.Store // counts what is limited; nil: nothing is (a command)
	Accounts *account.Store
	Factors  *factor.Store
	Commit   Committer
	Forgive  func(ctx context.Context, a account.Account) error // forgets the wrong passwords that were tried at an account; nil: nothing counts them (a command)
	Box      *mail.Box                                          // nil: no mail is configured
	Wake     func()                                             // tells that the outbox has something; nil: nobody needs to know
	Events   session.Events                                     // nil: nothing is recorded (a command; the gateways do it)
	Now      func() time.Time
}

// Desk serves accounts. It is safe for use by many.
type Desk struct {
	Config
	Resources
}

var (
	// ErrClosed refuses a registration: the gateway takes none, or none without an invitation.
	ErrClosed = errors.New("nobody can register here")
	// ErrNoMail refuses what needs mail where none is configured.
	ErrNoMail = errors.New("no mail is configured")
	// ErrReservedName refuses a name that only operators give.
	ErrReservedName = errors.New("this name is kept for operators")
	// ErrDomain refuses an address of a domain that may not register.
	ErrDomain = errors.New("addresses of this domain can't register here")
)

// How long what is mailed holds.
const (
	registerLife = 24 * time.Hour
	emailLife    = 24 * time.Hour
	resetLife    = time.Hour
	noticeLife   = 3 * 24 * time.Hour
)

// How much mail strangers can cause.
const (
	mailWindow = time.Hour
	perClient  = 20 // requests that queue a mail
	perAddress = 5  // of one kind
)

// allow counts a request of a client that will queue a mail. Errors: session.Throttled.
func (d *Desk) allow(ctx context.Context, t session.Attempt) error {
	n, err := d.Store.Incr(ctx, store.Key("mail-client", t.Client.Key()), mailWindow)
	if err != nil {
		return fmt.Errorf("counting mails: %w", err) // fail closed
	}
	if n > perClient {
		return session.Throttled{RetryAfter: mailWindow}
	}
	return nil
}

// mayMail counts a mail of a kind to an address. What is over the limit is not sent; who asked is not told, since it may not be their address. Kinds
// count apart, else whoever has others sent would keep an owner from the link that they forgot their password for.
func (d *Desk) mayMail(ctx context.Context, kind, email string) (bool, error) {
	if kind != "reset" { // which goes to addresses that have an account, and so counts for those as they are
		email = mailbox(email)
	}
	n, err := d.Store.Incr(ctx, store.Key("mail-address", kind, d.Accounts.EmailIndex(email)), mailWindow)
	if err != nil {
		return false, fmt.Errorf("counting mails: %w", err) // fail closed
	}
	return n <= perAddress, nil
}

// mailbox is where mail for an address is delivered, as far as is known of them all: name+tag to name.
func mailbox(email string) string {
	local, domain, _ := strings.Cut(email, "@")
	name, _, _ := strings.Cut(local, "+")
	return name + "@" + domain
}

// queue puts a letter that anybody can ask for into the outbox. The postman is not woken: what it does, which differs by whether there is such an
// account, is not to be felt by the request that follows.
func (d *Desk) queue(ctx context.Context, l mail.Letter, life time.Duration) error {
	return d.DB.InTx(ctx, func(tx *database.Tx) error {
		if err := d.Box.Room(ctx, tx); err != nil {
			return err
		}
		return d.Box.Put(ctx, tx, d.Now(), l, life)
	})
}

func (d *Desk) wake() {
	if d.Wake != nil {
		d.Wake()
	}
}

// link is the address of a page with a secret behind the #, which browsers send to no server and write into no log.
func (d *Desk) link(page, secret string) string {
	link := strings.TrimSuffix(d.BaseURL, "/") + "/auth/" + page
	if secret != "" {
		link += "#" + secret
	}
	return link
}

// emit records what its owner, or a stranger, did to an account.
func (d *Desk) emit(t session.Attempt, id, action, outcome, reason string) {
	if d.Events == nil {
		return
	}
	d.Events.Emit((&event.Event{
		Time: d.Now(), Category: "iam", Action: action, Outcome: outcome, Reason: reason, RequestID: t.RequestID, TraceID: t.TraceID, UserAgent: t.UserAgent, UserID: id,
	}).From(t.Client))
}
