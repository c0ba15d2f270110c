package alert

import (
	"context"
	"fmt"

	"github.com/convosphere/gateway/modules/internal/database"
)

// escalation is an incident that may be told to the next.
type escalation struct {
	incident string
	step     int
	due      int64
}

// escalate tells the next channels of incidents that nobody has acknowledged in time.
func (d *Desk) escalate(ctx context.Context) error {
	if len(d.config.Escalate) == 0 {
		return nil
	}
	due, err := d.overdue(ctx)
	if err != nil {
		return err
	}
	for _, e := range due {
		i, ok, err := d.Book.Incident(ctx, e.incident)
		if err != nil {
			return err
		}
		if err := d.step(ctx, e, &i, ok && !i.Acknowledged && !i.Closed && !i.Merged); err != nil {
			return err
		}
	}
	return nil
}

func (d *Desk) overdue(ctx context.Context) (all []escalation, err error) {
	rows, err := d.DB.Query(ctx, `SELECT incident, step, due FROM alert_escalations WHERE due <= ? ORDER BY due, incident LIMIT ?`, database.Micros(d.Now()), mostAtOnce)
	if err != nil {
		return nil, fmt.Errorf("reading escalations: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var e escalation
		if err := rows.Scan(&e.incident, &e.step, &e.due); err != nil {
			return nil, fmt.Errorf("reading escalations: %w", err)
		}
		all = append(all, e)
	}
	return all, rows.Err()
}

// step tells the channels of the step, where it is still needed, and goes on to the next. Of several gateways one does.
func (d *Desk) step(ctx context.Context, e escalation, i *Incident, needed bool) error {
	err := d.DB.InTx(ctx, func(tx *database.Tx) error {
		q, args := `DELETE FROM alert_escalations WHERE incident = ? AND step = ? AND due = ?`, []any{e.incident, e.step, e.due}
		if needed && e.step < len(d.config.Escalate) {
			next := d.Now().Add(d.config.Escalate[e.step].After)
			q = `UPDATE alert_escalations SET step = ?, due = ? WHERE incident = ? AND step = ? AND due = ?`
			args = append([]any{e.step + 1, database.Micros(next)}, args...)
		}
		r, err := tx.Exec(ctx, q, args...)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 || !needed || e.step > len(d.config.Escalate) {
			return err
		}
		for _, name := range d.config.Escalate[e.step-1].Channels {
			if err := d.put(ctx, tx, name, "incident:"+i.ID, i, e.step, d.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("escalating: %w", err)
	}
	return nil
}
