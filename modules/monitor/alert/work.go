package alert

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ship"
)

const (
	lease       = 2 * time.Minute // that a claim keeps others off: longer than a try takes
	sendTimeout = 45 * time.Second
	firstWait   = 10 * time.Second
	longestWait = time.Hour
	mostAtOnce  = 50
	keepSent    = 7 * 24 * time.Hour
	keepTold    = 90 * 24 * time.Hour
)

// Work does what is due: escalations, alerts, and what is kept for too long. Errors: the database's.
func (d *Desk) Work(ctx context.Context) error {
	if err := d.escalate(ctx); err != nil {
		return err
	}
	if err := d.closings(ctx); err != nil {
		return err
	}
	due, err := d.due(ctx)
	if err != nil {
		return err
	}
	down := map[string]bool{} // channels that just failed: each further try would take its time, and what others are to be told would wait for it
	for _, a := range due {
		if ctx.Err() != nil {
			return nil
		}
		if down[a.Channel] {
			if err := d.later(ctx, a, d.Now().Add(firstWait)); err != nil {
				return err
			}
			continue
		}
		failed, err := d.deliver(ctx, a)
		if err != nil {
			return err
		}
		down[a.Channel] = failed
	}
	return d.prune(ctx)
}

// due are the alerts to be sent now, the worst first.
func (d *Desk) due(ctx context.Context) ([]Alert, error) {
	rows, err := d.DB.Query(ctx, columns+`WHERE state = 'waiting' AND next_at <= ? ORDER BY level DESC, next_at, id LIMIT ?`, database.Micros(d.Now()), mostAtOnce)
	if err != nil {
		return nil, fmt.Errorf("reading what is due: %w", err)
	}
	defer rows.Close()
	var all []Alert
	for rows.Next() {
		a, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, rows.Err()
}

// deliver sends one alert, unless it is to wait or another gateway has it. failed tells that its channel can't send at present.
func (d *Desk) deliver(ctx context.Context, a Alert) (failed bool, err error) {
	ch, ok := d.config.channel(a.Channel)
	if !ok { // another gateway's, or of a configuration that is gone
		if d.Now().Sub(a.Created) > d.config.GiveUp {
			return false, d.bury(ctx, a, "no such channel is configured")
		}
		return false, d.later(ctx, a, d.Now().Add(time.Minute))
	}
	if at := ch.Quiet.until(d.Now(), a.Level); at.After(d.Now()) {
		return false, d.later(ctx, a, at)
	}
	claimed, err := d.claim(ctx, &a)
	if err != nil || !claimed {
		return false, err
	}
	m := Message{ID: a.ID, Level: a.Level, Escalation: a.Escalation, Node: d.config.Node, At: d.Now(), Incidents: a.Incidents, More: a.More}
	m.write(d.config.Link)
	sending, cancel := context.WithTimeout(ctx, sendTimeout)
	sent := ch.To.Send(sending, m)
	cancel()
	closing := ctx.Err() != nil
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second) // what became of it is written down also while we are closing
	defer cancel()
	var refused ship.Refused // of this alert, not of the next
	return sent != nil && !errors.As(sent, &refused), d.outcome(ctx, a, sent, closing)
}

// claim takes an alert, of several gateways for one, and reads what it says by then: nothing joins it from here on.
func (d *Desk) claim(ctx context.Context, a *Alert) (bool, error) {
	r, err := d.DB.Exec(ctx, `UPDATE alerts SET tries = tries + 1, next_at = ? WHERE id = ? AND state = 'waiting' AND tries = ? AND next_at = ?`,
		database.Micros(d.Now().Add(lease)), a.ID, a.Tries, database.Micros(a.Next))
	if err != nil {
		return false, fmt.Errorf("claiming an alert: %w", err)
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	*a, err = scan(d.DB.QueryRow(ctx, columns+`WHERE id = ?`, a.ID))
	return err == nil, err
}

func (d *Desk) outcome(ctx context.Context, a Alert, err error, closing bool) error {
	var refused ship.Refused
	var later ship.Later
	switch {
	case err == nil:
		outcomes.WithLabelValues(a.Channel, "sent").Inc()
		d.tell(a, "alert-sent", event.Success, "people were told")
		if _, err := d.DB.Exec(ctx, `UPDATE alerts SET state = 'sent', sent = ?, detail = '' WHERE id = ?`, database.Micros(d.Now()), a.ID); err != nil {
			return fmt.Errorf("noting an alert: %w", err) // it goes out again, under the same id
		}
		return nil
	case closing:
		return d.later(ctx, a, d.Now()) // cut off by us: whoever runs now may try at once
	case errors.As(err, &refused):
		return d.bury(ctx, a, err.Error())
	case d.Now().Sub(a.Created) > d.config.GiveUp:
		return d.bury(ctx, a, err.Error())
	}
	wait := backoff(a.Tries)
	if errors.As(err, &later) {
		wait = max(wait, later.Wait)
	}
	outcomes.WithLabelValues(a.Channel, "retried").Inc()
	d.Log.Warn("an alert could not be sent; it is tried again", zap.String("channel", a.Channel), zap.String("alert", a.ID), zap.Int("tries", a.Tries), zap.Duration("in", wait), zap.Error(err))
	if _, err := d.DB.Exec(ctx, `UPDATE alerts SET next_at = ?, detail = ? WHERE id = ? AND state = 'waiting'`, database.Micros(d.Now().Add(wait)), event.Cut(err.Error(), 300), a.ID); err != nil {
		return fmt.Errorf("putting an alert back: %w", err)
	}
	return nil
}

// backoff doubles from ten seconds to an hour.
func backoff(tries int) time.Duration {
	wait := firstWait
	for ; tries > 1 && wait < longestWait; tries-- {
		wait *= 2
	}
	return min(wait, longestWait)
}

func (d *Desk) later(ctx context.Context, a Alert, at time.Time) error {
	if _, err := d.DB.Exec(ctx, `UPDATE alerts SET next_at = ? WHERE id = ? AND state = 'waiting'`, database.Micros(at), a.ID); err != nil {
		return fmt.Errorf("putting an alert off: %w", err)
	}
	return nil
}

// bury gives an alert up, and says so: other outputs and the audit log have it, where no channel does.
func (d *Desk) bury(ctx context.Context, a Alert, why string) error {
	outcomes.WithLabelValues(a.Channel, "dead").Inc()
	d.Log.Error("an alert is given up: `convosphere alert list --state dead`", zap.String("channel", a.Channel), zap.String("alert", a.ID), zap.String("why", why))
	d.tell(a, "alert-failed", event.Failure, "people could not be told")
	if _, err := d.DB.Exec(ctx, `UPDATE alerts SET state = 'dead', detail = ? WHERE id = ?`, event.Cut(why, 300), a.ID); err != nil {
		return fmt.Errorf("giving an alert up: %w", err)
	}
	return nil
}

func (d *Desk) tell(a Alert, action, outcome, reason string) {
	ids := make([]string, 0, len(a.Incidents))
	for _, i := range a.Incidents {
		ids = append(ids, i.ID)
	}
	d.Events.Emit(&event.Event{Category: "intrusion_detection", Action: action, Outcome: outcome, Reason: reason, Fields: []zap.Field{
		zap.String("gateway.alert.id", a.ID), zap.String("gateway.alert.channel", a.Channel), zap.Stringer("gateway.alert.level", a.Level),
		zap.Int("gateway.alert.tries", a.Tries), zap.Int("gateway.alert.escalation", a.Escalation), zap.Strings("gateway.alert.incidents", ids),
	}})
}

func (d *Desk) prune(ctx context.Context) error {
	for q, before := range map[string]time.Duration{
		`DELETE FROM alerts WHERE state = 'sent' AND sent < ?`: keepSent, `DELETE FROM alerts WHERE state = 'dead' AND created < ?`: keepTold,
		`DELETE FROM alerts_told WHERE at < ?`: keepTold,
	} {
		if _, err := d.DB.Exec(ctx, q, database.Micros(d.Now().Add(-before))); err != nil {
			return fmt.Errorf("deleting old alerts: %w", err)
		}
	}
	return nil
}
