package measure

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

func (t *Table) put(ctx context.Context, m Measure, now time.Time) error {
	if m.Created.IsZero() {
		m.Created = now
	}
	err := t.db.InTx(ctx, func(tx *database.Tx) error {
		// First, since it makes writers take turns.
		if err := tx.Append(ctx, now, database.Change{Topic: Topic, Key: m.Subject.Kind}); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM measures`).Scan(&n); err != nil {
			return err
		}
		if n >= Most {
			return fmt.Errorf("%w: %d", ErrFull, Most)
		}
		_, err := tx.Exec(ctx, `INSERT INTO measures (subject_kind, subject, kind, created, expires, response) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (subject_kind, subject, kind) DO UPDATE SET created = excluded.created, response = excluded.response,
				expires = CASE WHEN excluded.expires > measures.expires THEN excluded.expires ELSE measures.expires END`,
			m.Subject.Kind, m.Subject.ID, m.Kind.String(), database.Micros(m.Created), database.Micros(m.Expires), m.By)
		return err
	})
	if err != nil {
		return fmt.Errorf("putting a measure in force: %w", err)
	}
	t.feed.Wake()
	return nil
}

// Lift ends a measure; by, where it is not "", only one that belongs to that response: another may have taken its place. Errors: ErrNone.
func (t *Table) Lift(ctx context.Context, s Subject, k Kind, by string) error {
	s, err := s.Check()
	if err != nil {
		return err
	}
	now := t.now()
	err = t.db.InTx(ctx, func(tx *database.Tx) error {
		if err := tx.Append(ctx, now, database.Change{Topic: Topic, Key: s.Kind}); err != nil {
			return err
		}
		r, err := tx.Exec(ctx, `DELETE FROM measures WHERE subject_kind = ? AND subject = ? AND kind = ? AND expires > ? AND (? = '' OR response = ?)`,
			s.Kind, s.ID, k.String(), database.Micros(now), by, by)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if err == nil && n == 0 {
			return fmt.Errorf("%s of %s %s: %w", k, s.Kind, s.ID, ErrNone)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("lifting a measure: %w", err)
	}
	t.feed.Wake()
	return nil
}

// List reads from the database what is in force, the newest first, at most so many.
func (t *Table) List(ctx context.Context, most int) (all []Measure, err error) {
	rows, err := t.db.Query(ctx, `SELECT subject_kind, subject, kind, created, expires, response FROM measures WHERE expires > ? ORDER BY created DESC, subject LIMIT ?`,
		database.Micros(t.now()), min(most, Most))
	if err != nil {
		return nil, fmt.Errorf("listing measures: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var m Measure
		var kind string
		var created, expires int64
		if err := rows.Scan(&m.Subject.Kind, &m.Subject.ID, &kind, &created, &expires, &m.By); err != nil {
			return nil, fmt.Errorf("listing measures: %w", err)
		}
		k, ok := ParseKind(kind)
		if !ok {
			continue // of a later version
		}
		m.Kind, m.Created, m.Expires = k, database.Time(created), database.Time(expires)
		all = append(all, m)
	}
	return all, rows.Err()
}

// read reads all that is in force, and has it hold.
func (t *Table) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	all, err := t.List(ctx, Most)
	if err != nil {
		return err
	}
	k := &known{clients: map[netip.Prefix]*force{}, users: map[string]*force{}, sessions: map[string]*force{}}
	for _, m := range all {
		if f := k.force(m.Subject); f != nil {
			f.since[m.Kind], f.until[m.Kind] = database.Micros(m.Created), database.Micros(m.Expires)
			k.sum[m.Kind]++
		}
	}
	t.known.Store(k)
	t.watches.check()
	return nil
}
