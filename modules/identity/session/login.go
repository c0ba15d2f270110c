package session

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/internal/event"
)

// login looks at a try that Login has let through. Errors: ErrCredentials; anything else means that it could not be checked.
func (m *Manager) login(ctx context.Context, t Attempt) (Result, error) {
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
	r, err := m.goOn(ctx, a, t, proof{at: m.Now(), methods: []string{"pwd"}})
	if errors.Is(err, ErrCredentials) {
		err = errLost
	}
	return r, err
}

// proof is a first factor that was given.
type proof struct {
	at      time.Time
	methods []string
	multi   bool // a second factor was given with it
}

// goOn goes on with a login whose first factor is proven: it asks for the second, or for the enrolment of one that the
// account's roles must have, or begins the session. Errors: ErrCredentials where the account is disabled or has changed meanwhile.
func (m *Manager) goOn(ctx context.Context, a account.Account, t Attempt, by proof) (Result, error) {
	if a.Disabled {
		return Result{}, m.lost(t, a)
	}
	asks := !by.multi && a.SecondFactor() && !m.trusts(ctx, a, t)
	if !asks && m.outdated(a, by.methods) {
		return m.expired(ctx, a, t, nil)
	}
	enrol := !a.SecondFactor() && m.requires(a.Roles)
	if asks || enrol && !by.multi {
		token, err := m.pend(ctx, pending{Account: a.ID, Revision: a.Revision, AuthTime: by.at, Methods: by.methods, Enrol: enrol, Remember: t.Remember})
		if err != nil {
			logins.WithLabelValues("error").Inc()
			return Result{}, err
		}
		logins.WithLabelValues("second_factor").Inc()
		m.emit(t, a, "login-first-step", event.Success, "", "")
		if enrol {
			return Result{MFAToken: token, Enrol: true, Factors: []string{factor.TOTP, factor.WebAuthn}}, nil
		}
		return Result{MFAToken: token, Factors: kinds(a)}, nil
	}
	s := row{created: m.Now(), authTime: by.at, methods: by.methods}
	if by.multi {
		s.mfa = by.at
	}
	r, err := m.start(ctx, &s, a, t, nil)
	switch {
	case errors.Is(err, ErrSession): // disabled or changed in the last milliseconds
		return Result{}, m.lost(t, a)
	case err != nil:
		logins.WithLabelValues("error").Inc()
		return Result{}, err
	}
	logins.WithLabelValues("success").Inc()
	m.signedIn(t, a, &s, "")
	return r, nil
}

// trusts tells whether the second factor need not be asked for in this browser. What can't be found out is no trust.
func (m *Manager) trusts(ctx context.Context, a account.Account, t Attempt) bool {
	trusted, err := m.Trusted(ctx, a, t)
	if err != nil {
		m.Log.Warn("a device can't be looked up: the second factor is asked for", zap.Error(err))
	}
	return trusted && err == nil
}

func (m *Manager) lost(t Attempt, a account.Account) error {
	logins.WithLabelValues("wrong").Inc()
	m.emit(t, a, "login", event.Failure, "the account changed during the login", "")
	return ErrCredentials
}

// kinds are the second factors that the account may give.
func kinds(a account.Account) (all []string) {
	if a.TOTP {
		all = append(all, factor.TOTP)
	}
	if a.WebAuthn {
		all = append(all, factor.WebAuthn)
	}
	if a.Recovery > 0 {
		all = append(all, factor.Recovery)
	}
	return all
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
