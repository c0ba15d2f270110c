package incident

import (
	"context"
	"slices"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// byMonitor is who did it where no person did.
const byMonitor = "monitor"

// merge makes other part of i. What people did to either stays.
func merge(ctx context.Context, tx *database.Tx, i *Incident, other Incident, now time.Time) error {
	for _, q := range []string{
		`UPDATE incident_findings SET incident = ? WHERE incident = ?`,
		`UPDATE incident_notes SET incident = ? WHERE incident = ?`,
		`INSERT INTO incident_subjects (incident, kind, subject, last_at) SELECT ?, kind, subject, last_at FROM incident_subjects WHERE incident = ?
			ON CONFLICT (incident, kind, subject) DO NOTHING`,
		`INSERT INTO incident_techniques (incident, technique, parent) SELECT ?, technique, parent FROM incident_techniques WHERE incident = ?
			ON CONFLICT (incident, technique) DO NOTHING`,
		`INSERT INTO incident_rules (incident, rule, title, findings, last_at, verdict) SELECT ?, rule, title, findings, last_at, verdict FROM incident_rules WHERE incident = ?
			ON CONFLICT (incident, rule) DO UPDATE SET findings = incident_rules.findings + excluded.findings`,
		`INSERT INTO incident_steps (incident, playbook, step, at, who) SELECT ?, playbook, step, at, who FROM incident_steps WHERE incident = ?
			ON CONFLICT (incident, playbook, step) DO NOTHING`,
		`INSERT INTO incident_evidence (incident, event, at, line) SELECT ?, event, at, line FROM incident_evidence WHERE incident = ?
			ON CONFLICT (incident, event) DO NOTHING`,
		`UPDATE incident_changes SET incident = ? WHERE incident = ?`,
		`UPDATE responses SET incident = ? WHERE incident = ?`,
	} {
		if _, err := tx.Exec(ctx, q, i.ID, other.ID); err != nil {
			return err
		}
	}
	for _, table := range []string{"incident_rules", "incident_evidence"} { // they are counted where they are now
		if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE incident = ?`, other.ID); err != nil {
			return err
		}
	}
	i.take(&other)
	i.Version++
	if err := logChange(ctx, tx, Edited{Version: i.Version, At: now, Who: byMonitor, Field: "merged", About: other.ID, Before: other.State, After: i.State}, i.ID); err != nil {
		return err
	}
	other.State, other.Closed, other.Merged = Closed, now, i.ID
	other.Version++
	return other.save(ctx, tx)
}

// take takes over what other knows and i does not.
func (i *Incident) take(other *Incident) {
	if other.Level > i.Level {
		i.Level, i.Title = other.Level, other.Title
	}
	if slices.Index(States(), other.State) > slices.Index(States(), i.State) && i.State == Open { // somebody works on it already; but what is new to it is not contained with it
		i.State, i.Triaged = Triaged, other.Triaged
	}
	if i.Owner == "" {
		i.Owner = other.Owner
	}
	if i.Verdict == "" {
		i.Verdict = other.Verdict
	}
	if other.Source == Detection && other.First.Before(i.First) { // a machine saw it before somebody told of it
		i.Source = Detection
	}
	i.Recovery, i.Lessons = joined(i.Recovery, other.Recovery), joined(i.Lessons, other.Lessons)
	i.Tags = withTags(i.Tags, other.Tags, nil)
	i.Tags = i.Tags[:min(len(i.Tags), MostTags)]
	i.widen(other.First, other.Last)
	i.Count += other.Count
}

// joined is both texts; what does not fit stays in the changes.
func joined(a, b string) string {
	switch {
	case a == "" || a == b:
		return b
	case b == "" || len(a)+2+len(b) > MostText:
		return a
	}
	return a + "\n\n" + b
}
