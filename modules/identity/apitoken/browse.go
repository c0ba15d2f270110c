package apitoken

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Key is the kind of a service's key among what is browsed.
const Key = "key"

// ErrCursor refuses a text that no page before gave.
var ErrCursor = errors.New("there is no such page")

// Sight says which living tokens and keys a table shows, the newest first.
type Sight struct {
	Kind    string    // Personal, Service or Key; "" all
	Account string    // "" all
	Unused  time.Time // only those that were not used since, and are older; zero: all
	ID      string    // only this one
	After   string    // what the page before said
	Limit   int
}

// Held is a token or a key, without a secret.
type Held struct {
	Token    // of a key: ID is Key, the account and the kid, separated by dots; ExpiresAt is zero
	Username string
	Disabled bool // its account
}

// heldBy is one half of what is browsed.
const (
	heldTokens = `SELECT t.id AS id, t.account AS account, t.kind AS kind, t.name AS name, t.scopes AS scopes, t.created_at AS created_at, t.expires_at AS expires_at,
		t.used_at AS used_at, a.username AS username, a.disabled AS disabled FROM tokens t JOIN accounts a ON a.id = t.account WHERE t.ended_at = 0 AND t.expires_at > ?`
	heldKeys = `SELECT 'key.' || k.account || '.' || k.kid AS id, k.account AS account, 'key' AS kind, k.kid AS name, s.scopes AS scopes, k.created_at AS created_at, 0 AS expires_at,
		k.used_at AS used_at, a.username AS username, a.disabled AS disabled FROM service_keys k JOIN services s ON s.account = k.account JOIN accounts a ON a.id = k.account`
)

// Browse lists what lives of everybody's, and says where the next page begins ("" there is none). Errors: ErrCursor.
func (s *Store) Browse(ctx context.Context, now time.Time, q Sight) (page []Held, next string, err error) {
	text, args, err := q.sql(now)
	if err != nil {
		return nil, "", err
	}
	limit := max(q.Limit, 1)
	rows, err := s.db.Query(ctx, text, append(args, limit+1)...)
	if err != nil {
		return nil, "", fmt.Errorf("browsing tokens: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if len(page) == limit {
			last := page[limit-1]
			return page, cursorOf(last.CreatedAt, last.ID), nil
		}
		var h Held
		var scopes string
		var created, expires, used, disabled int64
		if err := rows.Scan(&h.ID, &h.Account, &h.Kind, &h.Name, &scopes, &created, &expires, &used, &h.Username, &disabled); err != nil {
			return nil, "", fmt.Errorf("browsing tokens: %w", err)
		}
		h.Scopes, h.Disabled = strings.Fields(scopes), disabled != 0
		h.CreatedAt, h.ExpiresAt, h.UsedAt = database.Time(created), database.Time(expires), database.Time(used)
		page = append(page, h)
	}
	return page, "", rows.Err()
}

func (q Sight) sql(now time.Time) (string, []any, error) {
	var halves []string
	var args []any
	if q.Kind != Key {
		halves, args = append(halves, heldTokens), append(args, database.Micros(now))
	}
	if q.Kind == "" || q.Kind == Key {
		halves = append(halves, heldKeys)
	}
	where := []string{"1 = 1"}
	and := func(condition string, values ...any) {
		where, args = append(where, condition), append(args, values...)
	}
	if q.Kind != "" {
		and("kind = ?", q.Kind)
	}
	if q.Account != "" {
		and("account = ?", q.Account)
	}
	if !q.Unused.IsZero() {
		at := database.Micros(q.Unused)
		and("used_at < ? AND created_at < ?", at, at)
	}
	if q.ID != "" {
		and("id = ?", q.ID)
	}
	if q.After != "" {
		at, id, err := readCursor(q.After)
		if err != nil {
			return "", nil, err
		}
		and("(created_at, id) < (?, ?)", at, id)
	}
	return `SELECT id, account, kind, name, scopes, created_at, expires_at, used_at, username, disabled FROM (` + strings.Join(halves, " UNION ALL ") +
		`) AS held WHERE ` + strings.Join(where, " AND ") + ` ORDER BY created_at DESC, id DESC LIMIT ?`, args, nil
}

func cursorOf(created time.Time, id string) string {
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint64(nil, uint64(database.Micros(created))), id...))
}

func readCursor(text string) (at int64, id string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) <= 8 || len(raw) > 512 || strings.ContainsRune(string(raw[8:]), 0) {
		return 0, "", ErrCursor
	}
	return int64(binary.BigEndian.Uint64(raw)), strings.ToValidUTF8(string(raw[8:]), ""), nil
}
