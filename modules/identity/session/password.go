package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/store"
)

const (
	ownTries  = 5 // passwords a session's holder may try in a window to prove the account is theirs
	ownWindow = 15 * time.Minute
)

// ChangePassword changes the person's own password and ends all other sessions of the account. Who came by a provider and has none yet gives no old one, and
// sets the first after a fresh login. Errors: ErrCredentials (the old one is wrong), NotFresh, account.WeakPassword, Throttled, ErrSession.
func (m *Manager) ChangePassword(ctx context.Context, id *reqctx.Identity, old, new string) error {
	s, a, err := m.current(ctx, id)
	if err != nil {
		return err
	}
	if a.HasPassword() {
		err = m.proveOwn(ctx, a, old, "password-change", id.Session)
	} else {
		err = m.fresh(s, a)
	}
	if err != nil {
		return err
	}
	hash, err := m.Accounts.NewPassword(ctx, a, new)
	if err != nil {
		return err
	}
	const reason = "password changed"
	var ids []string
	m.own.add(a.ID)
	err = m.DB.InTx(ctx, func(tx *database.Tx) error {
		now := m.Now()
		if err := m.Accounts.SignIn(ctx, tx, now, a); errors.Is(err, account.ErrNotFound) {
			return ErrSession
		} else if err != nil {
			return err
		}
		if err := m.Accounts.SetPassword(ctx, tx, now, a.ID, hash); err != nil {
			return err
		}
		if err := m.notify(ctx, tx, a, NoticePasswordChanged, nil); err != nil {
			return err
		}
		ids, err = EndAll(ctx, tx, now, a.ID, id.Session, reason)
		return err
	})
	if err != nil {
		return err
	}
	m.Feed.Wake()
	for _, sid := range ids {
		m.over(ctx, a.ID, sid, reason)
	}
	m.iam(ctx, a, "password-changed", "", id.Session)
	return nil
}

// proveOwn takes the password of a person who is signed in, for what action says. Errors: ErrCredentials, Throttled.
func (m *Manager) proveOwn(ctx context.Context, a account.Account, password, action, sid string) error {
	// A stolen session must not become a place to guess the password, past the limits of the login.
	key := store.Key("own-password", a.ID)
	tries, err := m.Store.Incr(ctx, key, ownWindow)
	if err != nil {
		return fmt.Errorf("counting tries of a password: %w", err)
	}
	if tries > ownTries {
		return Throttled{RetryAfter: ownWindow}
	}
	if err := m.Accounts.CheckOwn(ctx, a, password); errors.Is(err, account.ErrNotFound) {
		m.emit(attemptOf(ctx), a, action, event.Failure, "wrong password", sid)
		return ErrCredentials
	} else if err != nil {
		return err
	}
	if err := m.Store.Delete(ctx, key); err != nil {
		return fmt.Errorf("counting tries of a password: %w", err)
	}
	return nil
}

// Profile is what the person may see of the own account. Errors: ErrSession.
func (m *Manager) Profile(ctx context.Context, id *reqctx.Identity) (account.Profile, error) {
	p, err := m.Accounts.Profile(ctx, id.Subject)
	if errors.Is(err, account.ErrNotFound) {
		err = ErrSession
	}
	return p, err
}
