package incident

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Step is one of a playbook that is done.
type Step struct {
	Playbook string    `json:"playbook"`
	Step     string    `json:"step"`
	At       time.Time `json:"at"`
	Who      string    `json:"who"`
}

// mostSteps bounds the steps of one incident, and the length of their names.
const (
	mostSteps    = 500
	mostStepName = 64
)

func checkStep(name string) error {
	if name == "" || len(name) > mostStepName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("%w: playbooks and steps are called by a-z, 0-9 and -", ErrMalformed)
	}
	return nil
}

// Tick says that a step of a playbook is done, or that it is not after all. Whether there is such a step the caller knows. Done twice is done once, by
// whoever was first. Errors: ErrNotFound, ErrMalformed, ErrFull.
func (b *Book) Tick(ctx context.Context, id, who, playbook, step string, done bool) error {
	for _, err := range []error{CheckWho(who), checkStep(playbook), checkStep(step)} {
		if err != nil {
			return err
		}
	}
	err := b.onIncident(ctx, id, func(tx *database.Tx, i *Incident, now time.Time) error {
		var n, there int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN playbook = ? AND step = ? THEN 1 ELSE 0 END), 0) FROM incident_steps WHERE incident = ?`,
			playbook, step, id).Scan(&n, &there); err != nil {
			return err
		}
		if (there > 0) == done {
			return nil
		}
		e := Edited{Version: i.Version, At: now, Who: who, Field: "step", About: playbook + "/" + step, Before: "open", After: "done"}
		q, args := `INSERT INTO incident_steps (incident, playbook, step, at, who) VALUES (?, ?, ?, ?, ?)`, []any{id, playbook, step, database.Micros(now), who}
		if !done {
			e.Before, e.After = e.After, e.Before
			q, args = `DELETE FROM incident_steps WHERE incident = ? AND playbook = ? AND step = ?`, args[:3]
		} else if n >= mostSteps {
			return fmt.Errorf("%w: %d steps", ErrFull, mostSteps)
		}
		if _, err := tx.Exec(ctx, q, args...); err != nil {
			return err
		}
		return logChange(ctx, tx, e, id)
	})
	if err != nil {
		return fmt.Errorf("ticking a step: %w", err)
	}
	return nil
}

func (b *Book) steps(ctx context.Context, id string) (all []Step, err error) {
	rows, err := b.db.Query(ctx, `SELECT playbook, step, at, who FROM incident_steps WHERE incident = ? ORDER BY at, playbook, step`, id)
	err = each(rows, err, func() error {
		var s Step
		var at int64
		if err := rows.Scan(&s.Playbook, &s.Step, &at, &s.Who); err != nil {
			return err
		}
		s.At = database.Time(at)
		all = append(all, s)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading an incident's steps: %w", err)
	}
	return all, nil
}
