// Package account is the people: names, roles, password hashes and second factors, in the database.
//
// What changes an account takes the transaction it belongs in, because its sessions must end and the feed must tell in the same
// one: package session does that for a person's own changes, package directory for an operator's.
package account

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

// Account is one person, as the database had it.
type Account struct {
	ID                string // random, opaque
	Name              string // normalised, unique, never changed
	Roles             []string
	Disabled          bool
	Revision          int64 // grows when password, roles or state change
	CreatedAt         time.Time
	PasswordChangedAt time.Time
	TOTP              bool   // has an authenticator app
	WebAuthn          bool   // has a security key or passkey
	Recovery          int    // recovery codes left
	hash              string // PHC
}

// SecondFactor tells whether the account has one.
func (a *Account) SecondFactor() bool { return a.TOTP || a.WebAuthn }

// Store reads and writes accounts. It is safe for use by many.
type Store struct {
	db     *database.DB
	keys   *keyring.Ring
	hasher *Hasher
	policy Policy

	emailKey, nameKey []byte // of the indexes of addresses and of reserved names
}

// NewStore makes a store on open resources.
func NewStore(db *database.DB, keys *keyring.Ring, hasher *Hasher) *Store {
	return &Store{db: db, keys: keys, hasher: hasher, policy: DefaultPolicy, emailKey: keys.Derive("mail address index"), nameKey: keys.Derive("reserved name index")}
}

// With returns the store with another policy for new passwords.
func (s *Store) With(p Policy) *Store {
	other := *s
	other.policy = p
	return &other
}

const columns = `SELECT a.id, a.username, a.roles, a.password, a.disabled, a.revision, a.created_at, a.password_changed_at,
	(SELECT COUNT(*) FROM second_factors f WHERE f.account = a.id AND f.kind = 'totp'),
	(SELECT COUNT(*) FROM second_factors f WHERE f.account = a.id AND f.kind = 'webauthn'),
	(SELECT COUNT(*) FROM recovery_codes r WHERE r.account = a.id AND r.used_at = 0) FROM accounts a `

func scan(row interface{ Scan(...any) error }) (Account, error) {
	var a Account
	var roles string
	var disabled, created, changed, totp, webauthn int64
	err := row.Scan(&a.ID, &a.Name, &roles, &a.hash, &disabled, &a.Revision, &created, &changed, &totp, &webauthn, &a.Recovery)
	if errors.Is(err, sql.ErrNoRows) {
		return a, ErrNotFound
	}
	if err != nil {
		return a, fmt.Errorf("reading an account: %w", err)
	}
	a.Roles, a.Disabled, a.TOTP, a.WebAuthn = strings.Split(roles, ","), disabled != 0, totp != 0, webauthn != 0
	a.CreatedAt, a.PasswordChangedAt = database.Time(created), database.Time(changed)
	return a, nil
}

// ByName finds an account by its name, in any spelling. Errors: ErrNotFound, also for what can't be a name.
func (s *Store) ByName(ctx context.Context, typed string) (Account, error) {
	name, err := Normalise(typed)
	if err != nil {
		name = "" // nobody's; looked up all the same, so that the time of a login does not differ
	}
	return scan(s.db.QueryRow(ctx, columns+`WHERE a.username = ?`, name))
}

// ByID finds an account by its id. Errors: ErrNotFound.
func (s *Store) ByID(ctx context.Context, id string) (Account, error) {
	return scan(s.db.QueryRow(ctx, columns+`WHERE a.id = ?`, id))
}

// List returns all accounts by name.
func (s *Store) List(ctx context.Context) ([]Account, error) {
	rows, err := s.db.Query(ctx, columns+`ORDER BY a.username`)
	if err != nil {
		return nil, fmt.Errorf("listing accounts: %w", err)
	}
	defer rows.Close()
	var all []Account
	for rows.Next() {
		a, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, rows.Err()
}

// Hash checks the password of a new account and hashes it, outside any transaction: it takes its time. words are what it must not be made of: the
// name, for one. For an account that exists there is NewPassword. Errors: WeakPassword.
func (s *Store) Hash(ctx context.Context, password string, words ...string) (string, error) {
	if err := s.policy.Refuse(ctx, password, words...); err != nil {
		return "", err
	}
	p, _ := normalPassword(password) // Refuse has refused what it refuses
	return s.hasher.Hash(ctx, p)
}

// Authenticate finds the account that has this name, or address, and password. Its time tells nothing of why not. Where the name exists,
// the account is returned with ErrNotFound too, so that an event can name it. Errors: ErrNotFound for an unknown name, a wrong
// password and a disabled account.
func (s *Store) Authenticate(ctx context.Context, typed, password string) (Account, error) {
	p, possible := normalPassword(password)
	a, err := s.ByLogin(ctx, typed)
	if errors.Is(err, ErrNotFound) {
		if err := s.hasher.Waste(ctx, p); err != nil {
			return Account{}, err
		}
		return Account{}, ErrNotFound
	}
	if err != nil {
		return Account{}, err
	}
	ok, stale, err := s.hasher.Verify(ctx, p, a.hash)
	if err != nil {
		return Account{}, err
	}
	if !ok || !possible || a.Disabled {
		return a, ErrNotFound
	}
	if stale {
		return a, s.rehash(ctx, a, p)
	}
	return a, nil
}

// CheckOwn compares a password with the account's. Errors: ErrNotFound where it is wrong.
func (s *Store) CheckOwn(ctx context.Context, a Account, password string) error {
	return s.CheckHash(ctx, a.hash, password)
}

// rehash stores the same password at today's cost, unless it was changed meanwhile.
func (s *Store) rehash(ctx context.Context, a Account, password string) error {
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	if _, err := s.db.Exec(ctx, `UPDATE accounts SET password = ? WHERE id = ? AND password = ?`, hash, a.ID, a.hash); err != nil {
		return fmt.Errorf("storing a rehashed password: %w", err)
	}
	return nil
}

// Create adds an account with a hash that Hash made. Errors: ErrName, ErrRole, ErrExists.
func (s *Store) Create(ctx context.Context, tx *database.Tx, now time.Time, typed string, roles []string, hash string) (Account, error) {
	name, err := Normalise(typed)
	if err != nil {
		return Account{}, err
	}
	if err := CheckRoles(roles); err != nil {
		return Account{}, err
	}
	if err := s.checkReserved(ctx, tx, name); err != nil {
		return Account{}, err
	}
	a := Account{ID: rand.Text(), Name: name, Roles: roles, Revision: 1, CreatedAt: now, PasswordChangedAt: now, hash: hash}
	_, err = tx.Exec(ctx, `INSERT INTO accounts (id, username, roles, password, created_at, password_changed_at) VALUES (?, ?, ?, ?, ?, ?)`,
		a.ID, a.Name, strings.Join(roles, ","), hash, database.Micros(now), database.Micros(now))
	if database.IsDuplicate(err) {
		return Account{}, ErrExists
	}
	if err != nil {
		return Account{}, fmt.Errorf("adding an account: %w", err)
	}
	return a, nil
}

// SetPassword stores a hash that NewPassword made.
func (s *Store) SetPassword(ctx context.Context, tx *database.Tx, now time.Time, id, hash string) error {
	if err := s.Touch(ctx, tx, id); err != nil { // locks the row
		return err
	}
	if err := s.remember(ctx, tx, now, id); err != nil {
		return err
	}
	return change(ctx, tx, `password = ?, password_changed_at = ?`, id, hash, database.Micros(now))
}

// SetRoles replaces the roles. Errors: ErrRole.
func (s *Store) SetRoles(ctx context.Context, tx *database.Tx, id string, roles []string) error {
	if err := CheckRoles(roles); err != nil {
		return err
	}
	return change(ctx, tx, `roles = ?`, id, strings.Join(roles, ","))
}

// SetDisabled shuts an account or opens it again.
func (s *Store) SetDisabled(ctx context.Context, tx *database.Tx, id string, disabled bool) error {
	if disabled {
		return change(ctx, tx, `disabled = 1`, id)
	}
	return change(ctx, tx, `disabled = 0, awaits = ''`, id)
}

// Touch tells that the account's second factors changed.
func (s *Store) Touch(ctx context.Context, tx *database.Tx, id string) error {
	return change(ctx, tx, `last_auth_at = last_auth_at`, id)
}

// change writes the row first of all, which locks it: a login that runs beside waits (SignIn), and then finds another revision.
func change(ctx context.Context, tx *database.Tx, set, id string, args ...any) error {
	n, err := affected(tx.Exec(ctx, `UPDATE accounts SET revision = revision + 1, `+set+` WHERE id = ?`, append(args, id)...))
	if err != nil {
		return fmt.Errorf("changing an account: %w", err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}

// SignIn claims the account of a person for a session that begins in tx: it succeeds only if nothing changed since the revision was
// read, and whoever changes the account after waits for tx and then sees the session. Errors: ErrNotFound where something changed.
func (s *Store) SignIn(ctx context.Context, tx *database.Tx, now time.Time, a Account) error {
	n, err := affected(tx.Exec(ctx, `UPDATE accounts SET last_auth_at = ? WHERE id = ? AND revision = ? AND disabled = 0 AND kind = 'person'`,
		database.Micros(now), a.ID, a.Revision))
	if err != nil {
		return fmt.Errorf("signing in: %w", err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}

func affected(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
