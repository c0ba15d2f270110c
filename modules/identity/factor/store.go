package factor

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/store"
)

// Kinds of factors, as the API names them.
const (
	TOTP     = "totp"
	WebAuthn = "webauthn"
	Recovery = "recovery"
)

const (
	most     = 20 // factors of an account
	mostTOTP = 5  // authenticator apps among them: each adds to the codes that a guess can hit
	longName = 64 // characters
)

var (
	// ErrMany is one factor more than an account may have.
	ErrMany = fmt.Errorf("an account has at most %d second factors, %d authenticator apps among them", most, mostTOTP)
	// ErrName is a name that a factor can't have.
	ErrName = fmt.Errorf("a name has at most %d printable characters", longName)
)

// Factor is one that an account has, as its owner may see it.
type Factor struct {
	ID        string
	Kind      string // TOTP or WebAuthn
	Name      string // the owner's own, or ""
	CreatedAt time.Time
	UsedAt    time.Time // zero: never since it was added
	BackedUp  bool      // WebAuthn: the key is synced between devices
}

// Store reads and writes factors. It is safe for use by many.
type Store struct {
	db   *database.DB
	keys *keyring.Ring
	mac  []byte // key of recovery codes
}

// NewStore makes a store on open resources.
func NewStore(db *database.DB, keys *keyring.Ring) *Store {
	return &Store{db, keys, keys.Derive("recovery codes")}
}

func secretPlace(id string) string { return store.Key("second_factors", "secret", id) }

// List returns an account's factors, the oldest first.
func (s *Store) List(ctx context.Context, account string) ([]Factor, error) {
	rows, err := s.db.Query(ctx, `SELECT id, kind, name, created_at, used_at, backed_up FROM second_factors WHERE account = ? ORDER BY created_at, id`, account)
	if err != nil {
		return nil, fmt.Errorf("listing second factors: %w", err)
	}
	defer rows.Close()
	var all []Factor
	for rows.Next() {
		var f Factor
		var created, used, backedUp int64
		if err := rows.Scan(&f.ID, &f.Kind, &f.Name, &created, &used, &backedUp); err != nil {
			return nil, fmt.Errorf("listing second factors: %w", err)
		}
		f.CreatedAt, f.UsedAt, f.BackedUp = database.Time(created), database.Time(used), backedUp != 0
		all = append(all, f)
	}
	return all, rows.Err()
}

// added is a factor's row, before it is written.
type added struct {
	kind, name, credential string
	secret                 []byte
	counter                int64
	verifies, backedUp     bool
}

// add writes a factor. The account's row must have been changed in tx before: that keeps others from adding one beside it. Errors: ErrMany,
// account.ErrExists for a credential that somebody has.
func (s *Store) add(ctx context.Context, tx *database.Tx, now time.Time, owner string, f added) (id string, err error) {
	var all, totps int
	err = tx.QueryRow(ctx, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN kind = 'totp' THEN 1 ELSE 0 END), 0) FROM second_factors WHERE account = ?`, owner).Scan(&all, &totps)
	if err != nil {
		return "", fmt.Errorf("counting second factors: %w", err)
	}
	if all >= most || f.kind == TOTP && totps >= mostTOTP {
		return "", ErrMany
	}
	id = rand.Text()
	sealed, err := s.keys.Seal(f.secret, secretPlace(id))
	if err != nil {
		return "", fmt.Errorf("sealing a second factor: %w", err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO second_factors (id, account, kind, name, secret, credential, counter, verifies, backed_up, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, owner, f.kind, f.name, sealed, f.credential, f.counter, number(f.verifies), number(f.backedUp), database.Micros(now))
	if database.IsDuplicate(err) {
		return "", account.ErrExists
	}
	if err != nil {
		return "", fmt.Errorf("storing a second factor: %w", err)
	}
	return id, nil
}

// Has tells whether the account has a factor of the kind.
func (s *Store) Has(ctx context.Context, tx *database.Tx, owner, kind string) (bool, error) {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM second_factors WHERE account = ? AND kind = ?`, owner, kind).Scan(&n); err != nil {
		return false, fmt.Errorf("counting second factors: %w", err)
	}
	return n > 0, nil
}

// Holds tells whether the account has this factor now.
func (s *Store) Holds(ctx context.Context, owner, id string) (bool, error) {
	var n int
	if err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM second_factors WHERE id = ? AND account = ?`, id, owner).Scan(&n); err != nil {
		return false, fmt.Errorf("looking for a second factor: %w", err)
	}
	return n > 0, nil
}

// Rename gives a factor of the account another name. Errors: account.ErrNotFound.
func (s *Store) Rename(ctx context.Context, tx *database.Tx, owner, id, name string) error {
	n, err := affected(tx.Exec(ctx, `UPDATE second_factors SET name = ? WHERE id = ? AND account = ?`, name, id, owner))
	if err != nil {
		return fmt.Errorf("renaming a second factor: %w", err)
	}
	if n == 0 {
		return account.ErrNotFound
	}
	return nil
}

// Remove takes a factor of the account away and tells which it was and how many are left; with the last one the recovery codes go, and so do
// the wrong codes counted. The account's row must have been changed in tx before. Errors: account.ErrNotFound.
func (s *Store) Remove(ctx context.Context, tx *database.Tx, owner, id string) (gone Factor, left int, err error) {
	err = tx.QueryRow(ctx, `SELECT id, kind, name FROM second_factors WHERE id = ? AND account = ?`, id, owner).Scan(&gone.ID, &gone.Kind, &gone.Name)
	if errors.Is(err, sql.ErrNoRows) {
		return gone, 0, account.ErrNotFound
	}
	if err == nil {
		_, err = tx.Exec(ctx, `DELETE FROM second_factors WHERE id = ? AND account = ?`, id, owner)
	}
	if err == nil {
		err = tx.QueryRow(ctx, `SELECT COUNT(*) FROM second_factors WHERE account = ?`, owner).Scan(&left)
	}
	if err != nil {
		return gone, 0, fmt.Errorf("removing a second factor: %w", err)
	}
	if left == 0 {
		_, err = s.RemoveAll(ctx, tx, owner)
	}
	return gone, left, err
}

// RemoveAll takes all factors and recovery codes of the account away, forgets the wrong codes given for them, and tells how many factors
// there were. The account's row must have been changed in tx before.
func (s *Store) RemoveAll(ctx context.Context, tx *database.Tx, owner string) (factors int64, err error) {
	factors, err = affected(tx.Exec(ctx, `DELETE FROM second_factors WHERE account = ?`, owner))
	if err == nil {
		_, err = tx.Exec(ctx, `DELETE FROM recovery_codes WHERE account = ?`, owner)
	}
	if err == nil {
		_, err = tx.Exec(ctx, `UPDATE accounts SET code_failures = 0, code_locked_until = 0 WHERE id = ?`, owner)
	}
	if err != nil {
		return 0, fmt.Errorf("removing second factors: %w", err)
	}
	return factors, nil
}

// Name checks and normalises what an owner calls a factor; "" is allowed. Errors: ErrName.
func Name(typed string) (string, error) {
	if len(typed) > 4*longName || !utf8.ValidString(typed) {
		return "", ErrName
	}
	name := strings.TrimSpace(norm.NFC.String(typed))
	if utf8.RuneCountInString(name) > longName {
		return "", ErrName
	}
	for _, r := range name {
		if !unicode.IsPrint(r) { // nor what turns the direction of writing, which would disguise it
			return "", ErrName
		}
	}
	return name, nil
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func affected(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
