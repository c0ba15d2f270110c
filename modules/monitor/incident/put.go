package incident

import (
	"context"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// put keeps the finding and its subjects, within their bounds. Of more findings than may be kept the middle ones go: how it began and how it stands is what
// people ask for.
func put(ctx context.Context, tx *database.Tx, i *Incident, f *finding.Finding, text string) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM incident_findings WHERE incident = ?`, i.ID).Scan(&n); err != nil {
		return err
	}
	if n >= MostFindings {
		if _, err := tx.Exec(ctx, `DELETE FROM incident_findings WHERE id IN (SELECT id FROM incident_findings WHERE incident = ? ORDER BY at, id LIMIT 1 OFFSET ?)`,
			i.ID, MostFindings/2); err != nil {
			return err
		}
	}
	if err := putRule(ctx, tx, i.ID, f); err != nil {
		return err
	}
	if err := putTechniques(ctx, tx, i.ID, techniquesOf(f)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO incident_findings (id, incident, at, finding) VALUES (?, ?, ?, ?)`, f.ID, i.ID, database.Micros(f.Last), text); err != nil {
		return err
	}
	return putSubjects(ctx, tx, i.ID, f)
}

func putSubjects(ctx context.Context, tx *database.Tx, id string, f *finding.Finding) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM incident_subjects WHERE incident = ?`, id).Scan(&n); err != nil {
		return err
	}
	for _, s := range about(f) {
		r, err := tx.Exec(ctx, `UPDATE incident_subjects SET last_at = ? WHERE incident = ? AND kind = ? AND subject = ?`, database.Micros(f.Last), id, s.Kind, s.ID)
		if err != nil {
			return err
		}
		known, err := r.RowsAffected()
		if err != nil {
			return err
		}
		if known > 0 {
			continue
		}
		if n++; n > MostSubjects { // what comes later is told by its findings
			return nil
		}
		if _, err := tx.Exec(ctx, `INSERT INTO incident_subjects (incident, kind, subject, last_at) VALUES (?, ?, ?, ?)`, id, s.Kind, s.ID, database.Micros(f.Last)); err != nil {
			return err
		}
	}
	return nil
}

// putRule counts a finding for its rule.
func putRule(ctx context.Context, tx *database.Tx, id string, f *finding.Finding) error {
	_, err := tx.Exec(ctx, `INSERT INTO incident_rules (incident, rule, title, findings, last_at, verdict) VALUES (?, ?, ?, 1, ?, '')
		ON CONFLICT (incident, rule) DO UPDATE SET title = excluded.title, findings = incident_rules.findings + 1, last_at = excluded.last_at`,
		id, f.Rule, f.Title, database.Micros(f.Last))
	return err
}

func putTechniques(ctx context.Context, tx *database.Tx, id string, all []string) error {
	var n int
	if len(all) == 0 {
		return nil
	}
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM incident_techniques WHERE incident = ?`, id).Scan(&n); err != nil {
		return err
	}
	for _, t := range all[:max(0, min(len(all), mostTechniques-n))] {
		if _, err := tx.Exec(ctx, `INSERT INTO incident_techniques (incident, technique, parent) VALUES (?, ?, ?) ON CONFLICT (incident, technique) DO NOTHING`,
			id, t, parentOf(t)); err != nil {
			return err
		}
	}
	return nil
}
