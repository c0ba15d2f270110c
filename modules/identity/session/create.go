package session

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/federation"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
)

// createFor makes the account of a person of a provider, and links it. It has no password. An address is taken over only where the provider has
// verified it. Errors: account.ErrExists where the person is linked meanwhile.
func (m *Manager) createFor(ctx context.Context, p federation.Person, roles []string, t Attempt) error {
	hash, err := m.Accounts.NoHash(ctx)
	if err != nil {
		return err
	}
	for _, name := range proposals(p) {
		var made account.Account
		err := m.DB.InTx(ctx, func(tx *database.Tx) (err error) {
			made, err = m.create(ctx, tx, name, p, roles, hash)
			return err
		})
		switch {
		case errors.Is(err, errNameTaken):
			continue
		case err != nil:
			return err
		}
		m.Feed.Wake()
		m.Events.Emit((&event.Event{
			Time: m.Now(), Category: "iam", Action: "account-created", Outcome: event.Success, Reason: "provider " + p.Provider, RequestID: t.RequestID, TraceID: t.TraceID,
			UserAgent: t.UserAgent, UserID: made.ID, UserRoles: roles,
		}).From(t.Client))
		return nil
	}
	return errNameTaken
}

var errNameTaken = errors.New("no name is free for the account")

func (m *Manager) create(ctx context.Context, tx *database.Tx, name string, p federation.Person, roles []string, hash string) (account.Account, error) {
	now := m.Now()
	a, err := m.Accounts.Create(ctx, tx, now, name, roles, hash)
	if errors.Is(err, account.ErrExists) || errors.Is(err, account.ErrName) {
		return a, errNameTaken
	}
	if err != nil {
		return a, err
	}
	if err := m.Accounts.ClearPassword(ctx, tx, a.ID); err != nil {
		return a, err
	}
	if p.EmailVerified {
		err := m.Accounts.SetEmail(ctx, tx, now, a.ID, p.Email, true)
		if errors.Is(err, account.ErrEmailTaken) { // in this very moment: the next try finds whose it is
			return a, ErrLinkFirst
		}
		if err != nil && !errors.Is(err, account.ErrEmail) { // an address of a kind that is not taken here: none, then
			return a, err
		}
	}
	if err := m.Accounts.SetDisplayName(ctx, tx, a.ID, p.DisplayName); err != nil && !errors.Is(err, account.ErrDisplayName) {
		return a, err
	}
	if err := m.links.Add(ctx, tx, now, a.ID, p); err != nil {
		return a, err
	}
	m.own.add(a.ID)
	return a, tx.Append(ctx, now, database.Change{Topic: "account", Key: a.ID})
}

// proposals are names to try, the nicest first. A name says nothing about who somebody is: roles do.
func proposals(p federation.Person) []string {
	local, _, _ := strings.Cut(p.Email, "@")
	base := "user"
	for _, s := range []string{p.Username, local} {
		s, _, _ = strings.Cut(s, "@") // some providers write an address there
		if s = nameLike(s); s != "" {
			base = s
			break
		}
	}
	names := []string{base}
	for n := 2; n <= 5; n++ {
		names = append(names, base+strconv.Itoa(n))
	}
	return append(names, base+"-"+strings.ToLower(rand.Text()[:8]), "user-"+strings.ToLower(rand.Text()[:12]))
}

// nameLike makes a user name of what a provider has, "" where nothing is left.
func nameLike(s string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
			b.WriteRune(c)
		case c == ' ':
			b.WriteByte('.')
		}
		if b.Len() == 20 { // room for a number
			break
		}
	}
	name := strings.Trim(b.String(), "._-")
	if n, err := account.Normalise(name); err == nil && !account.ForOperators(n) {
		return n
	}
	return ""
}
