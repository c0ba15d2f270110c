package incident

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

const columns = `SELECT id, version, state, level, title, source, verdict, first_at, last_at, opened, acknowledged, contained, remediated, closed, owner, closer, findings, merged,
	tags, recovery, lessons FROM incidents `

func scan(r interface{ Scan(...any) error }) (i Incident, err error) {
	var level, first, last, opened, triaged, contained, remediated, closed int64
	var tags string
	err = r.Scan(&i.ID, &i.Version, &i.State, &level, &i.Title, &i.Source, &i.Verdict, &first, &last, &opened, &triaged, &contained, &remediated, &closed, &i.Owner, &i.Closer, &i.Count,
		&i.Merged, &tags, &i.Recovery, &i.Lessons)
	if errors.Is(err, sql.ErrNoRows) {
		return i, ErrNotFound
	}
	if err != nil {
		return i, fmt.Errorf("reading an incident: %w", err)
	}
	i.Level, i.First, i.Last, i.Opened = finding.Level(level), database.Time(first), database.Time(last), database.Time(opened)
	i.Triaged, i.Contained, i.Remediated, i.Closed = database.Time(triaged), database.Time(contained), database.Time(remediated), database.Time(closed)
	if i.Tags = strings.Fields(tags); len(i.Tags) == 0 {
		i.Tags = nil
	}
	return i, nil
}

// read takes the answer of a query for columns.
func read(rows *sql.Rows, err error) ([]Incident, error) {
	all := []Incident{}
	err = each(rows, err, func() error {
		i, err := scan(rows)
		all = append(all, i)
		return err
	})
	return all, err
}

// each calls f with each row, and closes them.
func each(rows *sql.Rows, err error, f func() error) error {
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := f(); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// tagsText is how tags stand in their column: searched as ' tag '.
func tagsText(tags []string) string {
	if len(tags) == 0 {
		return ""
	}
	return " " + strings.Join(tags, " ") + " "
}

func (i *Incident) save(ctx context.Context, tx *database.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE incidents SET version = ?, state = ?, level = ?, title = ?, verdict = ?, first_at = ?, last_at = ?, acknowledged = ?, contained = ?, remediated = ?,
		closed = ?, owner = ?, closer = ?, findings = ?, merged = ?, tags = ?, recovery = ?, lessons = ? WHERE id = ?`,
		i.Version, i.State, int64(i.Level), i.Title, i.Verdict, database.Micros(i.First), database.Micros(i.Last), database.Micros(i.Triaged), database.Micros(i.Contained),
		database.Micros(i.Remediated), database.Micros(i.Closed), i.Owner, i.Closer, i.Count, i.Merged, tagsText(i.Tags), i.Recovery, i.Lessons, i.ID)
	return err
}

// querier is a database or a transaction.
type querier interface {
	Query(ctx context.Context, q string, args ...any) (*sql.Rows, error)
}

// among is what a condition IN needs for the ids of incidents.
func among(all []Incident) (marks string, ids []any, at map[string]*Incident) {
	at = map[string]*Incident{}
	for n := range all {
		at[all[n].ID], ids = &all[n], append(ids, all[n].ID)
	}
	return "(" + strings.TrimSuffix(strings.Repeat("?, ", len(ids)), ", ") + ")", ids, at
}

// techniques fills in those of incidents.
func techniques(ctx context.Context, from querier, all []Incident) error {
	if len(all) == 0 {
		return nil
	}
	marks, ids, at := among(all)
	var id, t string
	rows, err := from.Query(ctx, `SELECT incident, technique FROM incident_techniques WHERE incident IN `+marks+` ORDER BY incident, technique`, ids...)
	err = each(rows, err, func() error {
		if err := rows.Scan(&id, &t); err != nil {
			return err
		}
		at[id].Techniques = append(at[id].Techniques, t)
		return nil
	})
	if err != nil {
		return fmt.Errorf("listing techniques of incidents: %w", err)
	}
	return nil
}

// subjects fills in the first ones of each incident.
func subjects(ctx context.Context, from querier, all []Incident, most int) error {
	if len(all) == 0 {
		return nil
	}
	marks, ids, at := among(all)
	var id string
	var s finding.Subject
	rows, err := from.Query(ctx, `SELECT incident, kind, subject FROM (SELECT incident, kind, subject, ROW_NUMBER() OVER (PARTITION BY incident ORDER BY kind, subject) AS n
		FROM incident_subjects WHERE incident IN `+marks+`) AS s WHERE n <= ? ORDER BY incident, kind, subject`, append(ids, most)...)
	err = each(rows, err, func() error {
		if err := rows.Scan(&id, &s.Kind, &s.ID); err != nil {
			return err
		}
		at[id].Subjects = append(at[id].Subjects, s)
		return nil
	})
	if err != nil {
		return fmt.Errorf("listing subjects of incidents: %w", err)
	}
	return nil
}
