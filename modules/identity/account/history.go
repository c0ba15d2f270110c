package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// NewPassword checks another password for the account, also against those it had, and hashes it. It runs outside any transaction: it takes its
// time. Errors: WeakPassword.
func (s *Store) NewPassword(ctx context.Context, a Account, password string) (string, error) {
	words := []string{a.Name}
	p, err := s.Profile(ctx, a.ID)
	switch {
	case err == nil:
		words = append(words, p.DisplayName, p.Email)
	case !errors.Is(err, ErrNotFound):
		return "", err
	}
	if err := s.policy.Refuse(ctx, password, words...); err != nil {
		return "", err
	}
	if err := s.checkHistory(ctx, a, password); err != nil {
		return "", err
	}
	normal, _ := normalPassword(password) // Refuse has refused what it refuses
	return s.hasher.Hash(ctx, normal)
}

// checkHistory compares a password with today's and the last ones. Each comparison costs a hash.
func (s *Store) checkHistory(ctx context.Context, a Account, password string) error {
	before, err := s.history(ctx, a.ID)
	if err != nil {
		return err
	}
	for _, hash := range append([]string{a.hash}, before...) {
		switch err := s.CheckHash(ctx, hash, password); {
		case err == nil && hash == a.hash:
			return WeakPassword{WeakSame, "The new password is the old one."}
		case err == nil:
			return WeakPassword{WeakEarlier, "You had this password before."}
		case !errors.Is(err, ErrNotFound):
			return err
		}
	}
	return nil
}

func (s *Store) history(ctx context.Context, id string) (hashes []string, err error) {
	if s.policy.History == 0 {
		return nil, nil
	}
	rows, err := s.db.Query(ctx, `SELECT password FROM old_passwords WHERE account = ? ORDER BY at DESC LIMIT ?`, id, s.policy.History)
	if err != nil {
		return nil, fmt.Errorf("reading old passwords: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var hash string
		if err := rows.Scan(&hash); err != nil {
			return nil, fmt.Errorf("reading old passwords: %w", err)
		}
		hashes = append(hashes, hash)
	}
	return hashes, rows.Err()
}

// CheckHash compares a password with a hash. Errors: ErrNotFound where it is another.
func (s *Store) CheckHash(ctx context.Context, hash, password string) error {
	p, possible := normalPassword(password)
	ok, _, err := s.hasher.Verify(ctx, p, hash)
	if err == nil && (!ok || !possible) {
		err = ErrNotFound
	}
	return err
}

// remember keeps the password that the account has now, and drops those beyond the history. The row is locked by the caller.
func (s *Store) remember(ctx context.Context, tx *database.Tx, now time.Time, id string) error {
	if s.policy.History > 0 {
		if _, err := tx.Exec(ctx, `INSERT INTO old_passwords (account, at, password) SELECT id, CAST(? AS BIGINT), password FROM accounts WHERE id = ?
			ON CONFLICT (account, at) DO NOTHING`, database.Micros(now), id); err != nil {
			return fmt.Errorf("keeping an old password: %w", err)
		}
	}
	_, err := tx.Exec(ctx, `DELETE FROM old_passwords WHERE account = ? AND at NOT IN
		(SELECT at FROM old_passwords WHERE account = ? ORDER BY at DESC LIMIT ?)`, id, id, s.policy.History)
	if err != nil {
		return fmt.Errorf("dropping old passwords: %w", err)
	}
	return nil
}
