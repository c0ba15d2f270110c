package account

import (
	"context"
	"crypto/rand"

	"github.com/convosphere/gateway/modules/internal/database"
)

// HasPassword tells whether the person ever chose one. Who came by an outside provider has none until they reset it.
func (a *Account) HasPassword() bool { return !a.PasswordChangedAt.IsZero() }

// HasPassword tells whether the person ever chose one.
func (p Profile) HasPassword() bool { return !p.PasswordChangedAt.IsZero() }

// NoHash is a hash for an account without a password: of a secret that nobody has. So a login by password takes the same time and fails in the same way
// as a wrong one.
func (s *Store) NoHash(ctx context.Context) (string, error) { return s.hasher.Hash(ctx, rand.Text()) }

// ClearPassword says of an account with such a hash that it has no password. Errors: ErrNotFound.
func (s *Store) ClearPassword(ctx context.Context, tx *database.Tx, id string) error {
	return change(ctx, tx, `password_changed_at = 0`, id)
}
