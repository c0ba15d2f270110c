package session

import (
	"context"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// BeginAddKey asks for a new security key or passkey of a person who is signed in: what it returns goes to navigator.credentials.create. Errors: NotFresh,
// ErrSession, factor.ErrSite.
func (m *Manager) BeginAddKey(ctx context.Context, id *reqctx.Identity, t Attempt) (options any, err error) {
	s, a, err := m.current(ctx, id)
	if err == nil {
		err = m.fresh(s, a)
	}
	if err != nil {
		return nil, err
	}
	return m.beginRegistration(ctx, forAdding, s.id, a, t)
}

// AddKey takes the answer and puts the key in force. The session gets a new id. Errors: ErrSession, NotFresh, ErrChallenge, factor.ErrKey, factor.ErrName,
// factor.ErrMany, account.ErrExists (it is somebody's).
func (m *Manager) AddKey(ctx context.Context, id *reqctx.Identity, answer []byte, name string, t Attempt) (Result, error) {
	s, a, err := m.current(ctx, id)
	if err == nil {
		err = m.fresh(s, a)
	}
	if err != nil {
		return Result{}, err
	}
	add, err := m.registered(ctx, forAdding, s.id, a, answer, name, t)
	if err != nil {
		return Result{}, err
	}
	s.mfa, s.methods = m.Now(), multi(s.methods, add.methods...)
	r, err := m.replace(ctx, s, a, t, m.adding(ctx, a, factor.WebAuthn, name, add.store))
	return r, m.wasAdded(ctx, a, factor.WebAuthn, r, err)
}

// BeginAddKeyAtLogin does the same for a login that must enrol a factor. Errors: ErrSession (log in again), factor.ErrSite.
func (m *Manager) BeginAddKeyAtLogin(ctx context.Context, mfaToken string, t Attempt) (options any, err error) {
	_, a, err := m.waiting(ctx, mfaToken, true)
	if err != nil {
		return nil, err
	}
	return m.beginRegistration(ctx, forEnrol, mfaToken, a, t)
}

// AddKeyAtLogin takes the answer, puts the key in force and ends the login. Errors: ErrSession, ErrChallenge, factor.ErrKey, factor.ErrName, account.ErrExists.
func (m *Manager) AddKeyAtLogin(ctx context.Context, mfaToken string, answer []byte, name string, t Attempt) (Result, error) {
	p, a, err := m.waiting(ctx, mfaToken, true)
	if err != nil {
		return Result{}, err
	}
	add, err := m.registered(ctx, forEnrol, mfaToken, a, answer, name, t)
	if err != nil {
		return Result{}, err
	}
	r, err := m.complete(ctx, mfaToken, p, a, t, m.adding(ctx, a, factor.WebAuthn, name, add.store), add.methods...)
	return r, m.wasAdded(ctx, a, factor.WebAuthn, r, err)
}

func (m *Manager) beginRegistration(ctx context.Context, purpose, of string, a account.Account, t Attempt) (any, error) {
	site, err := m.site(t)
	if err != nil {
		return nil, err
	}
	options, c, err := m.Factors.BeginRegistration(ctx, site, a.ID, a.Name)
	if err != nil {
		return nil, err
	}
	return options, m.challenge(ctx, purpose, of, a.ID, c)
}

// keyToAdd is a new key that has answered.
type keyToAdd struct {
	methods []string
	store   storing
}

func (m *Manager) registered(ctx context.Context, purpose, of string, a account.Account, answer []byte, name string, t Attempt) (keyToAdd, error) {
	if _, err := factor.Name(name); err != nil {
		return keyToAdd{}, err
	}
	c, err := m.answered(ctx, purpose, of, a.ID)
	var made factor.Credential
	if err == nil {
		made, err = m.Factors.FinishRegistration(c, answer)
	}
	if err != nil {
		m.gave(a, t, factor.WebAuthn, "enrolment", err)
		return keyToAdd{}, err
	}
	return keyToAdd{keyMethods(made.Proof()), func(tx *database.Tx, name string) error {
		_, err := m.Factors.AddWebAuthn(ctx, tx, m.Now(), a.ID, name, made)
		return err
	}}, nil
}
