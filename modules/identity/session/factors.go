package session

import (
	"context"
	"errors"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// ErrRequired refuses to take the last second factor from who must have one.
var ErrRequired = errors.New("the account's role must have a second factor")

// ListFactors returns the person's second factors and how many recovery codes are left. Errors: ErrSession.
func (m *Manager) ListFactors(ctx context.Context, id *reqctx.Identity) ([]factor.Factor, int, error) {
	_, a, err := m.current(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	all, err := m.Factors.List(ctx, a.ID)
	return all, a.Recovery, err
}

// RenameFactor gives a factor of the person another name. Errors: ErrSession, factor.ErrName, ErrFactor.
func (m *Manager) RenameFactor(ctx context.Context, id *reqctx.Identity, of, name string) error {
	name, err := factor.Name(name)
	if err != nil {
		return err
	}
	_, a, err := m.current(ctx, id)
	if err != nil {
		return err
	}
	err = m.DB.InTx(ctx, func(tx *database.Tx) error { return m.Factors.Rename(ctx, tx, a.ID, of, name) })
	if errors.Is(err, account.ErrNotFound) {
		return ErrFactor
	}
	if err == nil {
		m.iam(ctx, a, "second-factor-renamed", "", id.Session)
	}
	return err
}

// ErrFactor is a factor that the person does not have.
var ErrFactor = errors.New("there is no such second factor")

// RemoveFactor takes a factor of the person away and ends all other sessions of theirs: one of them may be whose who had it. Errors: ErrSession, NotFresh,
// ErrFactor, ErrRequired.
func (m *Manager) RemoveFactor(ctx context.Context, id *reqctx.Identity, of string) error {
	s, a, err := m.current(ctx, id)
	if err == nil {
		err = m.fresh(s, a)
	}
	if err != nil {
		return err
	}
	return m.remove(ctx, a, of, id.Session)
}

// RemoveTOTP takes an authenticator app away for one more code of it. Errors: as StepUp, and ErrRequired.
func (m *Manager) RemoveTOTP(ctx context.Context, id *reqctx.Identity, code string) error {
	_, a, err := m.current(ctx, id)
	if err != nil {
		return err
	}
	of, err := m.spend(ctx, a, code, attemptOf(ctx), "removal")
	if err != nil {
		return err
	}
	return m.remove(ctx, a, of, id.Session)
}

func (m *Manager) remove(ctx context.Context, a account.Account, of, keep string) error {
	const reason = "second factor removed"
	var gone factor.Factor
	var ended []string
	err := m.DB.InTx(ctx, func(tx *database.Tx) error {
		now := m.Now()
		if _, err := m.changeFactors(ctx, tx, a); err != nil {
			return err
		}
		var left int
		var err error
		gone, left, err = m.Factors.Remove(ctx, tx, a.ID, of)
		if errors.Is(err, account.ErrNotFound) {
			return ErrFactor
		}
		if err == nil && left == 0 && m.requires(a.Roles) {
			err = ErrRequired
		}
		if err == nil {
			err = m.notify(ctx, tx, a, NoticeFactorRemoved, map[string]string{"factor": gone.Kind, "name": gone.Name})
		}
		if err != nil {
			return err
		}
		m.own.add(a.ID)
		ended, err = EndAll(ctx, tx, now, a.ID, keep, reason)
		return err
	})
	if err != nil {
		return err
	}
	m.Feed.Wake()
	for _, sid := range ended {
		m.over(ctx, a.ID, sid, reason)
	}
	m.iam(ctx, a, "second-factor-removed", gone.Kind, keep)
	return nil
}

// RenewRecoveryCodes makes ten recovery codes, shown this once, in place of those the person had. Errors: ErrSession, NotFresh, account.ErrNotFound where
// there is no second factor that they could stand for.
func (m *Manager) RenewRecoveryCodes(ctx context.Context, id *reqctx.Identity) (codes []string, err error) {
	s, a, err := m.current(ctx, id)
	if err == nil {
		err = m.fresh(s, a)
	}
	if err != nil {
		return nil, err
	}
	if !a.SecondFactor() {
		return nil, account.ErrNotFound
	}
	err = m.DB.InTx(ctx, func(tx *database.Tx) error {
		if _, err := m.changeFactors(ctx, tx, a); err != nil {
			return err
		}
		if codes, err = m.Factors.RenewRecovery(ctx, tx, m.Now(), a.ID); err != nil {
			return err
		}
		if err := m.notify(ctx, tx, a, NoticeRecoveryCodes, nil); err != nil {
			return err
		}
		m.own.add(a.ID)
		return tx.Append(ctx, m.Now(), database.Change{Topic: "account", Key: a.ID})
	})
	if err != nil {
		return nil, err
	}
	m.Feed.Wake()
	m.iam(ctx, a, "recovery-codes-made", "", id.Session)
	return codes, nil
}
