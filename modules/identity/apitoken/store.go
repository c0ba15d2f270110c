package apitoken

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

var (
	// ErrNotFound is a token that is not there, has ended or has expired, or whose account is disabled.
	ErrNotFound = errors.New("there is no such token")
	// ErrMany refuses one more token than an account may have.
	ErrMany = errors.New("there are as many tokens as there may be")
)

// Token is one token, without its secret.
type Token struct {
	ID        string
	Account   string
	Kind      string // Personal or Service
	Name      string
	Scopes    []string // at least one
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // to the minute; zero: never
}

// Owner is whose a token is, as the database has it now.
type Owner struct {
	Name    string
	Roles   []string
	Created time.Time
}

// Store reads and writes tokens. It is safe for use by many.
type Store struct{ db *database.DB }

// NewStore makes a store on an open database.
func NewStore(db *database.DB) *Store { return &Store{db} }

// Create adds a token to the account, whose row tx has locked, unless it has limit living ones already. It sets t.ID, and returns the secret this
// once. Errors: ErrMany.
func (s *Store) Create(ctx context.Context, tx *database.Tx, t *Token, limit int) (raw string, err error) {
	var living int
	at := database.Micros(t.CreatedAt)
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM tokens WHERE account = ? AND kind = ? AND ended_at = 0 AND expires_at > ?`, t.Account, t.Kind, at).Scan(&living); err != nil {
		return "", fmt.Errorf("counting tokens: %w", err)
	}
	if living >= limit {
		return "", ErrMany
	}
	raw, t.ID = newToken(t.Kind)
	_, err = tx.Exec(ctx, `INSERT INTO tokens (id, account, kind, name, hash, scopes, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		t.ID, t.Account, t.Kind, t.Name, hash(raw), strings.Join(t.Scopes, " "), at, database.Micros(t.ExpiresAt))
	if err != nil {
		return "", fmt.Errorf("adding a token: %w", err)
	}
	return raw, nil
}

// Find returns a living token by its secret, and whose it is. Errors: ErrNotFound.
func (s *Store) Find(ctx context.Context, raw string, now time.Time) (Token, Owner, error) {
	kind := kindOf(raw)
	if kind == "" {
		return Token{}, Owner{}, ErrNotFound
	}
	var t Token
	var o Owner
	var scopes, roles string
	var created, expires, used, made int64
	// The kind is asked for too: a service's token must be of a service, whatever became of its account.
	err := s.db.QueryRowOften(ctx, `SELECT t.id, t.account, t.kind, t.name, t.scopes, t.created_at, t.expires_at, t.used_at, a.username, a.roles, a.created_at
		FROM tokens t JOIN accounts a ON a.id = t.account
		WHERE t.hash = ? AND t.kind = ? AND t.ended_at = 0 AND t.expires_at > ? AND a.disabled = 0 AND a.kind = CASE WHEN t.kind = 'service' THEN 'service' ELSE 'person' END`,
		hash(raw), kind, database.Micros(now)).Scan(&t.ID, &t.Account, &t.Kind, &t.Name, &scopes, &created, &expires, &used, &o.Name, &roles, &made)
	if errors.Is(err, sql.ErrNoRows) {
		return t, o, ErrNotFound
	}
	if err != nil {
		return t, o, fmt.Errorf("reading a token: %w", err)
	}
	t.Scopes, o.Roles, o.Created = strings.Fields(scopes), strings.Split(roles, ","), database.Time(made)
	t.CreatedAt, t.ExpiresAt, t.UsedAt = database.Time(created), database.Time(expires), database.Time(used)
	return t, o, nil
}

// Expiry is when a living token ends. Errors: ErrNotFound.
func (s *Store) Expiry(ctx context.Context, id string) (time.Time, error) {
	var expires int64
	err := s.db.QueryRow(ctx, `SELECT t.expires_at FROM tokens t JOIN accounts a ON a.id = t.account WHERE t.id = ? AND t.ended_at = 0 AND a.disabled = 0`, id).Scan(&expires)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, ErrNotFound
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("reading a token: %w", err)
	}
	return database.Time(expires), nil
}

// List returns the account's living tokens of a kind, the newest first.
func (s *Store) List(ctx context.Context, account, kind string, now time.Time) ([]Token, error) {
	rows, err := s.db.Query(ctx, `SELECT id, name, scopes, created_at, expires_at, used_at FROM tokens
		WHERE account = ? AND kind = ? AND ended_at = 0 AND expires_at > ? ORDER BY created_at DESC, id LIMIT 1000`, account, kind, database.Micros(now))
	if err != nil {
		return nil, fmt.Errorf("listing tokens: %w", err)
	}
	defer rows.Close()
	var all []Token
	for rows.Next() {
		t := Token{Account: account, Kind: kind}
		var scopes string
		var created, expires, used int64
		if err := rows.Scan(&t.ID, &t.Name, &scopes, &created, &expires, &used); err != nil {
			return nil, fmt.Errorf("listing tokens: %w", err)
		}
		t.Scopes = strings.Fields(scopes)
		t.CreatedAt, t.ExpiresAt, t.UsedAt = database.Time(created), database.Time(expires), database.Time(used)
		all = append(all, t)
	}
	return all, rows.Err()
}

// End ends one token of the account. Errors: ErrNotFound, also where it has ended.
func End(ctx context.Context, tx *database.Tx, now time.Time, account, id, reason string) error {
	r, err := tx.Exec(ctx, `UPDATE tokens SET ended_at = ?, reason = ? WHERE id = ? AND account = ? AND ended_at = 0`, database.Micros(now), reason, id, account)
	if err != nil {
		return fmt.Errorf("ending a token: %w", err)
	}
	n, err := r.RowsAffected()
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// EndAll ends the account's tokens and returns the ids of those that lived. The account's row must have been written in tx before, which keeps new ones from
// being made beside it.
func EndAll(ctx context.Context, tx *database.Tx, now time.Time, account, reason string) (ids []string, err error) {
	at := database.Micros(now)
	rows, err := tx.Query(ctx, `UPDATE tokens SET ended_at = ?, reason = ? WHERE account = ? AND ended_at = 0 AND expires_at > ? RETURNING id`, at, reason, account, at)
	if err != nil {
		return nil, fmt.Errorf("ending an account's tokens: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("ending an account's tokens: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// Used writes when tokens were last used.
func (s *Store) Used(ctx context.Context, uses map[string]time.Time) error {
	if len(uses) == 0 {
		return nil
	}
	return s.db.InTx(ctx, func(tx *database.Tx) error {
		for _, id := range slices.Sorted(maps.Keys(uses)) { // in one order, or two gateways wait for each other
			us := database.Micros(uses[id])
			if _, err := tx.Exec(ctx, `UPDATE tokens SET used_at = ? WHERE id = ? AND used_at < ?`, us, id, us); err != nil {
				return fmt.Errorf("writing the use of tokens: %w", err)
			}
		}
		return nil
	})
}

// Prune deletes tokens that ended or expired before, some at a time so that no writer waits long.
func (s *Store) Prune(ctx context.Context, before time.Time) error {
	at := database.Micros(before)
	for {
		r, err := s.db.Exec(ctx, `DELETE FROM tokens WHERE id IN (SELECT id FROM tokens WHERE (ended_at > 0 AND ended_at < ?) OR expires_at < ? LIMIT 500)`, at, at)
		if err != nil {
			return fmt.Errorf("deleting tokens: %w", err)
		}
		if n, err := r.RowsAffected(); err != nil || n < 500 {
			return err
		}
	}
}
