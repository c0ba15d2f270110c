package respond

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
)

const sweepBatch = 200

// keep ends what is over, while the desk is open. Of several gateways one does.
func (d *Desk) keep(ctx context.Context) {
	tick := time.NewTicker(d.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := d.Sweep(ctx); err != nil && ctx.Err() == nil {
				d.Log.Error("ending responses whose time is over", zap.Error(err))
			}
		}
	}
}

// Sweep ends what is over: accounts that were locked for a time are opened. What was begun and never ended, since its gateway did, has failed. What nobody
// decided on in time is over. What is long over is forgotten.
func (d *Desk) Sweep(ctx context.Context) error {
	now := d.Now()
	over, err := d.some(ctx, `WHERE state = 'applied' AND expires <> 0 AND expires <= ? LIMIT ?`, database.Micros(now), sweepBatch)
	if err != nil {
		return err
	}
	for i := range over {
		err = errors.Join(err, d.end(ctx, &over[i]))
	}
	stuck, stuckErr := d.some(ctx, `WHERE state = 'applying' AND (applied <= ? AND action <> 'webhook' OR applied <= ?) LIMIT ?`,
		database.Micros(now.Add(-stuckAfter)), database.Micros(now.Add(-hour)), sweepBatch) // webhooks may wait for their turn
	if err = errors.Join(err, stuckErr); err != nil {
		return err
	}
	if err := d.closeAll(ctx, stuck, []string{Applying}, Failed, "the gateway ended before it was done"); err != nil {
		return err
	}
	forgotten, err := d.some(ctx, `WHERE state IN ('proposed', 'held') AND created <= ? LIMIT ?`, database.Micros(now.Add(-decideWithin)), sweepBatch)
	if err == nil {
		err = d.closeAll(ctx, forgotten, []string{Proposed, Held}, Ended, "nobody decided on it in time")
	}
	if err != nil {
		return err
	}
	_, err = d.DB.Exec(ctx, `DELETE FROM responses WHERE id IN (SELECT id FROM responses WHERE created < ? AND state NOT IN ('applied', 'applying', 'proposed', 'held') LIMIT ?)`,
		database.Micros(now.Add(-keepFor)), sweepBatch)
	if err != nil {
		return fmt.Errorf("forgetting old responses: %w", err)
	}
	return nil
}

// closeAll ends those that are still in one of the states: of several gateways one does, and a person may have come first.
func (d *Desk) closeAll(ctx context.Context, all []Response, from []string, state, why string) error {
	for i := range all {
		r, err := d.claim(ctx, all[i].ID, from, func(r *Response) { r.State, r.Detail, r.Closed = state, why, d.Now() })
		switch {
		case errors.Is(err, ErrState), errors.Is(err, ErrNotFound):
		case err != nil:
			return err
		default:
			d.tell(&r)
		}
	}
	return nil
}

func (d *Desk) some(ctx context.Context, where string, args ...any) (all []Response, err error) {
	rows, err := d.DB.Query(ctx, columns+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading responses: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// end ends one whose time is over.
func (d *Desk) end(ctx context.Context, over *Response) error {
	now := d.Now()
	r, err := d.claim(ctx, over.ID, []string{Applied}, func(r *Response) { r.State, r.Closed = Ended, now })
	if errors.Is(err, ErrState) || errors.Is(err, ErrNotFound) {
		return nil // another gateway did, or a person undid it
	}
	if err != nil {
		return err
	}
	if r.Action != LockAccount { // all else ends by itself
		d.tell(&r)
		return nil
	}
	if err := d.undo(ctx, &r); err != nil {
		over.Detail, over.Expires = detail(fmt.Errorf("its time is over, but it could not be ended: %w", err)), now.Add(time.Minute) // and again then
		return errors.Join(err, d.save(context.WithoutCancel(ctx), over))
	}
	d.tell(&r)
	return nil
}
