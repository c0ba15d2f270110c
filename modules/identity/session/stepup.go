package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// freshFor is how lately a factor must have been given for what changes factors.
const freshFor = 10 * time.Minute

// NotFresh refuses what needs a factor that was given lately: at level ACR, within MaxAge (RFC 9470).
type NotFresh struct {
	ACR    string
	MaxAge time.Duration
}

func (n NotFresh) Error() string { return fmt.Sprintf("a factor of %s must be given first", n.ACR) }

// fresh refuses a session whose second factor, or where the account has none whose password, was not given lately. Errors: NotFresh.
func (m *Manager) fresh(s row, a account.Account) error {
	given, acr := s.authTime, reqctx.ACRSingle
	if a.SecondFactor() {
		given, acr = s.mfa, reqctx.ACRMulti
	}
	if given.IsZero() || m.Now().Sub(given) > freshFor {
		return NotFresh{acr, freshFor}
	}
	return nil
}

// StepUp takes a code of an authenticator app of a person who is signed in. The session goes on under a new id, with new tokens and its
// old age; the old id ends. Errors: ErrCode, ErrSession, Throttled, account.ErrNotFound (no authenticator app).
func (m *Manager) StepUp(ctx context.Context, id *reqctx.Identity, code string, t Attempt) (Result, error) {
	s, a, err := m.current(ctx, id)
	if err != nil {
		return Result{}, err
	}
	if _, err := m.spend(ctx, a, code, t, "step up"); err != nil {
		return Result{}, err
	}
	s.mfa, s.methods = m.Now(), multi(s.methods, "otp")
	return m.replace(ctx, s, a, t, nil)
}

// StepUpRecovery does the same with a recovery code. Errors: ErrCode, ErrSession.
func (m *Manager) StepUpRecovery(ctx context.Context, id *reqctx.Identity, code string, t Attempt) (Result, error) {
	s, a, err := m.current(ctx, id)
	if err != nil {
		return Result{}, err
	}
	s.mfa, s.methods = m.Now(), multi(s.methods, "rc")
	r, err := m.replace(ctx, s, a, t, m.recovering(ctx, a, code))
	m.gave(a, t, factor.Recovery, "step up", err)
	return r, err
}

// StepUpPassword takes the password again: the first factor is fresh then, no second one is given by it. Errors: ErrCredentials, ErrSession, Throttled.
func (m *Manager) StepUpPassword(ctx context.Context, id *reqctx.Identity, password string, t Attempt) (Result, error) {
	s, a, err := m.current(ctx, id)
	if err != nil {
		return Result{}, err
	}
	if err := m.proveOwn(ctx, a, password, "step-up", id.Session); err != nil {
		return Result{}, err
	}
	s.authTime = m.Now()
	r, err := m.replace(ctx, s, a, t, nil)
	if err == nil {
		m.emit(t, a, "step-up", event.Success, "password", r.Identity.Session)
	}
	return r, err
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

// replace ends a session and begins its successor, which is s with what was proven now. more, if not nil, runs before in the same
// transaction. Errors: ErrSession where the session or the account changed meanwhile.
func (m *Manager) replace(ctx context.Context, s row, a account.Account, t Attempt, more changing) (Result, error) {
	old := s.id
	var refresh string
	err := m.DB.InTx(ctx, func(tx *database.Tx) (err error) {
		changes := []database.Change{{Topic: "session", Key: old}}
		if more != nil {
			var further []database.Change
			if a, further, err = more(tx); err != nil {
				return err
			}
			changes = append(changes, further...)
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
	m.over(ctx, a.ID, old, "stepped up")
	return m.result(&s, refresh)
}
