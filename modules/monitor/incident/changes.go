package incident

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/convosphere/gateway/modules/internal/database"
)

// logChange keeps a change. Of more than may be kept the middle ones go, as findings do.
func logChange(ctx context.Context, tx *database.Tx, e Edited, id string) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM incident_changes WHERE incident = ?`, id).Scan(&n); err != nil {
		return err
	}
	if n >= MostChanges {
		if _, err := tx.Exec(ctx, `DELETE FROM incident_changes WHERE id IN (SELECT id FROM incident_changes WHERE incident = ? ORDER BY version, at, id LIMIT 1 OFFSET ?)`,
			id, MostChanges/2); err != nil {
			return err
		}
	}
	if e.Field == "recovery" || e.Field == "lessons" { // the whole of it is the incident's, or the next change's Before
		e.After = cut(e.After)
	}
	_, err := tx.Exec(ctx, `INSERT INTO incident_changes (id, incident, version, at, who, field, about, before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		rand.Text(), id, e.Version, database.Micros(e.At), e.Who, e.Field, e.About, e.Before, e.After)
	return err
}

// changes are those since a version, the oldest first.
func changes(ctx context.Context, from querier, id string, since int64) (all []Edited, err error) {
	rows, err := from.Query(ctx, `SELECT version, at, who, field, about, before, after FROM incident_changes WHERE incident = ? AND version > ? ORDER BY version, at, id`, id, since)
	err = each(rows, err, func() error {
		var e Edited
		var at int64
		if err := rows.Scan(&e.Version, &at, &e.Who, &e.Field, &e.About, &e.Before, &e.After); err != nil {
			return err
		}
		e.At = database.Time(at)
		all = append(all, e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading changes of an incident: %w", err)
	}
	return all, nil
}
