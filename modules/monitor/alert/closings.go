package alert

import (
	"context"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

const (
	askEvery  = time.Minute
	mostAsked = 200 // incidents at once; the others' turn comes
)

// closings tells of incidents that were closed since, by whom and on whichever gateway.
func (d *Desk) closings(ctx context.Context) error {
	if !d.config.Closed || d.Now().Sub(d.asked) < askEvery {
		return nil
	}
	d.asked = d.Now()
	ids, err := d.openOnes(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		i, ok, err := d.Book.Incident(ctx, id)
		if err != nil {
			return err
		}
		q := `UPDATE alerts_told SET at = ? WHERE incident = ? AND state = 'open'`
		switch {
		case ok && i.Closed && !i.Merged:
			if err := d.Tell(ctx, i); err != nil {
				return err
			}
			continue
		case !ok || i.Closed: // it goes on as another, or is forgotten
			q = `UPDATE alerts_told SET at = ?, state = 'closed' WHERE incident = ?`
		}
		if _, err := d.DB.Exec(ctx, q, database.Micros(d.Now()), id); err != nil {
			return fmt.Errorf("noting an incident: %w", err)
		}
	}
	return nil
}

// openOnes are incidents that channels were told of and that were open when they were last asked for.
func (d *Desk) openOnes(ctx context.Context) (ids []string, err error) {
	rows, err := d.DB.Query(ctx, `SELECT incident FROM alerts_told WHERE state = 'open' GROUP BY incident ORDER BY MIN(at), incident LIMIT ?`, mostAsked)
	if err != nil {
		return nil, fmt.Errorf("reading incidents that were told: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("reading incidents that were told: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
