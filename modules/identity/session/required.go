package session

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/convosphere/gateway/modules/identity/account"
)

func checkRequired(roles []string) error {
	for _, r := range roles {
		if !account.IsRole(r) { // it would be required of nobody
			return fmt.Errorf("second_factor required %q: %w", r, account.ErrRole)
		}
	}
	return nil
}

// requires tells whether one of the roles must have a second factor.
func (m *Manager) requires(roles []string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(m.Required, r) })
}

// endIfLacking ends a session that was begun before its account's role had to have a second factor, where there is none yet: the login after
// it enrols one. Errors: ErrSession where it ended.
func (m *Manager) endIfLacking(ctx context.Context, s *row) (outcome string, err error) {
	if !s.mfa.IsZero() || !m.requires(s.account.Roles) {
		return "", nil
	}
	a, err := m.Accounts.ByID(ctx, s.account.ID)
	switch {
	case errors.Is(err, account.ErrNotFound):
		return "invalid", ErrSession
	case err != nil:
		return "error", err
	case a.SecondFactor():
		return "", nil
	}
	if err := m.end(ctx, s.id, "second factor required"); err != nil {
		return "error", err
	}
	return "invalid", ErrSession
}
