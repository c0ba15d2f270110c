package ban

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"unique"
)

const selectBans = `SELECT b.prefix, b.reason, b.source, b.created, b.expires, COALESCE(h.times, 0)
	FROM bans b LEFT JOIN ban_history h ON h.prefix = b.prefix`

// row reads one of selectBans. ok is false where there is none, and for a prefix that no version of ours writes.
func row(r interface{ Scan(...any) error }) (p netip.Prefix, e entry, ok bool, err error) {
	var prefix, reason, source string
	err = r.Scan(&prefix, &reason, &source, &e.created, &e.expires, &e.times)
	if errors.Is(err, sql.ErrNoRows) {
		return p, e, false, nil
	}
	if err != nil {
		return p, e, false, fmt.Errorf("reading a ban: %w", err)
	}
	p, ok = e.fill(prefix, reason, source)
	return p, e, ok, nil
}

func (e *entry) fill(prefix, reason, source string) (p netip.Prefix, ok bool) {
	p, err := netip.ParsePrefix(prefix)
	e.reason, e.source = unique.Make(reason), unique.Make(source)
	return p, err == nil && canonical(p) == p
}

// readSome makes of the trie one that knows of these prefixes what the database does.
func (b *Book) readSome(ctx context.Context, t *trie, keys map[string]bool) (*trie, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	for key := range keys {
		p, err := netip.ParsePrefix(key)
		if err != nil {
			continue // no version of ours writes it
		}
		_, e, ok, err := row(b.db.QueryRow(ctx, selectBans+` WHERE b.prefix = ?`, key))
		switch {
		case err != nil:
			return nil, err
		case ok:
			t = t.InsertPersist(p, e)
		default:
			t = t.DeletePersist(p)
		}
	}
	return t, nil
}

// readAll reads all bans into a new trie.
func (b *Book) readAll(ctx context.Context) (*trie, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	times, err := b.readHistory(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the history of bans: %w", err)
	}
	rows, err := b.db.Query(ctx, `SELECT prefix, reason, source, created, expires FROM bans LIMIT ?`, MaxBans)
	if err != nil {
		return nil, fmt.Errorf("reading the bans: %w", err)
	}
	defer rows.Close()
	t := new(trie)
	for rows.Next() {
		var prefix, reason, source string
		var e entry
		if err := rows.Scan(&prefix, &reason, &source, &e.created, &e.expires); err != nil {
			return nil, fmt.Errorf("reading the bans: %w", err)
		}
		if p, ok := e.fill(prefix, reason, source); ok {
			e.times = times[prefix]
			t.Insert(p, e)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the bans: %w", err)
	}
	return t, nil
}

// readHistory reads how often those were banned that are banned now; what was imported, which is most, has none.
func (b *Book) readHistory(ctx context.Context) (map[string]int32, error) {
	rows, err := b.db.Query(ctx, `SELECT h.prefix, h.times FROM ban_history h JOIN bans b ON b.prefix = h.prefix LIMIT ?`, MaxBans)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	times := map[string]int32{}
	for rows.Next() {
		var prefix string
		var n int32
		if err := rows.Scan(&prefix, &n); err != nil {
			return nil, err
		}
		times[prefix] = n
	}
	return times, rows.Err()
}
