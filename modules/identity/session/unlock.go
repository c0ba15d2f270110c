package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/throttle"
)

// Forgive forgets the wrong passwords that were tried at an account by its name or address, so that its owner need not wait for others'
// guesses. What the guessing clients have to wait for themselves stays. Errors: account.ErrNotFound.
func (m *Manager) Forgive(ctx context.Context, a account.Account) error {
	p, err := m.Accounts.Profile(ctx, a.ID)
	if err != nil {
		return err
	}
	var errs []error
	for _, typed := range []string{p.Username, p.Email} {
		if typed != "" {
			errs = append(errs, m.Store.Delete(ctx, throttle.Key("account", m.foldName(typed))))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("forgetting wrong passwords: %w", err)
	}
	return nil
}
