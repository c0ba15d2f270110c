package ban

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
)

// Import is a list of bans that somebody else keeps.
type Import struct {
	Source  string // import:NAME
	Bans    []Ban  // their Source and Times don't count
	Replace bool   // what was imported from the source before, and is not in Bans, is lifted
	Force   bool   // also what would ban too much
}

// Imports is what became of an import.
type Imports struct {
	Added   int      // or made longer
	Kept    int      // banned for as long already, or by an operator
	Skipped int      // never banned, or too broad
	Why     []string // of the first of those that were skipped
}

const (
	importBatch = 500 // rows in one statement
	mostWhy     = 10
)

// Import adds all of the list, or nothing. What is exempt or too broad is left out. A machine's and an operator's bans stay as Add has it; what came from
// the same source becomes what the list says now. Errors: ErrMalformed, ErrFull, and those of the database.
func (l *List) Import(ctx context.Context, im Import) (out Imports, err error) {
	if !validImport(im.Source) {
		return out, fmt.Errorf("%w: the source must be %sNAME, of at most 64 of a-z 0-9 . _ -", ErrMalformed, Imported)
	}
	bans, err := l.admitted(im, &out)
	if err != nil {
		return out, err
	}
	b := l.book
	now := b.now()
	lifted := int64(0)
	err = b.db.InTx(ctx, func(tx *database.Tx) error {
		if err := tx.Append(ctx, now, database.Change{Topic: Topic, Key: everything}); err != nil {
			return err
		}
		if im.Replace {
			result, err := tx.Exec(ctx, `DELETE FROM bans WHERE source = ?`, im.Source)
			if err != nil {
				return err
			}
			if lifted, err = result.RowsAffected(); err != nil {
				return err
			}
		}
		for at := 0; at < len(bans); at += importBatch {
			n, err := insert(ctx, tx, bans[at:min(at+importBatch, len(bans))], now)
			if err != nil {
				return err
			}
			out.Added += n
		}
		return l.room(ctx, tx, now)
	})
	if err != nil {
		return Imports{}, fmt.Errorf("importing bans: %w", err)
	}
	out.Kept = len(bans) - out.Added
	b.feed.Wake()
	b.tellImported("bans-imported", "a list of bans was imported", im.Source, int64(out.Added), zap.Int64("gateway.ban.replaced", lifted))
	return out, nil
}

// room tells whether there are no more bans than there may be.
func (l *List) room(ctx context.Context, tx *database.Tx, now time.Time) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM bans WHERE expires = 0 OR expires > ?`, database.Micros(now)).Scan(&n); err != nil {
		return err
	}
	if n > l.options.Most {
		return fmt.Errorf("%w: %d", ErrFull, l.options.Most)
	}
	return nil
}

// admitted are the bans of the list that may be added, each prefix once.
func (l *List) admitted(im Import, out *Imports) ([]Ban, error) {
	at := make(map[netip.Prefix]int, len(im.Bans))
	bans := make([]Ban, 0, len(im.Bans))
	for _, ban := range im.Bans {
		ban.Source = im.Source
		if ban.Created.IsZero() {
			ban.Created = l.book.now()
		}
		switch err := l.Admit(ban, im.Force); {
		case errors.Is(err, ErrMalformed):
			return nil, fmt.Errorf("%s: %w", ban.Prefix, err)
		case err != nil:
			if out.Skipped++; len(out.Why) < mostWhy {
				out.Why = append(out.Why, err.Error())
			}
			continue
		}
		i, twice := at[ban.Prefix]
		switch {
		case !twice:
			at[ban.Prefix] = len(bans)
			bans = append(bans, ban)
		case longer(database.Micros(ban.Expires), database.Micros(bans[i].Expires)):
			bans[i] = ban
		}
	}
	return bans, nil
}

// insert writes a batch in one statement and tells how many of it took the place of what was there.
func insert(ctx context.Context, tx *database.Tx, bans []Ban, now time.Time) (int, error) {
	args := make([]any, 0, 5*len(bans)+1)
	for _, b := range bans {
		args = append(args, b.Prefix.String(), b.Reason, b.Source, database.Micros(b.Created), database.Micros(b.Expires))
	}
	result, err := tx.Exec(ctx, `INSERT INTO bans (prefix, reason, source, created, expires) VALUES `+
		strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, ?), ", len(bans)), ", ")+`
		ON CONFLICT (prefix) DO UPDATE SET reason = excluded.reason, source = excluded.source, created = excluded.created, expires = excluded.expires
		WHERE bans.source = excluded.source OR (bans.expires <> 0 AND bans.expires <= ?)
			OR (bans.source <> '`+Operator+`' AND bans.expires <> 0 AND (excluded.expires = 0 OR excluded.expires > bans.expires))`,
		append(args, database.Micros(now))...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// Clear lifts all bans of one source and tells how many they were.
func (l *List) Clear(ctx context.Context, source string) (n int64, err error) {
	b := l.book
	now := b.now()
	err = b.db.InTx(ctx, func(tx *database.Tx) error {
		if err := tx.Append(ctx, now, database.Change{Topic: Topic, Key: everything}); err != nil {
			return err
		}
		// Whose bans are lifted by an operator's word starts anew, as in Remove.
		if _, err := tx.Exec(ctx, `DELETE FROM ban_history WHERE prefix IN (SELECT prefix FROM bans WHERE source = ?)`, source); err != nil {
			return err
		}
		result, err := tx.Exec(ctx, `DELETE FROM bans WHERE source = ?`, source)
		if err == nil {
			n, err = result.RowsAffected()
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("lifting bans: %w", err)
	}
	b.feed.Wake()
	b.tellImported("bans-removed", "all bans of a source were lifted", source, n)
	return n, nil
}

func (b *Book) tellImported(action, reason, source string, count int64, more ...zap.Field) {
	b.events.Emit(&event.Event{Category: category, Action: action, Outcome: event.Success, Reason: reason, Fields: append([]zap.Field{
		zap.String("gateway.ban.source", source), zap.Int64("gateway.ban.count", count),
	}, more...)})
}
