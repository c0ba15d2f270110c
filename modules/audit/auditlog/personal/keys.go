// Package personal holds the keys that the audit log seals personal data with: one for each person, and one for each day of what belongs to nobody
// who is known. To erase a person is to destroy their key; the log itself stays as it is, since its tree is made over what is sealed.
//
// Keys are in the database, sealed by the key ring, under a keyed hash of the person's id. So the row that stays of an erased person, which keeps
// a new key from being made for them, tells of nobody.
package personal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/store"
)

// ErrErased is what a key that was destroyed is answered with.
var ErrErased = errors.New("the key was destroyed")

// Topic of the change feed: the subject whose key was destroyed.
const Topic = "audit-key"

// Ring is the key ring.
type Ring interface {
	Seal(plain []byte, place string) ([]byte, error)
	Unseal(sealed []byte, place string) ([]byte, error)
	Derive(purpose string) []byte
}

// Key seals. It is safe for use by many.
type Key struct {
	ID   string
	aead cipher.AEAD
}

// Overhead is how much longer what Seal makes is than what it was given.
const Overhead = 12 + 16

// Seal appends the encrypted value to dst, bound to aad.
func (k *Key) Seal(dst, plain, aad []byte) []byte { return k.aead.Seal(dst, nil, plain, aad) }

// Open decrypts what Seal made.
func (k *Key) Open(sealed, aad []byte) ([]byte, error) {
	plain, err := k.aead.Open(nil, nil, sealed, aad)
	if err != nil {
		return nil, errors.New("a sealed part can't be decrypted: another key, or altered")
	}
	return plain, nil
}

// Person is how a person's key is found: by a hash of their id that only the key ring can make.
func Person(ring Ring, id string) string { return person(ring.Derive(purpose), id) }

const purpose = "audit subject"

func person(key []byte, id string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// Day is the subject of what belongs to nobody and happened at that time.
func Day(t time.Time) string { return dayPrefix + t.UTC().Format(time.DateOnly) }

const dayPrefix = "day:"

// rows is the database or a transaction.
type rows interface {
	QueryRow(ctx context.Context, q string, args ...any) *sql.Row
}

func place(id string) string { return store.Key("audit_keys", "secret", id) }

// read reads the key of a row. Errors: ErrErased, sql.ErrNoRows.
func read(ctx context.Context, ring Ring, from rows, column, value string) (*Key, error) {
	var id string
	var sealed []byte
	if err := from.QueryRow(ctx, `SELECT id, secret FROM audit_keys WHERE `+column+` = ?`, value).Scan(&id, &sealed); err != nil {
		return nil, fmt.Errorf("reading a key of the audit log: %w", err)
	}
	if len(sealed) == 0 {
		return nil, ErrErased
	}
	raw, err := ring.Unseal(sealed, place(id))
	if err != nil {
		return nil, fmt.Errorf("reading a key of the audit log: %w", err)
	}
	return newKey(id, raw)
}

func newKey(id string, raw []byte) (*Key, error) {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, fmt.Errorf("using a key of the audit log: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("using a key of the audit log: %w", err)
	}
	return &Key{id, aead}, nil
}

// insert makes keys for subjects that have none.
func insert(ctx context.Context, ring Ring, tx *database.Tx, now time.Time, subjects []string) error {
	for _, subject := range subjects {
		id, raw := newID(), make([]byte, 32)
		_, _ = rand.Read(raw) // never fails (crypto/rand)
		sealed, err := ring.Seal(raw, place(id))
		if err != nil {
			return fmt.Errorf("sealing a key of the audit log: %w", err)
		}
		_, err = tx.Exec(ctx, `INSERT INTO audit_keys (subject, id, secret, at) VALUES (?, ?, ?, ?) ON CONFLICT (subject) DO NOTHING`,
			subject, id, sealed, database.Micros(now))
		if err != nil {
			return fmt.Errorf("storing a key of the audit log: %w", err)
		}
	}
	return nil
}

func newID() string { return strings.ToLower(rand.Text()[:16]) }

// Erase destroys a person's key in the transaction that erases the person. None is made for them again: what is still written of them afterwards is
// sealed with the day's key.
func Erase(ctx context.Context, tx *database.Tx, ring Ring, now time.Time, id string) error {
	subject := Person(ring, id)
	_, err := tx.Exec(ctx, `INSERT INTO audit_keys (subject, id, secret, at) VALUES (?, ?, ?, ?)
		ON CONFLICT (subject) DO UPDATE SET secret = excluded.secret`, subject, newID(), []byte{}, database.Micros(now))
	if err != nil {
		return fmt.Errorf("destroying a key of the audit log: %w", err)
	}
	return tx.Append(ctx, now, database.Change{Topic: Topic, Key: subject})
}

// EraseDays destroys the keys of days that ended before t.
func EraseDays(ctx context.Context, db *database.DB, t time.Time) (int64, error) {
	res, err := db.Exec(ctx, `UPDATE audit_keys SET secret = ? WHERE subject LIKE 'day:%' AND subject < ? AND length(secret) > 0`, []byte{}, Day(t))
	if err != nil {
		return 0, fmt.Errorf("destroying keys of the audit log: %w", err)
	}
	return res.RowsAffected()
}
