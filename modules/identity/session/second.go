package session

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/identity/throttle"
	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
)

// TOTP takes a code of an authenticator app as the second step of a login. Errors: ErrCode, ErrSession (log in again), Throttled.
func (m *Manager) TOTP(ctx context.Context, mfaToken, code string, t Attempt) (Result, error) {
	p, a, err := m.waiting(ctx, mfaToken, false)
	if err != nil {
		countFactor(factor.TOTP, err)
		return Result{}, err
	}
	if _, err := m.spend(ctx, a, code, t, "login"); err != nil {
		return Result{}, noFactor(err)
	}
	return m.complete(ctx, mfaToken, p, a, t, nil, "otp")
}

// Recovery takes a recovery code as the second step of a login. Errors: ErrCode, ErrSession (log in again).
func (m *Manager) Recovery(ctx context.Context, mfaToken, code string, t Attempt) (Result, error) {
	p, a, err := m.waiting(ctx, mfaToken, false)
	if err == nil {
		err = m.Factors.CheckRecovery(ctx, a.ID, code)
	}
	if err != nil {
		m.gave(a, t, factor.Recovery, "login", err)
		return Result{}, err
	}
	r, err := m.complete(ctx, mfaToken, p, a, t, m.recovering(ctx, a, code), "rc")
	m.gave(a, t, factor.Recovery, "login", err)
	return r, err
}

// recovering spends a recovery code where a session begins, and tells the owner.
func (m *Manager) recovering(ctx context.Context, a account.Account, code string) changing {
	return func(tx *database.Tx) (account.Account, []database.Change, error) {
		now := m.Now()
		if err := m.claim(ctx, tx, a); err != nil {
			return a, nil, err
		}
		left, err := m.Factors.SpendRecovery(ctx, tx, now, a.ID, code)
		if err != nil {
			return a, nil, err
		}
		return a, nil, m.notify(ctx, tx, a, NoticeRecoveryCodeUsed, map[string]string{"left": strconv.Itoa(left)})
	}
}

// waiting finds a login that waits for its second step, enrol for the enrolment of one, and its account. Errors: ErrSession.
func (m *Manager) waiting(ctx context.Context, mfaToken string, enrol bool) (pending, account.Account, error) {
	p, err := m.pended(ctx, mfaToken, enrol)
	if err != nil {
		return p, account.Account{}, err
	}
	a, err := m.Accounts.ByID(ctx, p.Account)
	if errors.Is(err, account.ErrNotFound) || err == nil && (a.Disabled || a.Revision != p.Revision) {
		return p, account.Account{}, ErrSession
	}
	return p, a, err
}

// complete ends a login whose second step was taken as methods say. Errors: ErrSession where another took it first, or the account has changed.
func (m *Manager) complete(ctx context.Context, mfaToken string, p pending, a account.Account, t Attempt, more changing, methods ...string) (Result, error) {
	if err := m.finish(ctx, mfaToken); err != nil { // of two right codes at once, one login comes
		return Result{}, err
	}
	if !p.Enrol && m.outdated(a, p.Methods) {
		return m.expired(ctx, a, t, more)
	}
	now := m.Now()
	t.Remember = p.Remember
	s := row{created: now, authTime: p.AuthTime, mfa: now, methods: multi(p.Methods, methods...)}
	r, err := m.start(ctx, &s, a, t, more)
	if err != nil {
		return Result{}, err
	}
	m.signedIn(t, a, &s, "")
	return r, nil
}

// multi joins the methods of two steps (`amr`, RFC 8176).
func multi(first []string, second ...string) []string {
	all := slices.Clone(first)
	for _, m := range append(second, "mfa") {
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

// claim locks the account's row. Errors: ErrSession where the account has changed since a was read.
func (m *Manager) claim(ctx context.Context, tx *database.Tx, a account.Account) error {
	err := m.Accounts.SignIn(ctx, tx, m.Now(), a)
	if errors.Is(err, account.ErrNotFound) {
		return ErrSession
	}
	return err
}

// spend takes a code of an authenticator app, records the answer and tells which app it was. Errors: ErrCode, Throttled, account.ErrNotFound (there is none).
func (m *Manager) spend(ctx context.Context, a account.Account, code string, t Attempt, step string) (id string, err error) {
	id, err = m.tryCode(ctx, a, code, t)
	m.gave(a, t, factor.TOTP, step, err)
	return id, err
}

// tryCode counts a code in a browser that the account is known on for that browser alone: whoever has the password and guesses elsewhere, until the
// account's apps are shut, does not shut out their owner.
func (m *Manager) tryCode(ctx context.Context, a account.Account, code string, t Attempt) (id string, err error) {
	d, known, err := m.devices.Known(ctx, m.Now(), a.ID, t.Device)
	if err != nil {
		return "", err
	}
	if !known {
		return m.Factors.SpendTOTP(ctx, m.Now(), a.ID, code)
	}
	ticket, err := m.throttle.Charge(ctx, []throttle.Scope{{Name: "device", Key: throttle.Key("code", d.ID), Rule: m.Throttles.Device, Clears: true}})
	var refused throttle.Refused
	if errors.As(err, &refused) {
		return "", Throttled{RetryAfter: refused.Wait}
	}
	if err != nil {
		return "", err
	}
	id, err = m.Factors.SpendTOTPUncounted(ctx, m.Now(), a.ID, code)
	switch {
	case err == nil:
		ticket.Right(ctx)
	case errors.Is(err, ErrCode):
		ticket.Wrong(ctx)
	default:
		ticket.Void(ctx)
	}
	return id, err
}

// gave counts and records that a second factor was given, and what became of it.
func (m *Manager) gave(a account.Account, t Attempt, kind, step string, err error) {
	countFactor(kind, err)
	if errors.Is(err, ErrCode) {
		m.Abuse.NoteClient(t.Client, "", abuse.Login)
	}
	var throttled Throttled
	action, outcome, said := "second-factor", event.Failure, step+", "+kind
	switch {
	case err == nil:
		outcome = event.Success
	case errors.Is(err, ErrCode):
		said += ": wrong or used code"
	case errors.Is(err, factor.ErrCopied):
		action, said = "authenticator-copied", step+": the signature counter of a key fell"
	case errors.Is(err, factor.ErrKey):
		said += ": not accepted"
	case errors.As(err, &throttled):
		said += ": too many wrong codes"
	default:
		return
	}
	m.emit(t, a, action, outcome, said, "", zap.String("gateway.factor", kind), zap.String("gateway.factor_step", step))
}

func countFactor(kind string, err error) {
	var throttled Throttled
	outcome := "error"
	switch {
	case err == nil:
		outcome = "success"
	case errors.Is(err, ErrCode), errors.Is(err, factor.ErrKey):
		outcome = "wrong"
	case errors.As(err, &throttled):
		outcome = "throttled"
	case errors.Is(err, ErrSession), errors.Is(err, ErrChallenge):
		outcome = "expired"
	}
	factors.WithLabelValues(kind, outcome).Inc()
}

// noFactor hides, before somebody is signed in, which factors an account has beyond those it was told.
func noFactor(err error) error {
	if errors.Is(err, account.ErrNotFound) {
		return ErrCode
	}
	return err
}
