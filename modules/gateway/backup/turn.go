package backup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

const (
	turnName  = "backup"
	turnLasts = 2 * time.Minute // without being renewed: a node that was killed is stood in for after that
	turnBeat  = 20 * time.Second
)

// errNotOurs is what asking for a turn gives that another gateway has.
var errNotOurs = errors.New("another gateway of the fleet is at it")

// turn is what one gateway of a fleet does while no other does.
type turn struct {
	db     *database.DB
	holder string
	now    func() time.Time
}

// take takes the turn. Errors: errNotOurs.
func take(ctx context.Context, db *database.DB, now func() time.Time) (*turn, error) {
	t := &turn{db: db, holder: rand.Text(), now: now}
	us, until := database.Micros(now()), database.Micros(now().Add(turnLasts))
	r, err := db.Exec(ctx, `INSERT INTO turns (name, holder, until) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE turns.until <= ?`,
		turnName, t.holder, until, us)
	if err != nil {
		return nil, fmt.Errorf("taking the turn: %w", err)
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return nil, errors.Join(errNotOurs, err)
	}
	return t, nil
}

// keep renews the turn until ctx ends, and calls lost where it can't: another may have it then.
func (t *turn) keep(ctx context.Context, lost func()) {
	tick := time.NewTicker(turnBeat)
	defer tick.Stop()
	last := t.now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r, err := t.db.Exec(ctx, `UPDATE turns SET until = ? WHERE name = ? AND holder = ?`, database.Micros(t.now().Add(turnLasts)), turnName, t.holder)
		if err == nil {
			if n, err := r.RowsAffected(); err == nil && n == 0 {
				lost()
				return
			}
			last = t.now()
		} else if t.now().Sub(last) > turnLasts-turnBeat { // before another takes it
			lost()
			return
		}
	}
}

// giveBack ends the turn early. Where that fails it ends by itself.
func (t *turn) giveBack(ctx context.Context) error {
	_, err := t.db.Exec(ctx, `DELETE FROM turns WHERE name = ? AND holder = ?`, turnName, t.holder)
	return err
}
