package session

import (
	"context"
	"crypto/rand"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// EnrolTOTP makes a secret that ConfirmTOTP puts in force. Errors: NotFresh, ErrSession.
func (m *Manager) EnrolTOTP(ctx context.Context, id *reqctx.Identity) (Enrolment, error) {
	s, a, err := m.current(ctx, id)
	if err == nil {
		err = m.fresh(s, a) // else a stolen session would put the thief's factor beside the owner's
	}
	if err != nil {
		return Enrolment{}, err
	}
	return m.offer(ctx, a, id.Session)
}

// EnrolTOTPAtLogin does the same for a login that must enrol a factor. Errors: ErrSession.
func (m *Manager) EnrolTOTPAtLogin(ctx context.Context, mfaToken string) (Enrolment, error) {
	_, a, err := m.waiting(ctx, mfaToken, true)
	if err != nil {
		return Enrolment{}, err
	}
	return m.offer(ctx, a, hashSecret([]byte(mfaToken)))
}

func (m *Manager) offer(ctx context.Context, a account.Account, whose string) (Enrolment, error) {
	secret, token := factor.NewTOTPSecret(), rand.Text()
	if err := m.put(ctx, "enrol", token, &enrolling{Account: a.ID, For: whose, Secret: secret}, enrolLife); err != nil {
		return Enrolment{}, err
	}
	return Enrolment{Token: token, Secret: secret, URI: factor.TOTPURI(m.Label, a.Name, secret)}, nil
}

// ConfirmTOTP puts an enrolled authenticator app in force for a first code of it, which is spent. The session gets a new id. Errors: ErrCode,
// ErrSession, NotFresh, factor.ErrName, factor.ErrMany.
func (m *Manager) ConfirmTOTP(ctx context.Context, id *reqctx.Identity, enrolToken, code, name string, t Attempt) (Result, error) {
	s, a, err := m.current(ctx, id)
	if err == nil {
		err = m.fresh(s, a)
	}
	if err != nil {
		return Result{}, err
	}
	add, err := m.confirmed(ctx, a, id.Session, enrolToken, code, name, t)
	if err != nil {
		return Result{}, err
	}
	s.mfa, s.methods = m.Now(), multi(s.methods, "otp")
	r, err := m.replace(ctx, s, a, t, m.adding(ctx, a, factor.TOTP, name, add))
	return r, m.wasAdded(ctx, a, factor.TOTP, r, err)
}

// ConfirmTOTPAtLogin does the same for a login that must enrol a factor, and ends it. Errors: as ConfirmTOTP.
func (m *Manager) ConfirmTOTPAtLogin(ctx context.Context, mfaToken, enrolToken, code, name string, t Attempt) (Result, error) {
	p, a, err := m.waiting(ctx, mfaToken, true)
	if err != nil {
		return Result{}, err
	}
	add, err := m.confirmed(ctx, a, hashSecret([]byte(mfaToken)), enrolToken, code, name, t)
	if err != nil {
		return Result{}, err
	}
	r, err := m.complete(ctx, mfaToken, p, a, t, m.adding(ctx, a, factor.TOTP, name, add), "otp")
	return r, m.wasAdded(ctx, a, factor.TOTP, r, err)
}

// storing writes a factor.
type storing func(tx *database.Tx, name string) error

// confirmed checks the first code of an enrolment and ends it.
func (m *Manager) confirmed(ctx context.Context, a account.Account, whose, enrolToken, code, name string, t Attempt) (storing, error) {
	if _, err := factor.Name(name); err != nil {
		return nil, err
	}
	var e enrolling
	if err := m.get(ctx, "enrol", enrolToken, &e, enrolLife); err != nil {
		return nil, err
	}
	if e.Account != a.ID || e.For != whose {
		return nil, ErrSession
	}
	step, ok := factor.MatchTOTP(e.Secret, code, m.Now())
	if !ok {
		m.gave(a, t, factor.TOTP, "enrolment", ErrCode)
		return nil, ErrCode
	}
	if err := m.take(ctx, "enrol", enrolToken); err != nil {
		return nil, err
	}
	return func(tx *database.Tx, name string) error {
		_, err := m.Factors.AddTOTP(ctx, tx, m.Now(), a.ID, name, e.Secret, step)
		return err
	}, nil
}

// adding adds a factor where a session begins, and tells the owner.
func (m *Manager) adding(ctx context.Context, a account.Account, kind, name string, add storing) changing {
	return func(tx *database.Tx) (account.Account, []database.Change, error) {
		name, err := factor.Name(name)
		if err != nil {
			return a, nil, err
		}
		m.own.add(a.ID)
		a, err := m.changeFactors(ctx, tx, a)
		if err == nil {
			err = add(tx, name)
		}
		if err == nil {
			err = m.notify(ctx, tx, a, NoticeFactorAdded, map[string]string{"factor": kind, "name": name})
		}
		return a, []database.Change{{Topic: "account", Key: a.ID}}, err
	}
}

func (m *Manager) wasAdded(ctx context.Context, a account.Account, kind string, r Result, err error) error {
	if err != nil {
		return err
	}
	countFactor(kind, nil)
	m.iam(ctx, a, "second-factor-added", kind, r.Identity.Session)
	return nil
}

// changeFactors claims the account and tells that its factors change, so that logins begun before are void; it returns the account as it is then. Errors:
// ErrSession where it has changed since a was read.
func (m *Manager) changeFactors(ctx context.Context, tx *database.Tx, a account.Account) (account.Account, error) {
	if err := m.claim(ctx, tx, a); err != nil {
		return a, err
	}
	if err := m.Accounts.Touch(ctx, tx, a.ID); err != nil {
		return a, err
	}
	a.Revision++
	return a, nil
}
