package ban

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"

	"github.com/convosphere/gateway/modules/internal/database"
)

// MaxPage is how many bans a page holds at most.
const MaxPage = 10_000

// List reads from the database what is in force, in the order of the prefixes as text: those after the one named, at most limit (MaxPage where it is
// 0 or more). source, where it is not "", is the only one.
func (l *List) List(ctx context.Context, source, after string, limit int) ([]Ban, error) {
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	rows, err := l.book.db.Query(ctx, selectBans+` WHERE b.prefix > ? AND (? = '' OR b.source = ?) AND (b.expires = 0 OR b.expires > ?) ORDER BY b.prefix LIMIT ?`,
		after, source, source, database.Micros(l.book.now()), limit)
	if err != nil {
		return nil, fmt.Errorf("listing bans: %w", err)
	}
	defer rows.Close()
	var all []Ban
	for rows.Next() {
		p, e, ok, err := row(rows)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, e.ban(p))
		}
	}
	return all, rows.Err()
}

// History tells how often the prefix was banned lately: 0, never, or so long ago that it is forgotten.
func (l *List) History(ctx context.Context, prefix netip.Prefix) (times int, err error) {
	err = l.book.db.QueryRow(ctx, `SELECT times FROM ban_history WHERE prefix = ? AND (until = 0 OR until > ?)`,
		prefix.String(), database.Micros(l.book.now())).Scan(&times)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("reading the history of bans: %w", err)
	}
	return times, nil
}
