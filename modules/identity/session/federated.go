package session

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/federation"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

var (
	// ErrLinkFirst is a person of a provider whose mail address is that of an account which they have not been linked to: they sign in to it as
	// they always do, and link there.
	ErrLinkFirst = errors.New("sign in as usual first, and link the provider then")
	// ErrNoAccount is a person of a provider who has no account, where none is made.
	ErrNoAccount = errors.New("there is no account")
	// ErrLinked is a person of a provider who is linked to another account.
	ErrLinked = errors.New("this login belongs to another account")
	// ErrLastWay refuses to take away the only way to sign in.
	ErrLastWay = errors.New("it is the only way to sign in")
	// ErrOtherPerson is somebody else than who is signed in.
	ErrOtherPerson = errors.New("that is another person")
)

// longAgo stands for the time of a login that a provider does not tell: it is fresh for nothing.
var longAgo = time.Unix(1, 0)

// methodFederated is in `amr` of who signed in by a provider; RFC 8176 has no word for it.
const methodFederated = "fed"

func proofBy(p federation.Person) proof {
	by := proof{at: p.AuthTime, methods: []string{methodFederated}, multi: p.Multi}
	if by.at.IsZero() {
		by.at = longAgo
	}
	if p.Multi {
		by.methods = append(by.methods, "mfa")
	}
	return by
}

// Federated takes the first step of a login by an outside provider: it finds the account that the person is linked to, or links or makes one as
// the provider's configuration says. The second factor is still asked for where the account has one or must have one, unless the provider is trusted to have done so.
// Errors: ErrLinkFirst, ErrNoAccount, ErrCredentials (the account is disabled); anything else means that it could not be checked.
func (m *Manager) Federated(ctx context.Context, p federation.Person, c federation.Config, t Attempt) (Result, error) {
	a, link, err := m.linked(ctx, p)
	if errors.Is(err, account.ErrNotFound) {
		a, link, err = m.adopt(ctx, p, c, t)
	}
	switch {
	case errors.Is(err, ErrLinkFirst), errors.Is(err, ErrNoAccount):
		logins.WithLabelValues("wrong").Inc()
		m.emit(t, a, "login", event.Failure, "provider "+p.Provider+": "+err.Error(), "")
		return Result{}, err
	case err != nil:
		logins.WithLabelValues("error").Inc()
		return Result{}, err
	}
	if a.Disabled {
		return Result{}, m.lost(t, a)
	}
	if err := m.links.Used(ctx, m.Now(), link); err != nil { // it is for the person's eyes only
		m.Log.Warn("the use of a link could not be noted", zap.Error(err))
	}
	return m.goOn(ctx, a, t, proofBy(p))
}

// linked finds the account that the person is linked to. Errors: account.ErrNotFound.
func (m *Manager) linked(ctx context.Context, p federation.Person) (account.Account, string, error) {
	k, err := m.links.Find(ctx, p.Issuer, p.Subject)
	if err != nil {
		return account.Account{}, "", err
	}
	a, err := m.Accounts.ByID(ctx, k.Account)
	if err != nil {
		return account.Account{}, "", err
	}
	// Looked at again after the account was read: a removal from now on changes its revision, and the session does not begin.
	if still, err := m.links.Find(ctx, p.Issuer, p.Subject); err != nil || still.ID != k.ID {
		return account.Account{}, "", cmp.Or(err, account.ErrNotFound)
	}
	return a, k.ID, nil
}

// adopt links or makes an account for a person who has none. Errors: ErrLinkFirst, with the account where there is one; ErrNoAccount.
func (m *Manager) adopt(ctx context.Context, p federation.Person, c federation.Config, t Attempt) (account.Account, string, error) {
	if p.EmailVerified {
		a, err := m.Accounts.ByEmail(ctx, p.Email)
		if err == nil {
			return m.adoptExisting(ctx, a, p, c, t)
		}
		if !errors.Is(err, account.ErrNotFound) {
			return a, "", err
		}
	}
	if len(c.Create) == 0 {
		return account.Account{}, "", ErrNoAccount
	}
	err := m.createFor(ctx, p, c.Create, t)
	if err != nil && !errors.Is(err, account.ErrExists) { // another request of the person was quicker
		return account.Account{}, "", err
	}
	return m.linked(ctx, p)
}

// adoptExisting links the account that has the person's address, where that is safe or the operator wants it.
func (m *Manager) adoptExisting(ctx context.Context, a account.Account, p federation.Person, c federation.Config, t Attempt) (account.Account, string, error) {
	empty := !a.HasPassword() && !a.SecondFactor()
	if a.Disabled || c.Link != federation.LinkAny && (c.Link != federation.LinkEmpty || !empty) {
		return a, "", ErrLinkFirst
	}
	others, err := m.links.List(ctx, a.ID)
	if err != nil {
		return a, "", err
	}
	for _, o := range others {
		if o.Issuer == p.Issuer { // another person of the provider: it has given the address to somebody new
			return a, "", ErrLinkFirst
		}
	}
	if err := m.link(ctx, a, p, "", t); err != nil {
		return a, "", err
	}
	return m.linked(ctx, p)
}

// link writes a link to an account that has not changed since a was read. Errors: ErrSession where it has; account.ErrExists, federation.ErrMany.
func (m *Manager) link(ctx context.Context, a account.Account, p federation.Person, sid string, t Attempt) error {
	err := m.DB.InTx(ctx, func(tx *database.Tx) error {
		if _, err := m.changeFactors(ctx, tx, a); err != nil {
			return err
		}
		now := m.Now()
		if err := m.links.Add(ctx, tx, now, a.ID, p); err != nil {
			return err
		}
		if err := m.notify(ctx, tx, a, NoticeLinkAdded, map[string]string{"provider": p.Provider}); err != nil {
			return err
		}
		m.own.add(a.ID)
		return tx.Append(ctx, now, database.Change{Topic: "account", Key: a.ID})
	})
	if err != nil {
		return err
	}
	m.Feed.Wake()
	m.iam(ctx, a, "link-added", "provider "+p.Provider, sid)
	return nil
}

// Link lets a person who is signed in sign in by the provider, too. Errors: ErrSession, NotFresh, ErrLinked, federation.ErrMany.
func (m *Manager) Link(ctx context.Context, id *reqctx.Identity, p federation.Person, t Attempt) error {
	s, a, err := m.current(ctx, id)
	if err != nil {
		return err
	}
	if err := m.fresh(s, a); err != nil {
		return err
	}
	err = m.link(ctx, a, p, id.Session, t)
	if errors.Is(err, account.ErrExists) {
		if k, findErr := m.links.Find(ctx, p.Issuer, p.Subject); findErr == nil && k.Account == a.ID {
			return nil // theirs already
		}
		return ErrLinked
	}
	return err
}

// StepUpFederated takes a new login at the provider of a person who is signed in: the first factor is fresh then. Errors: ErrSession, ErrOtherPerson.
func (m *Manager) StepUpFederated(ctx context.Context, id *reqctx.Identity, p federation.Person, t Attempt) (Result, error) {
	s, a, err := m.current(ctx, id)
	if err != nil {
		return Result{}, err
	}
	k, err := m.links.Find(ctx, p.Issuer, p.Subject)
	if errors.Is(err, account.ErrNotFound) || err == nil && k.Account != a.ID {
		m.emit(t, a, "step-up", event.Failure, "provider "+p.Provider+": another person", id.Session)
		return Result{}, ErrOtherPerson
	}
	if err != nil {
		return Result{}, err
	}
	by := proofBy(p)
	s.authTime = by.at
	if p.Multi {
		s.mfa, s.methods = by.at, multi(s.methods, "mfa")
	}
	return m.replace(ctx, s, a, t, nil)
}

// Links are the providers that the person may sign in by. Errors: ErrSession.
func (m *Manager) Links(ctx context.Context, id *reqctx.Identity) ([]federation.Linked, error) {
	if _, err := m.living(ctx, id); err != nil {
		return nil, err
	}
	return m.links.List(ctx, id.Subject)
}

// Unlink takes one away and ends the person's other sessions. Errors: ErrSession, NotFresh, ErrLastWay, account.ErrNotFound.
func (m *Manager) Unlink(ctx context.Context, id *reqctx.Identity, link string) error {
	s, a, err := m.current(ctx, id)
	if err != nil {
		return err
	}
	if err := m.fresh(s, a); err != nil {
		return err
	}
	const reason = "link removed"
	var gone federation.Linked
	var ended []string
	err = m.DB.InTx(ctx, func(tx *database.Tx) error {
		if _, err := m.changeFactors(ctx, tx, a); err != nil {
			return err
		}
		var left int
		var err error
		if gone, left, err = m.links.Remove(ctx, tx, a.ID, link); err != nil {
			return err
		}
		if left == 0 && !a.HasPassword() { // a key alone may not be one that signs in by itself
			return ErrLastWay
		}
		if err := m.notify(ctx, tx, a, NoticeLinkRemoved, map[string]string{"provider": gone.Provider}); err != nil {
			return err
		}
		m.own.add(a.ID)
		ended, err = EndAll(ctx, tx, m.Now(), a.ID, id.Session, reason)
		return err
	})
	if err != nil {
		return err
	}
	m.Feed.Wake()
	for _, sid := range ended {
		m.over(ctx, a.ID, sid, reason)
	}
	m.iam(ctx, a, "link-removed", "provider "+gone.Provider, id.Session)
	return nil
}
