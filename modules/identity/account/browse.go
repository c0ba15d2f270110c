package account

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Second factors that accounts can be browsed by.
const (
	FactorNone = "none"
	FactorApp  = "app" // an authenticator app
	FactorKey  = "key" // a security key or passkey
)

// Orders that accounts can be browsed in.
const (
	ByName    = "name"
	ByLogin   = "login" // when they last signed in
	ByCreated = "created"
)

// ErrCursor refuses a text that no page before gave.
var ErrCursor = errors.New("there is no such page")

// Sight says which accounts of people a table shows, and in which order.
type Sight struct {
	Query            // After is what the page before said
	Factor string    // "" all
	Unused time.Time // only those that did not sign in since; zero: all
	Locked bool      // only those that wrong codes keep from their second step
	Order  string    // "" by name
	Desc   bool      // the other way round
	Now    time.Time // of Locked and Living
}

// Seen is one account of a table.
type Seen struct {
	Profile
	LockedUntil time.Time // wrong codes keep it from its second step until then; zero: they don't
	Recovery    int       // recovery codes that are left
	Sessions    int       // that live
}

const seenFields = profileFields + `, a.code_locked_until,
	(SELECT COUNT(*) FROM recovery_codes r WHERE r.account = a.id AND r.used_at = 0),
	(SELECT COUNT(*) FROM sessions s WHERE s.account = a.id AND s.ended_at = 0 AND s.idle_at > CAST(? AS BIGINT) AND s.absolute_at > CAST(? AS BIGINT))` + profileTables

// seenRow is a row with what follows a profile.
type seenRow struct {
	row                        interface{ Scan(...any) error }
	locked, recovery, sessions int64
}

// Scan implements the profile's scanner.
func (s *seenRow) Scan(to ...any) error {
	return s.row.Scan(append(to, &s.locked, &s.recovery, &s.sessions)...)
}

func (s *Store) scanSeen(row interface{ Scan(...any) error }) (Seen, error) {
	r := seenRow{row: row}
	p, err := s.scanProfile(&r)
	return Seen{p, database.Time(r.locked), int(r.recovery), int(r.sessions)}, err
}

// Browse returns a page, and where the next one begins ("" there is none). Errors: ErrState, ErrCursor.
func (s *Store) Browse(ctx context.Context, q Sight) (page []Seen, next string, err error) {
	if err := q.Check(); err != nil {
		return nil, "", err
	}
	q.Limit = max(q.Limit, 1)
	where, args, err := s.sight(q)
	if err != nil {
		return nil, "", err
	}
	column, direction := order(q)
	text := seenFields + where + ` ORDER BY ` + column + direction + `, a.id` + direction + ` LIMIT ?`
	at := database.Micros(q.Now)
	rows, err := s.db.Query(ctx, text, append(append([]any{at, at}, args...), q.Limit+1)...)
	if err != nil {
		return nil, "", fmt.Errorf("browsing accounts: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if len(page) == q.Limit {
			return page, cursorOf(q.Order, page[len(page)-1]), nil
		}
		one, err := s.scanSeen(rows)
		if err != nil {
			return nil, "", err
		}
		page = append(page, one)
	}
	return page, "", rows.Err()
}

func order(q Sight) (column, direction string) {
	if q.Desc {
		direction = " DESC"
	}
	switch q.Order {
	case ByLogin:
		return "a.last_auth_at", direction
	case ByCreated:
		return "a.created_at", direction
	}
	return "a.username", direction
}

// sight is the condition of a table.
func (s *Store) sight(q Sight) (string, []any, error) {
	after := q.After
	q.After = "" // of names alone
	where, args := s.where(q.Query)
	if q.Order != "" && q.Order != ByName {
		where = strings.Replace(where, "a.username > ?", "a.username <> ?", 1) // else the index of names is taken, and all of it sorted
	}
	and := func(condition string, values ...any) {
		where += " AND " + condition
		args = append(args, values...)
	}
	const has = `(SELECT 1 FROM second_factors f WHERE f.account = a.id`
	switch q.Factor {
	case FactorNone:
		and("NOT EXISTS " + has + ")")
	case FactorApp:
		and("EXISTS " + has + " AND f.kind = 'totp')")
	case FactorKey:
		and("EXISTS " + has + " AND f.kind = 'webauthn')")
	}
	if !q.Unused.IsZero() {
		and("a.last_auth_at < ?", database.Micros(q.Unused))
	}
	if q.Locked {
		and("a.code_locked_until > ?", database.Micros(q.Now))
	}
	if after != "" {
		value, id, err := readCursor(q.Order, after)
		if err != nil {
			return "", nil, err
		}
		column, direction := order(q)
		than := " > "
		if direction != "" {
			than = " < "
		}
		and("("+column+", a.id)"+than+"(?, ?)", value, id)
	}
	return where, args, nil
}

// cursor is the last account of a page, by the order of that.
type cursor struct {
	Name string `json:"n,omitempty"`
	At   int64  `json:"t,omitempty"`
	ID   string `json:"i"`
}

func cursorOf(order string, last Seen) string {
	c := cursor{ID: last.ID}
	switch order {
	case ByLogin:
		c.At = database.Micros(last.LastAuthAt)
	case ByCreated:
		c.At = database.Micros(last.CreatedAt)
	default:
		c.Name = last.Username
	}
	raw, err := json.Marshal(c)
	if err != nil {
		panic(err) // two strings and a number
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func readCursor(order, after string) (value any, id string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(after)
	var c cursor
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil || strings.ContainsRune(c.Name+c.ID, 0) {
		return nil, "", ErrCursor
	}
	if order == ByLogin || order == ByCreated {
		return c.At, c.ID, nil
	}
	return c.Name, c.ID, nil
}

// See is one account as a table shows it. Errors: ErrNotFound.
func (s *Store) See(ctx context.Context, id string, now time.Time) (Seen, error) {
	at := database.Micros(now)
	rows, err := s.db.Query(ctx, seenFields+`WHERE a.id = ?`, at, at, id)
	if err != nil {
		return Seen{}, fmt.Errorf("reading an account: %w", err)
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return Seen{}, fmt.Errorf("reading an account: %w", err)
		}
		return Seen{}, ErrNotFound
	}
	return s.scanSeen(rows)
}

// Summary counts accounts of people.
type Summary struct {
	All, Disabled, Waiting, Locked int
	NoFactor                       int  // of those that are open
	Unused                         int  // of those that are open: they did not sign in since
	Partial                        bool // there are more accounts than were counted
}

// mostCounted bounds what a summary looks at.
const mostCounted = 20_000

// Summarize counts, among the first 20,000 at most.
func (s *Store) Summarize(ctx context.Context, now, unused time.Time) (c Summary, err error) {
	at := database.Micros(now)
	err = s.db.QueryRow(ctx, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN disabled <> 0 AND awaits = '' THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN awaits <> '' THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN code_locked_until > ? THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN disabled = 0 AND last_auth_at < ? THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN disabled = 0 AND NOT EXISTS (SELECT 1 FROM second_factors f WHERE f.account = c.id) THEN 1 ELSE 0 END), 0)
		FROM (SELECT id, disabled, awaits, code_locked_until, last_auth_at FROM accounts WHERE kind = 'person' LIMIT ?) AS c`,
		at, database.Micros(unused), mostCounted+1).Scan(&c.All, &c.Disabled, &c.Waiting, &c.Locked, &c.Unused, &c.NoFactor)
	if err != nil {
		return c, fmt.Errorf("counting accounts: %w", err)
	}
	c.Partial = c.All > mostCounted
	return c, nil
}
