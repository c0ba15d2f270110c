package incident

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

const mostRelated = 20

// Get gives one with its first subjects and its techniques, without its findings and notes. Errors: ErrNotFound.
func (b *Book) Get(ctx context.Context, id string) (Incident, error) { return b.get(ctx, id, 10) }

func (b *Book) get(ctx context.Context, id string, most int) (Incident, error) {
	i, err := scan(b.db.QueryRow(ctx, columns+`WHERE id = ?`, id))
	if err != nil {
		return i, err
	}
	one := []Incident{i}
	if err := subjects(ctx, b.db, one, most); err != nil {
		return i, err
	}
	err = techniques(ctx, b.db, one)
	return one[0], err
}

// Show gives one with all that is kept of it. Errors: ErrNotFound.
func (b *Book) Show(ctx context.Context, id string) (w Whole, err error) {
	if w.Incident, err = b.get(ctx, id, MostSubjects); err != nil {
		return w, err
	}
	for _, fill := range []func(context.Context, *Whole) error{b.fillFindings, b.fillRules, b.fillNotes, b.fillRelated, b.fillEvidence} {
		if err := fill(ctx, &w); err != nil {
			return w, err
		}
	}
	if w.Changes, err = changes(ctx, b.db, id, 0); err != nil {
		return w, err
	}
	w.Steps, err = b.steps(ctx, id)
	return w, err
}

func (b *Book) fillFindings(ctx context.Context, w *Whole) error {
	w.Findings = []finding.Finding{}
	rows, err := b.db.Query(ctx, `SELECT finding FROM incident_findings WHERE incident = ? ORDER BY at, id`, w.ID)
	err = each(rows, err, func() error {
		var text string
		var f finding.Finding
		if err := rows.Scan(&text); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			return err
		}
		w.Findings = append(w.Findings, f)
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading an incident's findings: %w", err)
	}
	return nil
}

func (b *Book) fillRules(ctx context.Context, w *Whole) error {
	rows, err := b.db.Query(ctx, `SELECT rule, title, findings, last_at, verdict FROM incident_rules WHERE incident = ? ORDER BY findings DESC, rule LIMIT ?`, w.ID, MostFindings)
	err = each(rows, err, func() error {
		var r Rule
		var last int64
		if err := rows.Scan(&r.ID, &r.Title, &r.Findings, &last, &r.Verdict); err != nil {
			return err
		}
		r.Last = database.Time(last)
		w.Rules = append(w.Rules, r)
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading an incident's rules: %w", err)
	}
	return nil
}

func (b *Book) fillNotes(ctx context.Context, w *Whole) error {
	w.Notes = []Note{}
	rows, err := b.db.Query(ctx, `SELECT at, author, text FROM incident_notes WHERE incident = ? ORDER BY at, id`, w.ID)
	err = each(rows, err, func() error {
		var n Note
		var at int64
		if err := rows.Scan(&at, &n.Author, &n.Text); err != nil {
			return err
		}
		n.At = database.Time(at)
		w.Notes = append(w.Notes, n)
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading an incident's notes: %w", err)
	}
	return nil
}

// fillRelated lists others about the same subjects.
func (b *Book) fillRelated(ctx context.Context, w *Whole) (err error) {
	w.Related, err = read(b.db.Query(ctx, columns+`WHERE id <> ? AND merged = '' AND id IN (SELECT o.incident FROM incident_subjects s
		JOIN incident_subjects o ON o.kind = s.kind AND o.subject = s.subject WHERE s.incident = ?) ORDER BY opened DESC, id LIMIT ?`, w.ID, w.ID, mostRelated))
	if err != nil {
		return fmt.Errorf("reading related incidents: %w", err)
	}
	return techniques(ctx, b.db, w.Related)
}
