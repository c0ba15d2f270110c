package session

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// StepUp takes the second factor of a person who is signed in. The session goes on under a new id, with new tokens and its
// old age; the old id ends. Errors: ErrCode, ErrSession, Throttled, account.ErrNotFound (no second factor).
func (m *Manager) StepUp(ctx context.Context, id *reqctx.Identity, code string, t Attempt) (Result, error) {
	s, a, err := m.current(ctx, id)
	if err != nil {
		return Result{}, err
	}
	if err := m.spend(ctx, a, code, t, "step up"); err != nil {
		return Result{}, err
	}
	return m.replace(ctx, s, a, t, nil)
}

// current reads the living session and its account. Errors: ErrSession.
func (m *Manager) current(ctx context.Context, id *reqctx.Identity) (row, account.Account, error) {
	s, err := m.living(ctx, id)
	if err != nil {
		return row{}, account.Account{}, err
	}
	a, err := m.Accounts.ByID(ctx, id.Subject)
	if errors.Is(err, account.ErrNotFound) {
		err = ErrSession
	}
	return s, a, err
}

// replace ends a session and begins its successor with a second factor given now. more, if not nil, changes the account
// before, in the same transaction, and returns it as it is then. Errors: ErrSession where the session or the account changed meanwhile.
func (m *Manager) replace(ctx context.Context, s row, a account.Account, t Attempt, more func(*database.Tx) (account.Account, error)) (Result, error) {
	old := s.id
	s.mfa = m.Now()
	if !slices.Contains(s.methods, "otp") {
		s.methods = append(slices.Clone(s.methods), "otp")
	}
	var refresh string
	err := m.DB.InTx(ctx, func(tx *database.Tx) (err error) {
		changes := []database.Change{{Topic: "session", Key: old}}
		if more != nil {
			if a, err = more(tx); err != nil {
				return err
			}
			changes = append(changes, database.Change{Topic: "account", Key: a.ID})
		}
		if refresh, err = m.begin(ctx, tx, &s, a, t); err != nil {
			return err
		}
		now := m.Now()
		if err := endOne(ctx, tx, now, old, "stepped up"); err != nil {
			return err
		}
		return tx.Append(ctx, now, changes...) // last in every transaction: it locks, and all must lock in one order
	})
	if err != nil {
		return Result{}, err
	}
	m.Feed.Wake()
	started.Inc()
	m.over(a.ID, old, "stepped up")
	return m.result(&s, refresh)
}

// EnrolTOTP makes a secret that ConfirmTOTP puts in force. Errors: account.ErrExists, ErrSession.
func (m *Manager) EnrolTOTP(ctx context.Context, id *reqctx.Identity) (Enrolment, error) {
	_, a, err := m.current(ctx, id)
	if err != nil {
		return Enrolment{}, err
	}
	if a.TOTP {
		return Enrolment{}, account.ErrExists // else a stolen session would put the thief's factor in place of the owner's
	}
	secret := account.NewTOTPSecret()
	token, err := m.put(ctx, "enrol", enrolling{Account: a.ID, Session: id.Session, Secret: secret}, enrolLife)
	if err != nil {
		return Enrolment{}, err
	}
	return Enrolment{Token: token, Secret: secret, URI: account.TOTPURI(m.Label, a.Name, secret)}, nil
}

// ConfirmTOTP puts an enrolled factor in force for a first code of it, which is spent. The session gets a new id. Errors: ErrCode,
// ErrSession, account.ErrExists.
func (m *Manager) ConfirmTOTP(ctx context.Context, id *reqctx.Identity, enrolToken, code string) (Result, error) {
	s, a, err := m.current(ctx, id)
	if err != nil {
		return Result{}, err
	}
	var e enrolling
	if err := m.get(ctx, "enrol", enrolToken, &e, enrolLife); err != nil {
		return Result{}, err
	}
	if e.Account != id.Subject || e.Session != id.Session {
		return Result{}, ErrSession
	}
	step, ok := account.MatchTOTP(e.Secret, code, m.Now())
	if !ok {
		factors.WithLabelValues("wrong").Inc()
		m.emit(Attempt{}, a, "second-factor", event.Failure, "enrolment: wrong code", "")
		return Result{}, ErrCode
	}
	if err := m.take(ctx, "enrol", enrolToken); err != nil {
		return Result{}, err
	}
	m.own.add(a.ID)
	r, err := m.replace(ctx, s, a, Attempt{}, func(tx *database.Tx) (account.Account, error) {
		return m.changeFactor(ctx, tx, a, func(now time.Time) error { return m.Accounts.AddTOTP(ctx, tx, now, a.ID, e.Secret, step) })
	})
	if err != nil {
		return Result{}, err
	}
	factors.WithLabelValues("success").Inc()
	m.iam(a, "second-factor-added", r.Identity.Session)
	return r, nil
}

// RemoveTOTP takes the second factor away, for one more code of it. The session stays as it is. Errors: as StepUp.
func (m *Manager) RemoveTOTP(ctx context.Context, id *reqctx.Identity, code string) error {
	_, a, err := m.current(ctx, id)
	if err != nil {
		return err
	}
	if err := m.spend(ctx, a, code, Attempt{}, "removal"); err != nil {
		return err
	}
	m.own.add(a.ID)
	err = m.DB.InTx(ctx, func(tx *database.Tx) error {
		if _, err := m.changeFactor(ctx, tx, a, func(time.Time) error { return m.Accounts.RemoveTOTP(ctx, tx, a.ID) }); err != nil {
			return err
		}
		return tx.Append(ctx, m.Now(), database.Change{Topic: "account", Key: a.ID})
	})
	if err != nil {
		return err
	}
	m.Feed.Wake()
	m.iam(a, "second-factor-removed", id.Session)
	return nil
}

// changeFactor locks the account against logins beside it and changes its factors; it returns the account as it is then. Errors:
// ErrSession where it has changed since a was read.
func (m *Manager) changeFactor(ctx context.Context, tx *database.Tx, a account.Account, change func(now time.Time) error) (account.Account, error) {
	now := m.Now()
	switch err := m.Accounts.SignIn(ctx, tx, now, a); {
	case errors.Is(err, account.ErrNotFound):
		return a, ErrSession
	case err != nil:
		return a, err
	}
	if err := m.Accounts.Touch(ctx, tx, a.ID); err != nil {
		return a, err
	}
	a.Revision++
	return a, change(now)
}

func (m *Manager) iam(a account.Account, action, sid string) {
	m.Events.Emit(&event.Event{Time: m.Now(), Category: "iam", Action: action, Outcome: event.Success, UserID: a.ID, UserName: a.Name, Session: sid})
}
