package account

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/store"
)

// ErrErased is a value whose key was destroyed with the person it belonged to.
var ErrErased = errors.New("the value's key was destroyed")

// Each person has a data key of their own, which the key ring seals. What is encrypted with it can be read by nobody any more once the key's
// row is deleted, wherever copies of the values are.

func emailPlace(id string) string       { return store.Key("accounts", "email", id) }
func displayNamePlace(id string) string { return store.Key("accounts", "display_name", id) }
func dataKeyPlace(id string) string     { return store.Key("account_keys", "secret", id) }

// rows is the database or a transaction.
type rows interface {
	QueryRow(ctx context.Context, q string, args ...any) *sql.Row
}

// SealOwn encrypts a value with the person's own key, bound to the place (store.Key). The first value makes the key; the account's row
// must have been written in tx before, so that there is but one.
func (s *Store) SealOwn(ctx context.Context, tx *database.Tx, id string, plain []byte, place string) ([]byte, error) {
	key, err := s.dataKey(ctx, tx, id)
	if errors.Is(err, ErrErased) {
		key, err = s.newDataKey(ctx, tx, id)
	}
	if err != nil {
		return nil, err
	}
	return key.Seal(nil, nil, plain, []byte(place)), nil
}

// UnsealOwn decrypts what SealOwn made for the same place. Errors: ErrErased.
func (s *Store) UnsealOwn(ctx context.Context, id string, sealed []byte, place string) ([]byte, error) {
	key, err := s.dataKey(ctx, s.db, id)
	if err != nil {
		return nil, err
	}
	return open(key, sealed, place)
}

func (s *Store) dataKey(ctx context.Context, from rows, id string) (cipher.AEAD, error) {
	var sealed []byte
	err := from.QueryRow(ctx, `SELECT secret FROM account_keys WHERE account = ?`, id).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrErased
	}
	if err != nil {
		return nil, fmt.Errorf("reading a data key: %w", err)
	}
	return s.openKey(id, sealed)
}

func (s *Store) openKey(id string, sealed []byte) (cipher.AEAD, error) {
	raw, err := s.keys.Unseal(sealed, dataKeyPlace(id))
	if err != nil {
		return nil, fmt.Errorf("reading a data key: %w", err)
	}
	return newAEAD(raw)
}

func (s *Store) newDataKey(ctx context.Context, tx *database.Tx, id string) (cipher.AEAD, error) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails (crypto/rand)
	sealed, err := s.keys.Seal(raw, dataKeyPlace(id))
	if err != nil {
		return nil, fmt.Errorf("sealing a data key: %w", err)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO account_keys (account, secret) VALUES (?, ?)`, id, sealed); err != nil {
		return nil, fmt.Errorf("storing a data key: %w", err)
	}
	return newAEAD(raw)
}

func newAEAD(raw []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, fmt.Errorf("using a data key: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func open(key cipher.AEAD, sealed []byte, place string) ([]byte, error) {
	plain, err := key.Open(nil, nil, sealed, []byte(place))
	if err != nil {
		return nil, errors.New("a person's value can't be decrypted: another key, or altered")
	}
	return plain, nil
}
