package review

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// holder is an account as far as a review cares.
type holder struct {
	id            string
	disabled      bool
	created, used time.Time
}

// staleness says why what an account holds is stale; "" it is not. used is of what it holds, zero where that is not known.
func (h *holder) staleness(r Review, since, used time.Time) string {
	days := int(r.Stale.Hours() / 24)
	switch long := r.At.Add(-r.Stale); {
	case h.disabled:
		return "the account is disabled"
	case h.used.IsZero() && h.created.Before(long):
		return "its owner never signed in"
	case !h.used.IsZero() && h.used.Before(long):
		return fmt.Sprintf("its owner has not signed in for %d days", days)
	case !since.IsZero() && since.Before(long) && used.IsZero():
		return "it was never used"
	case !used.IsZero() && used.Before(long):
		return fmt.Sprintf("it was not used for %d days", days)
	}
	return ""
}

// gather reads who holds what, in one order.
func gather(ctx context.Context, tx *database.Tx, r Review) (lines []Line, err error) {
	for _, part := range []struct {
		kinds []string
		read  func(context.Context, *database.Tx, Review, []Line) ([]Line, error)
	}{{[]string{Role, User}, roles}, {[]string{Grant}, grants}, {[]string{Token}, tokens}, {[]string{Key}, keys}} {
		if !slices.ContainsFunc(part.kinds, func(k string) bool { return slices.Contains(r.Kinds, k) }) {
			continue
		}
		if lines, err = part.read(ctx, tx, r, lines); err != nil {
			return nil, err
		}
	}
	for i := range lines {
		lines[i].N, lines[i].Version = i+1, 1
	}
	return lines, nil
}

// read runs a query and makes a line, or several, of each row.
func read(ctx context.Context, tx *database.Tx, lines []Line, query string, args []any, one func(scan func(...any) error) ([]Line, error)) ([]Line, error) {
	rows, err := tx.Query(ctx, query, append(args, MostLines+1)...)
	if err != nil {
		return nil, fmt.Errorf("taking the snapshot of a review: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		more, err := one(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("taking the snapshot of a review: %w", err)
		}
		if lines = append(lines, more...); len(lines) > MostLines {
			return nil, ErrMany
		}
	}
	return lines, rows.Err()
}

func roles(ctx context.Context, tx *database.Tx, r Review, lines []Line) ([]Line, error) {
	query, args := `SELECT id, roles, disabled, created_at, last_auth_at FROM accounts ORDER BY username LIMIT ?`, []any(nil)
	if !slices.Contains(r.Kinds, User) { // most accounts have no line
		query, args = `SELECT id, roles, disabled, created_at, last_auth_at FROM accounts WHERE roles <> ? ORDER BY username LIMIT ?`, []any{Plain}
	}
	return read(ctx, tx, lines, query, args, func(scan func(...any) error) (more []Line, err error) {
		var h holder
		var held string
		var disabled, created, used int64
		if err := scan(&h.id, &held, &disabled, &created, &used); err != nil {
			return nil, err
		}
		h.disabled, h.created, h.used = disabled != 0, database.Time(created), database.Time(used)
		for role := range strings.SplitSeq(held, ",") {
			kind := Role
			if role == Plain {
				kind = User
			}
			if slices.Contains(r.Kinds, kind) { // since when somebody has a role, nobody wrote down
				more = append(more, Line{Kind: kind, Account: h.id, What: role, Used: h.used, Stale: h.staleness(r, time.Time{}, time.Time{})})
			}
		}
		return more, nil
	})
}

func grants(ctx context.Context, tx *database.Tx, r Review, lines []Line) ([]Line, error) {
	at := database.Micros(r.At)
	return read(ctx, tx, lines, `SELECT g.subject, g.relation, g.object, g.at, COALESCE(a.id, ''), COALESCE(a.disabled, 0), COALESCE(a.created_at, 0), COALESCE(a.last_auth_at, 0)
		FROM grants g LEFT JOIN accounts a ON a.username = g.subject WHERE g.relation <> 'parent' AND (g.expires = 0 OR g.expires > ?) ORDER BY g.object, g.subject, g.relation LIMIT ?`,
		[]any{at}, func(scan func(...any) error) ([]Line, error) {
			var h holder
			var subject string
			var since, disabled, created, used int64
			l := Line{Kind: Grant}
			if err := scan(&subject, &l.What, &l.Detail, &since, &h.id, &disabled, &created, &used); err != nil {
				return nil, err
			}
			l.Since = database.Time(since)
			if h.id == "" {
				if l.Subject = subject; subject != "*" && !strings.Contains(subject, "@") {
					l.Stale = "no account is called so"
				}
				return []Line{l}, nil
			}
			h.disabled, h.created, h.used = disabled != 0, database.Time(created), database.Time(used)
			l.Account, l.Used, l.Stale = h.id, h.used, h.staleness(r, time.Time{}, time.Time{})
			return []Line{l}, nil
		})
}

func tokens(ctx context.Context, tx *database.Tx, r Review, lines []Line) ([]Line, error) {
	return read(ctx, tx, lines, `SELECT t.id, t.scopes, t.created_at, t.used_at, a.id, a.disabled FROM tokens t JOIN accounts a ON a.id = t.account
		WHERE t.kind = 'personal' AND t.ended_at = 0 AND t.expires_at > ? ORDER BY a.username, t.created_at, t.id LIMIT ?`, []any{database.Micros(r.At)}, held(r, Token))
}

func keys(ctx context.Context, tx *database.Tx, r Review, lines []Line) ([]Line, error) {
	return read(ctx, tx, lines, `SELECT 'key.' || k.account || '.' || k.kid, s.scopes, k.created_at, k.used_at, a.id, a.disabled FROM service_keys k
		JOIN services s ON s.account = k.account JOIN accounts a ON a.id = k.account ORDER BY a.username, k.created_at, k.kid LIMIT ?`, nil, held(r, Key))
}

// held makes a line of what has its own last use.
func held(r Review, kind string) func(scan func(...any) error) ([]Line, error) {
	return func(scan func(...any) error) ([]Line, error) {
		l := Line{Kind: kind}
		var since, used, disabled int64
		if err := scan(&l.What, &l.Detail, &since, &used, &l.Account, &disabled); err != nil {
			return nil, err
		}
		l.Since, l.Used = database.Time(since), database.Time(used)
		h := holder{disabled: disabled != 0, created: r.At, used: r.At} // what counts is its own use, not a person's
		l.Stale = h.staleness(r, l.Since, l.Used)
		return []Line{l}, nil
	}
}

// perInsert is how many lines one statement writes: SQLite takes 32,766 values at once, PostgreSQL 65,535.
const perInsert = 500

func write(ctx context.Context, tx *database.Tx, review string, lines []Line) error {
	for part := range slices.Chunk(lines, perInsert) {
		var values strings.Builder
		var args []any
		for i, l := range part {
			if i > 0 {
				values.WriteString(", ")
			}
			values.WriteString("(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', 0, '', 0, 1)")
			args = append(args, review, l.N, l.Kind, l.Account, l.Subject, l.What, l.Detail, database.Micros(l.Since), database.Micros(l.Used), l.Stale)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO review_lines (review, n, kind, account, subject, what, detail, since, used, stale, decision, by_whom, decided, note, done, version) VALUES `+values.String(), args...); err != nil {
			return fmt.Errorf("writing the lines of a review: %w", err)
		}
	}
	return nil
}
