package session

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// ErrChallenge is a challenge that has expired or was used: ask for a new one.
var ErrChallenge = errors.New("the challenge has expired or was used")

// ceremony is a challenge that waits for a key's answer, for one use.
type ceremony struct {
	term
	Account   string           `json:"a"` // "": whoever the passkey is of
	Challenge factor.Challenge `json:"c"`
}

// What a challenge is for; it is kept under the token or session that asked for it, and holds for nothing else.
const (
	forLogin   = "webauthn-login"
	forEnrol   = "webauthn-enrol"
	forStepUp  = "webauthn-step-up"
	forAdding  = "webauthn-add"
	forPasskey = "passkey"
)

func (m *Manager) challenge(ctx context.Context, purpose, of, account string, c factor.Challenge) error {
	return m.put(ctx, purpose, of, &ceremony{Account: account, Challenge: c}, factor.ChallengeLife)
}

// answered takes the challenge that an answer is for. Errors: ErrChallenge.
func (m *Manager) answered(ctx context.Context, purpose, of, account string) (factor.Challenge, error) {
	if !isID(of) {
		return factor.Challenge{}, ErrChallenge
	}
	var c ceremony
	err := m.takeInto(ctx, purpose, of, &c)
	if errors.Is(err, ErrSession) || err == nil && c.Account != account {
		return factor.Challenge{}, ErrChallenge
	}
	return c.Challenge, err
}

// BeginKey asks for a security key or passkey as the second step of a login: what it returns goes to navigator.credentials.get. Errors: ErrSession
// (log in again), factor.ErrNoKey, factor.ErrSite.
func (m *Manager) BeginKey(ctx context.Context, mfaToken string, t Attempt) (options any, err error) {
	_, a, err := m.waiting(ctx, mfaToken, false)
	if err != nil {
		return nil, err
	}
	return m.beginAssertion(ctx, forLogin, mfaToken, a, t)
}

// Key takes the answer. Errors: ErrSession (log in again), ErrChallenge, factor.ErrKey.
func (m *Manager) Key(ctx context.Context, mfaToken string, answer []byte, t Attempt) (Result, error) {
	p, a, err := m.waiting(ctx, mfaToken, false)
	if err != nil {
		countFactor(factor.WebAuthn, err)
		return Result{}, err
	}
	proof, err := m.asserted(ctx, forLogin, mfaToken, a, answer, t, "login")
	if err != nil {
		return Result{}, err
	}
	return m.complete(ctx, mfaToken, p, a, t, nil, keyMethods(proof)...)
}

// BeginStepUpKey asks for a security key or passkey of a person who is signed in. Errors: as BeginKey.
func (m *Manager) BeginStepUpKey(ctx context.Context, id *reqctx.Identity, t Attempt) (options any, err error) {
	s, a, err := m.current(ctx, id)
	if err != nil {
		return nil, err
	}
	return m.beginAssertion(ctx, forStepUp, s.id, a, t)
}

// StepUpKey takes the answer; the session gets a new id. Errors: ErrSession, ErrChallenge, factor.ErrKey.
func (m *Manager) StepUpKey(ctx context.Context, id *reqctx.Identity, answer []byte, t Attempt) (Result, error) {
	s, a, err := m.current(ctx, id)
	if err != nil {
		return Result{}, err
	}
	proof, err := m.asserted(ctx, forStepUp, s.id, a, answer, t, "step up")
	if err != nil {
		return Result{}, err
	}
	s.mfa, s.methods = m.Now(), multi(s.methods, keyMethods(proof)...)
	if proof.Verified {
		s.authTime = s.mfa // it is both factors
	}
	return m.replace(ctx, s, a, t, nil)
}

func (m *Manager) beginAssertion(ctx context.Context, purpose, of string, a account.Account, t Attempt) (any, error) {
	site, err := m.site(t)
	if err != nil {
		return nil, err
	}
	options, c, err := m.Factors.BeginAssertion(ctx, site, a.ID)
	if err != nil {
		return nil, err
	}
	return options, m.challenge(ctx, purpose, of, a.ID, c)
}

// asserted checks a key's answer of a person who is known, and records it.
func (m *Manager) asserted(ctx context.Context, purpose, of string, a account.Account, answer []byte, t Attempt, step string) (factor.Proof, error) {
	c, err := m.answered(ctx, purpose, of, a.ID)
	var proof factor.Proof
	if err == nil {
		proof, err = m.Factors.FinishAssertion(ctx, m.Now(), c, answer)
	}
	m.gave(a, t, factor.WebAuthn, step, err)
	return proof, m.copied(ctx, a, err)
}

// copied tells the owner of a key that may have been copied. It returns err.
func (m *Manager) copied(ctx context.Context, a account.Account, err error) error {
	if !errors.Is(err, factor.ErrCopied) {
		return err
	}
	return errors.Join(err, m.DB.InTx(ctx, func(tx *database.Tx) error { return m.notify(ctx, tx, a, NoticeKeyCopied, nil) }))
}

// keyMethods are the authentication methods that a key's answer stands for (RFC 8176).
func keyMethods(p factor.Proof) []string {
	if p.Synced {
		return []string{"swk", "user"}
	}
	return []string{"hwk", "user"}
}

// BeginPasskey asks for a passkey as the only step, of nobody known yet. Errors: factor.ErrSite.
func (m *Manager) BeginPasskey(ctx context.Context, t Attempt) (token string, options any, err error) {
	site, err := m.site(t)
	if err != nil {
		return "", nil, err
	}
	options, c, err := m.Factors.BeginPasskey(site)
	if err != nil {
		return "", nil, err
	}
	token = rand.Text()
	return token, options, m.challenge(ctx, forPasskey, token, "", c)
}

// Passkey takes the answer: a login in one step, with two factors. Errors: ErrChallenge, factor.ErrKey; ErrCredentials where the account is disabled.
func (m *Manager) Passkey(ctx context.Context, token string, answer []byte, t Attempt) (Result, error) {
	c, err := m.answered(ctx, forPasskey, token, "")
	var proof factor.Proof
	if err == nil {
		proof, err = m.Factors.FinishAssertion(ctx, m.Now(), c, answer)
	}
	var a account.Account
	if proof.Account != "" {
		var lost error
		if a, lost = m.Accounts.ByID(ctx, proof.Account); errors.Is(lost, account.ErrNotFound) {
			lost = factor.ErrKey // it went this moment
		}
		err = errors.Join(err, lost)
	}
	if err == nil {
		// Looked at after the account was read: a removal from now on changes its revision, and the session does not begin.
		var holds bool
		if holds, err = m.Factors.Holds(ctx, a.ID, proof.Factor); err == nil && !holds {
			err = factor.ErrKey
		}
	}
	m.gave(a, t, factor.WebAuthn, "passkey login", err)
	if err = m.copied(ctx, a, err); err != nil {
		return Result{}, err
	}
	if a.Disabled {
		return Result{}, m.lost(t, a)
	}
	now := m.Now()
	s := row{created: now, authTime: now, mfa: now, methods: multi(nil, keyMethods(proof)...)}
	r, err := m.start(ctx, &s, a, t, nil)
	switch {
	case errors.Is(err, ErrSession):
		return Result{}, m.lost(t, a)
	case err != nil:
		logins.WithLabelValues("error").Inc()
		return Result{}, err
	}
	logins.WithLabelValues("success").Inc()
	m.signedIn(t, a, &s, "passkey")
	return r, nil
}
