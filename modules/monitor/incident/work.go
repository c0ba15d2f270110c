package incident

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Acknowledge says that somebody works on it. One that is acknowledged already changes its owner. Errors: ErrNotFound, ErrState, ErrMalformed.
func (b *Book) Acknowledge(ctx context.Context, id, who string) (Incident, error) {
	first := false
	i, err := b.change(ctx, id, who, func(i *Incident, now time.Time) error {
		if i.State == Closed {
			return fmt.Errorf("%w: it is closed", ErrState)
		}
		if first = i.State == Open; first {
			i.Acknowledged = now
		}
		i.State, i.Owner = Acknowledged, who
		return nil
	})
	if err == nil && first {
		b.observe(StepAcknowledged, i.Acknowledged.Sub(i.Opened))
	}
	return i, err
}

// Close says that it is over. Errors: ErrNotFound, ErrState, ErrMalformed.
func (b *Book) Close(ctx context.Context, id, who string) (Incident, error) {
	i, err := b.change(ctx, id, who, func(i *Incident, now time.Time) error {
		if i.State == Closed {
			return fmt.Errorf("%w: it is closed", ErrState)
		}
		i.State, i.Closed, i.Closer = Closed, now, who
		return nil
	})
	if err == nil {
		b.observe(StepClosed, i.Closed.Sub(i.Opened))
	}
	return i, err
}

// change changes one, and says so.
func (b *Book) change(ctx context.Context, id, who string, f func(*Incident, time.Time) error) (i Incident, err error) {
	if err := CheckWho(who); err != nil {
		return i, err
	}
	err = b.db.InTx(ctx, func(tx *database.Tx) (err error) {
		now := b.now()
		if err := tx.Append(ctx, now, database.Change{Topic: Topic, Key: id}); err != nil { // first: writers take turns
			return err
		}
		if i, err = scan(tx.QueryRow(ctx, columns+`WHERE id = ?`, id)); err != nil {
			return err
		}
		if err := f(&i, now); err != nil {
			return err
		}
		return i.save(ctx, tx)
	})
	if err != nil {
		return i, fmt.Errorf("changing an incident: %w", err)
	}
	b.tellChanged(&i, who)
	return i, nil
}

// Write adds a note. Errors: ErrNotFound, ErrMalformed, ErrFull.
func (b *Book) Write(ctx context.Context, id, who, text string) error {
	if err := CheckWho(who); err != nil {
		return err
	}
	if err := checkNote(text); err != nil {
		return err
	}
	err := b.db.InTx(ctx, func(tx *database.Tx) error {
		now := b.now()
		if err := tx.Append(ctx, now, database.Change{Topic: Topic, Key: id}); err != nil {
			return err
		}
		if _, err := scan(tx.QueryRow(ctx, columns+`WHERE id = ?`, id)); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM incident_notes WHERE incident = ?`, id).Scan(&n); err != nil {
			return err
		}
		if n >= MostNotes {
			return fmt.Errorf("%w: %d notes", ErrFull, MostNotes)
		}
		_, err := tx.Exec(ctx, `INSERT INTO incident_notes (id, incident, at, author, text) VALUES (?, ?, ?, ?, ?)`, rand.Text(), id, database.Micros(now), who, text)
		return err
	})
	if err != nil {
		return fmt.Errorf("writing a note: %w", err)
	}
	return nil
}

// Query says which incidents are asked for.
type Query struct {
	State string        // "": all
	Level finding.Level // or above
	Limit int           // at most MostListed, which 0 is
	After string        // the id of the last one of the page before
}

// MostListed is how many a page holds.
const MostListed = 1000

// List gives the newest first. Those that became part of another are left out.
func (b *Book) List(ctx context.Context, q Query) ([]Incident, error) {
	if q.Limit <= 0 || q.Limit > MostListed {
		q.Limit = MostListed
	}
	opened := int64(1<<63 - 1)
	if q.After != "" {
		last, err := scan(b.db.QueryRow(ctx, columns+`WHERE id = ?`, q.After))
		if err != nil {
			return nil, err
		}
		opened = database.Micros(last.Opened)
	}
	rows, err := b.db.Query(ctx, columns+`WHERE merged = '' AND (? = '' OR state = ?) AND level >= ? AND (opened < ? OR opened = ? AND id > ?) ORDER BY opened DESC, id LIMIT ?`,
		q.State, q.State, int64(q.Level), opened, opened, q.After, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("listing incidents: %w", err)
	}
	all := []Incident{}
	for rows.Next() {
		i, err := scan(rows)
		if err != nil {
			_ = rows.Close()
			return nil, err
		}
		all = append(all, i)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing incidents: %w", err)
	}
	if err := rows.Close(); err != nil {
		return nil, fmt.Errorf("listing incidents: %w", err)
	}
	for n := range all {
		if all[n].Subjects, err = b.subjects(ctx, all[n].ID, 10); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (b *Book) subjects(ctx context.Context, id string, most int) (all []finding.Subject, err error) {
	rows, err := b.db.Query(ctx, `SELECT kind, subject FROM incident_subjects WHERE incident = ? ORDER BY kind, subject LIMIT ?`, id, most)
	if err != nil {
		return nil, fmt.Errorf("listing an incident's subjects: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var s finding.Subject
		if err := rows.Scan(&s.Kind, &s.ID); err != nil {
			return nil, fmt.Errorf("listing an incident's subjects: %w", err)
		}
		all = append(all, s)
	}
	return all, rows.Err()
}

// Show gives one with all that is kept of it. Errors: ErrNotFound.
func (b *Book) Show(ctx context.Context, id string) (w Whole, err error) {
	if w.Incident, err = scan(b.db.QueryRow(ctx, columns+`WHERE id = ?`, id)); err != nil {
		return w, err
	}
	if w.Subjects, err = b.subjects(ctx, id, MostSubjects); err != nil {
		return w, err
	}
	w.Findings, w.Notes = []finding.Finding{}, []Note{}
	rows, err := b.db.Query(ctx, `SELECT finding FROM incident_findings WHERE incident = ? ORDER BY at, id`, id)
	if err != nil {
		return w, fmt.Errorf("reading an incident's findings: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		var f finding.Finding
		if err := rows.Scan(&text); err != nil {
			return w, fmt.Errorf("reading an incident's findings: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			return w, fmt.Errorf("reading an incident's findings: %w", err)
		}
		w.Findings = append(w.Findings, f)
	}
	if err := rows.Err(); err != nil {
		return w, fmt.Errorf("reading an incident's findings: %w", err)
	}
	w.Notes, err = b.notes(ctx, id)
	return w, err
}

func (b *Book) notes(ctx context.Context, id string) ([]Note, error) {
	rows, err := b.db.Query(ctx, `SELECT at, author, text FROM incident_notes WHERE incident = ? ORDER BY at, id`, id)
	if err != nil {
		return nil, fmt.Errorf("reading an incident's notes: %w", err)
	}
	defer rows.Close()
	all := []Note{}
	for rows.Next() {
		var n Note
		var at int64
		if err := rows.Scan(&at, &n.Author, &n.Text); err != nil {
			return nil, fmt.Errorf("reading an incident's notes: %w", err)
		}
		n.At = database.Time(at)
		all = append(all, n)
	}
	return all, rows.Err()
}

// Counts tells how many incidents are not closed, by level.
func (b *Book) Counts(ctx context.Context) (n [finding.Critical + 1]int, err error) {
	rows, err := b.db.Query(ctx, `SELECT level, COUNT(*) FROM incidents WHERE state <> 'closed' GROUP BY level`)
	if err != nil {
		return n, fmt.Errorf("counting incidents: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var level, count int
		if err := rows.Scan(&level, &count); err != nil {
			return n, fmt.Errorf("counting incidents: %w", err)
		}
		if level >= 0 && level < len(n) {
			n[level] = count
		}
	}
	return n, rows.Err()
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
