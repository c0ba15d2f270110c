package review

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Decision filters.
const (
	Undecided = "undecided"
)

// Query says which lines of a review are wanted, in their order.
type Query struct {
	Review   string
	Kind     string // "" all
	Decision string // Keep, Revoke or Undecided; "" all
	Account  string // "" all
	Stale    bool   // only those
	After    int    // the number of the last line of the page before
	Limit    int
}

const lineColumns = `SELECT l.n, l.kind, l.account, l.subject, l.what, l.detail, l.since, l.used, l.stale, l.decision, l.by_whom, l.decided, l.note, l.done, l.version, COALESCE(a.username, '')
	FROM review_lines l LEFT JOIN accounts a ON a.id = l.account WHERE l.review = ?`

func scanLine(row interface{ Scan(...any) error }) (l Line, err error) {
	var since, used, decided, done int64
	err = row.Scan(&l.N, &l.Kind, &l.Account, &l.Subject, &l.What, &l.Detail, &since, &used, &l.Stale, &l.Decision, &l.By, &decided, &l.Note, &done, &l.Version, &l.Name)
	if errors.Is(err, sql.ErrNoRows) {
		return l, ErrNotFound
	}
	if err != nil {
		return l, fmt.Errorf("reading a line of a review: %w", err)
	}
	l.Since, l.Used, l.Decided, l.Done = database.Time(since), database.Time(used), database.Time(decided), database.Time(done)
	return l, nil
}

// Lines are a page.
func (d *Desk) Lines(ctx context.Context, q Query) (all []Line, err error) {
	text, args := lineColumns+` AND l.n > ?`, []any{q.Review, q.After}
	and := func(condition string, values ...any) {
		text += " AND " + condition
		args = append(args, values...)
	}
	if q.Kind != "" {
		and("l.kind = ?", q.Kind)
	}
	switch q.Decision {
	case "":
	case Undecided:
		and("l.decision = ''")
	default:
		and("l.decision = ?", q.Decision)
	}
	if q.Account != "" {
		and("l.account = ?", q.Account)
	}
	if q.Stale {
		and("l.stale <> ''")
	}
	rows, err := d.DB.Query(ctx, text+` ORDER BY l.n LIMIT ?`, append(args, max(q.Limit, 1))...)
	if err != nil {
		return nil, fmt.Errorf("listing the lines of a review: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		l, err := scanLine(rows)
		if err != nil {
			return nil, err
		}
		l.Review = q.Review
		all = append(all, l)
	}
	return all, rows.Err()
}

// Line is one. Errors: ErrNotFound.
func (d *Desk) Line(ctx context.Context, review string, n int) (Line, error) {
	l, err := scanLine(d.DB.QueryRow(ctx, lineColumns+` AND l.n = ?`, review, n))
	l.Review = review
	return l, err
}

// Names are those of accounts that there are.
func (d *Desk) Names(ctx context.Context, ids ...string) (map[string]string, error) {
	names := map[string]string{}
	var args []any
	for _, id := range ids {
		if _, seen := names[id]; id != "" && !seen {
			names[id] = ""
			args = append(args, id)
		}
	}
	if len(args) == 0 {
		return names, nil
	}
	rows, err := d.DB.Query(ctx, `SELECT id, username FROM accounts WHERE id IN (`+strings.Repeat(", ?", len(args))[2:]+`)`, args...)
	if err != nil {
		return nil, fmt.Errorf("looking up names: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, name string
		if err := rows.Scan(&id, &name); err != nil {
			return nil, fmt.Errorf("looking up names: %w", err)
		}
		names[id] = name
	}
	return names, rows.Err()
}
