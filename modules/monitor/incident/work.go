package incident

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Acknowledge says that somebody works on it: it is theirs, and triaged unless it was before. Errors: ErrNotFound, ErrState, ErrMalformed.
func (b *Book) Acknowledge(ctx context.Context, id, who string) (Incident, error) {
	return b.Edit(ctx, id, who, Edit{take: true})
}

// Take is Acknowledge by somebody who saw a version. Errors: as Edit.
func (b *Book) Take(ctx context.Context, id, who string, version int64) (Incident, error) {
	return b.Edit(ctx, id, who, Edit{Version: version, take: true})
}

// Close says that it is over. Errors: ErrNotFound, ErrState, ErrMalformed.
func (b *Book) Close(ctx context.Context, id, who string) (Incident, error) {
	return b.Edit(ctx, id, who, Edit{State: Closed})
}

// onIncident changes what belongs to one, in turn with all others that do.
func (b *Book) onIncident(ctx context.Context, id string, f func(tx *database.Tx, i *Incident, now time.Time) error) error {
	return b.db.InTx(ctx, func(tx *database.Tx) error {
		now := b.now()
		if err := tx.Append(ctx, now, database.Change{Topic: Topic, Key: id}); err != nil { // first: writers take turns
			return err
		}
		i, err := scan(tx.QueryRow(ctx, columns+`WHERE id = ?`, id))
		if err != nil {
			return err
		}
		return f(tx, &i, now)
	})
}

// Write adds a note. Notes are only added, so there is no version to see. Errors: ErrNotFound, ErrMalformed, ErrFull.
func (b *Book) Write(ctx context.Context, id, who, text string) error {
	if err := CheckWho(who); err != nil {
		return err
	}
	text = lines(text)
	if err := checkNote(text); err != nil {
		return err
	}
	err := b.onIncident(ctx, id, func(tx *database.Tx, _ *Incident, now time.Time) error { return putNote(ctx, tx, id, who, text, now) })
	if err != nil {
		return fmt.Errorf("writing a note: %w", err)
	}
	return nil
}

func putNote(ctx context.Context, tx *database.Tx, id, who, text string, now time.Time) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM incident_notes WHERE incident = ?`, id).Scan(&n); err != nil {
		return err
	}
	if n >= MostNotes {
		return fmt.Errorf("%w: %d notes", ErrFull, MostNotes)
	}
	_, err := tx.Exec(ctx, `INSERT INTO incident_notes (id, incident, at, author, text) VALUES (?, ?, ?, ?, ?)`, rand.Text(), id, database.Micros(now), who, text)
	return err
}

// Counts tells how many incidents are not closed, by level.
func (b *Book) Counts(ctx context.Context) (n [levels]int, err error) {
	rows, err := b.db.Query(ctx, `SELECT level, COUNT(*) FROM incidents WHERE state <> 'closed' GROUP BY level`)
	err = each(rows, err, func() error {
		var level, count int
		if err := rows.Scan(&level, &count); err != nil {
			return err
		}
		if level >= 0 && level < len(n) {
			n[level] = count
		}
		return nil
	})
	if err != nil {
		return n, fmt.Errorf("counting incidents: %w", err)
	}
	return n, nil
}

// Prune deletes what was closed long ago, some at a time, and what nobody closed and nothing belongs to any more: where nobody looks, scanners alone would fill the disk.
func (b *Book) Prune(ctx context.Context) error {
	before := database.Micros(b.now().Add(-b.options.Keep))
	for {
		r, err := b.db.Exec(ctx, `DELETE FROM incidents WHERE id IN (SELECT id FROM incidents WHERE state = 'closed' AND closed < ? OR state <> 'closed' AND last_at < ? LIMIT 100)`, before, before)
		if err != nil {
			return fmt.Errorf("deleting old incidents: %w", err)
		}
		if n, err := r.RowsAffected(); err != nil || n < 100 {
			return err
		}
	}
}
