package session

import (
	"context"
	"errors"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/event"
)

// Login takes the first step. Errors: ErrCredentials; anything else means that it could not be checked.
func (m *Manager) Login(ctx context.Context, t Attempt) (Result, error) {
	a, err := m.Accounts.Authenticate(ctx, t.Username, t.Password)
	if errors.Is(err, account.ErrNotFound) {
		logins.WithLabelValues("wrong").Inc()
		// a is empty for an unknown name: what was typed there may be a password, and is not written down.
		m.emit(t, a, "login", event.Failure, reasonOf(a), "")
		return Result{}, ErrCredentials
	}
	if err != nil {
		logins.WithLabelValues("error").Inc()
		return Result{}, err
	}
	now := m.Now()
	if a.TOTP {
		token, err := m.pend(ctx, pending{Account: a.ID, Revision: a.Revision, AuthTime: now, Remember: t.Remember})
		if err != nil {
			logins.WithLabelValues("error").Inc()
			return Result{}, err
		}
		logins.WithLabelValues("second_factor").Inc()
		m.emit(t, a, "login-first-step", event.Success, "", "")
		return Result{MFAToken: token, Factors: []string{"totp"}}, nil
	}
	s := row{created: now, authTime: now, methods: []string{"pwd"}}
	r, err := m.start(ctx, &s, a, t)
	switch {
	case errors.Is(err, ErrSession): // disabled or changed in the last milliseconds
		logins.WithLabelValues("wrong").Inc()
		m.emit(t, a, "login", event.Failure, "the account changed during the login", "")
		return Result{}, ErrCredentials
	case err != nil:
		logins.WithLabelValues("error").Inc()
		return Result{}, err
	}
	logins.WithLabelValues("success").Inc()
	m.emit(t, a, "login", event.Success, "", s.id)
	return r, nil
}

// TOTP takes the second step of a login. Errors: ErrCode, ErrSession (log in again), Throttled.
func (m *Manager) TOTP(ctx context.Context, mfaToken, code string, t Attempt) (Result, error) {
	p, err := m.pended(ctx, mfaToken)
	if err != nil {
		m.countFactor(err)
		return Result{}, err
	}
	a, err := m.Accounts.ByID(ctx, p.Account)
	if errors.Is(err, account.ErrNotFound) || err == nil && (a.Disabled || a.Revision != p.Revision) {
		err = ErrSession
	}
	if err == nil {
		err = m.spend(ctx, a, code, t, "login")
	} else {
		m.countFactor(err)
	}
	if err != nil {
		return Result{}, err
	}
	if err := m.finish(ctx, mfaToken); err != nil { // of two right codes at once, one login comes
		return Result{}, err
	}
	now := m.Now()
	t.Remember = p.Remember
	s := row{created: now, authTime: p.AuthTime, mfa: now, methods: []string{"pwd", "otp"}}
	r, err := m.start(ctx, &s, a, t)
	if err != nil {
		return Result{}, err
	}
	m.emit(t, a, "login", event.Success, "", s.id)
	return r, nil
}

// spend takes a second-factor code and records the answer. Errors: ErrCode, Throttled, account.ErrNotFound (no second factor).
func (m *Manager) spend(ctx context.Context, a account.Account, code string, t Attempt, step string) error {
	err := m.Accounts.SpendTOTP(ctx, m.Now(), a.ID, code)
	m.countFactor(err)
	var throttled Throttled
	switch {
	case err == nil:
		m.emit(t, a, "second-factor", event.Success, step, "")
	case errors.Is(err, ErrCode):
		m.emit(t, a, "second-factor", event.Failure, step+": wrong or used code", "")
	case errors.As(err, &throttled):
		m.emit(t, a, "second-factor", event.Failure, step+": too many wrong codes", "")
	}
	return err
}

func (m *Manager) countFactor(err error) {
	var throttled Throttled
	outcome := "error"
	switch {
	case err == nil:
		outcome = "success"
	case errors.Is(err, ErrCode):
		outcome = "wrong"
	case errors.As(err, &throttled):
		outcome = "throttled"
	case errors.Is(err, ErrSession):
		outcome = "expired"
	}
	factors.WithLabelValues(outcome).Inc()
}

func reasonOf(a account.Account) string {
	switch {
	case a.ID == "":
		return "unknown user name"
	case a.Disabled:
		return "the account is disabled"
	}
	return "wrong password"
}

func (m *Manager) emit(t Attempt, a account.Account, action, outcome, reason, sid string) {
	e := &event.Event{
		Time: m.Now(), Category: "authentication", Action: action, Outcome: outcome, Reason: reason, RequestID: t.RequestID,
		UserAgent: t.UserAgent, UserID: a.ID, UserName: a.Name, Session: sid,
	}
	if t.Client.IP.IsValid() {
		e.SourceIP = t.Client.IP.String()
	}
	if sid != "" {
		e.UserRoles = a.Roles
	}
	m.Events.Emit(e)
}
