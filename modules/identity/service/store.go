package service

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/oidc"
	"github.com/convosphere/gateway/modules/internal/database"
)

var (
	// ErrNotFound is a service, or a key of one, that is not there.
	ErrNotFound = errors.New("there is no such service or key")
	// ErrKey is a key that can't be a service's: its message says why.
	ErrKey = errors.New("the key can't be used")
	// ErrMany refuses one more key than a service may have.
	ErrMany = errors.New("the service has as many keys as it may")
)

const maxKeys = 8

// Service is a program with an account.
type Service struct {
	Account    string
	Name       string // its client_id
	Roles      []string
	Disabled   bool
	Revision   int64
	Scopes     []string // what its tokens may be for, at least one
	Introspect bool     // it may ask what other tokens are good for
	CreatedAt  time.Time
	Keys       []Key
}

// Key is a public key of a service.
type Key struct {
	ID        string
	Algorithm string
	CreatedAt time.Time
	UsedAt    time.Time // zero: never
	key       *oidc.Key
}

// Store reads and writes services. It is safe for use by many.
type Store struct{ db *database.DB }

// NewStore makes a store on an open database.
func NewStore(db *database.DB) *Store { return &Store{db} }

// Create makes an account that was added in tx a service's.
func (s *Store) Create(ctx context.Context, tx *database.Tx, a account.Account, scopes []string, introspect bool) error {
	flag := 0
	if introspect {
		flag = 1
	}
	_, err := tx.Exec(ctx, `UPDATE accounts SET kind = 'service' WHERE id = ?`, a.ID)
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO services (account, scopes, introspect) VALUES (?, ?, ?)`, a.ID, strings.Join(scopes, " "), flag)
	}
	if err != nil {
		return fmt.Errorf("adding a service: %w", err)
	}
	return nil
}

// AddKey adds a public key, a JWK with a kid. Errors: ErrKey, ErrMany.
func (s *Store) AddKey(ctx context.Context, tx *database.Tx, now time.Time, account string, jwk []byte) (Key, error) {
	key, err := oidc.ParseKey(jwk)
	if err != nil {
		return Key{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if key.ID() == "" {
		return Key{}, fmt.Errorf("%w: it must have a kid", ErrKey)
	}
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM service_keys WHERE account = ?`, account).Scan(&n); err != nil {
		return Key{}, fmt.Errorf("adding a service's key: %w", err)
	}
	if n >= maxKeys {
		return Key{}, ErrMany
	}
	_, err = tx.Exec(ctx, `INSERT INTO service_keys (account, kid, jwk, created_at) VALUES (?, ?, ?, ?)`, account, key.ID(), string(jwk), database.Micros(now))
	if database.IsDuplicate(err) {
		return Key{}, fmt.Errorf("%w: the service has one of that kid", ErrKey)
	}
	if err != nil {
		return Key{}, fmt.Errorf("adding a service's key: %w", err)
	}
	return Key{ID: key.ID(), Algorithm: key.Algorithm(), CreatedAt: now, key: key}, nil
}

// RemoveKey takes a key away. Errors: ErrNotFound.
func (s *Store) RemoveKey(ctx context.Context, tx *database.Tx, account, kid string) error {
	r, err := tx.Exec(ctx, `DELETE FROM service_keys WHERE account = ? AND kid = ?`, account, kid)
	if err != nil {
		return fmt.Errorf("removing a service's key: %w", err)
	}
	n, err := r.RowsAffected()
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// SetScopes replaces what the service's tokens may be for.
func (s *Store) SetScopes(ctx context.Context, tx *database.Tx, account string, scopes []string, introspect bool) error {
	flag := 0
	if introspect {
		flag = 1
	}
	if _, err := tx.Exec(ctx, `UPDATE services SET scopes = ?, introspect = ? WHERE account = ?`, strings.Join(scopes, " "), flag, account); err != nil {
		return fmt.Errorf("changing a service: %w", err)
	}
	return nil
}

// Claim locks the service's account for a token that begins in tx: it succeeds only if nothing changed since s was read, and whoever changes
// the account after waits for tx and then sees the token. Errors: ErrNotFound where something changed.
func Claim(ctx context.Context, tx *database.Tx, now time.Time, s Service) error {
	r, err := tx.Exec(ctx, `UPDATE accounts SET last_auth_at = ? WHERE id = ? AND revision = ? AND disabled = 0 AND kind = 'service'`,
		database.Micros(now), s.Account, s.Revision)
	if err != nil {
		return fmt.Errorf("claiming a service: %w", err)
	}
	n, err := r.RowsAffected()
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

const columns = `SELECT a.id, a.username, a.roles, a.disabled, a.revision, a.created_at, s.scopes, s.introspect
	FROM services s JOIN accounts a ON a.id = s.account AND a.kind = 'service' `

func scan(row interface{ Scan(...any) error }) (Service, error) {
	var s Service
	var roles, scopes string
	var disabled, introspect, created int64
	err := row.Scan(&s.Account, &s.Name, &roles, &disabled, &s.Revision, &created, &scopes, &introspect)
	if errors.Is(err, sql.ErrNoRows) {
		return s, ErrNotFound
	}
	if err != nil {
		return s, fmt.Errorf("reading a service: %w", err)
	}
	s.Roles, s.Scopes, s.Disabled, s.Introspect, s.CreatedAt = strings.Split(roles, ","), strings.Fields(scopes), disabled != 0, introspect != 0, database.Time(created)
	return s, nil
}

// ByName finds a service with its keys. Errors: ErrNotFound.
func (s *Store) ByName(ctx context.Context, name string) (Service, error) {
	found, err := scan(s.db.QueryRow(ctx, columns+`WHERE a.username = ?`, name))
	if err == nil {
		found.Keys, err = s.keys(ctx, found.Account)
	}
	return found, err
}

// ByID finds a service by its account's id, with its keys. Errors: ErrNotFound.
func (s *Store) ByID(ctx context.Context, account string) (Service, error) {
	found, err := scan(s.db.QueryRow(ctx, columns+`WHERE a.id = ?`, account))
	if err == nil {
		found.Keys, err = s.keys(ctx, found.Account)
	}
	return found, err
}

// List returns all services by name, with their keys.
func (s *Store) List(ctx context.Context) ([]Service, error) {
	rows, err := s.db.Query(ctx, columns+`ORDER BY a.username`)
	if err != nil {
		return nil, fmt.Errorf("listing services: %w", err)
	}
	defer rows.Close()
	var all []Service
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("listing services: %w", err)
	}
	for i := range all {
		if all[i].Keys, err = s.keys(ctx, all[i].Account); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (s *Store) keys(ctx context.Context, account string) ([]Key, error) {
	rows, err := s.db.Query(ctx, `SELECT kid, jwk, created_at, used_at FROM service_keys WHERE account = ? ORDER BY created_at, kid`, account)
	if err != nil {
		return nil, fmt.Errorf("reading a service's keys: %w", err)
	}
	defer rows.Close()
	var all []Key
	for rows.Next() {
		var k Key
		var jwk string
		var created, used int64
		if err := rows.Scan(&k.ID, &jwk, &created, &used); err != nil {
			return nil, fmt.Errorf("reading a service's keys: %w", err)
		}
		if k.key, err = oidc.ParseKey([]byte(jwk)); err != nil {
			return nil, fmt.Errorf("reading a service's keys: %w", err)
		}
		k.Algorithm, k.CreatedAt, k.UsedAt = k.key.Algorithm(), database.Time(created), database.Time(used)
		all = append(all, k)
	}
	return all, rows.Err()
}

// Used writes that a key was used, where that was not written within the last minute.
func (s *Store) Used(ctx context.Context, tx *database.Tx, now time.Time, account, kid string) error {
	_, err := tx.Exec(ctx, `UPDATE service_keys SET used_at = ? WHERE account = ? AND kid = ? AND used_at < ?`,
		database.Micros(now), account, kid, database.Micros(now.Add(-time.Minute)))
	if err != nil {
		return fmt.Errorf("writing the use of a service's key: %w", err)
	}
	return nil
}
