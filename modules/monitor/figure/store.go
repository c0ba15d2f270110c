package figure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Steps that figures are added up to. Days are UTC's.
const (
	Fine = 5 * time.Minute
	Hour = time.Hour
	Day  = 24 * time.Hour
)

// What is kept of the finer steps; of days it is the configuration's to say.
const (
	keepFine = 8 * Day
	keepHour = 92 * Day
	// Keep is how long days are kept unless it is said.
	Keep = 400 * Day
)

var steps = []time.Duration{Fine, Hour, Day}

// Store is the figures of one database.
type Store struct {
	db   *database.DB
	node string
	keep time.Duration
	now  func() time.Time
}

// NewStore makes a store in which this node writes under its name. keep 0 is Keep.
func NewStore(db *database.DB, node string, keep time.Duration, now func() time.Time) *Store {
	if keep == 0 {
		keep = Keep
	}
	return &Store{db, node, keep, now}
}

// place is one row's.
type place struct {
	step time.Duration
	at   time.Time
}

// Add adds what was counted in steps of five minutes, to these and to their hours and days: all of it, or nothing at an error.
func (s *Store) Add(ctx context.Context, counted map[time.Time]Values) error {
	rows := map[place]Values{}
	for at, v := range counted {
		for _, step := range steps {
			row := rows[place{step, at.Truncate(step)}]
			if row == nil {
				row = Values{}
				rows[place{step, at.Truncate(step)}] = row
			}
			for name, n := range v {
				if step == Day || !isRoute(name) {
					row[name] += n
				}
			}
		}
	}
	places := make([]place, 0, len(rows))
	for p := range rows {
		places = append(places, p)
	}
	// In one order, so that two processes of one name don't wait for each other in a circle.
	slices.SortFunc(places, func(a, b place) int {
		if a.step != b.step {
			return int((a.step - b.step) / time.Second)
		}
		return a.at.Compare(b.at)
	})
	err := s.db.InTx(ctx, func(tx *database.Tx) error {
		for _, p := range places {
			if err := s.add(ctx, tx, p, rows[p]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keeping figures: %w", err)
	}
	return nil
}

func (s *Store) add(ctx context.Context, tx *database.Tx, p place, v Values) error {
	key := []any{int64(p.step / time.Second), database.Micros(p.at), s.node}
	// It changes nothing of a row that is there, but has it for this transaction alone, also on PostgreSQL.
	if _, err := tx.Exec(ctx, `INSERT INTO figures (step, at, node, body) VALUES (?, ?, ?, '') ON CONFLICT (step, at, node) DO UPDATE SET node = excluded.node`, key...); err != nil {
		return err
	}
	var body string
	if err := tx.QueryRow(ctx, `SELECT body FROM figures WHERE step = ? AND at = ? AND node = ?`, key...).Scan(&body); err != nil {
		return err
	}
	sum := Values{}
	if err := sum.addText(body); err != nil {
		return err
	}
	sum.addBounded(v)
	_, err := tx.Exec(ctx, `UPDATE figures SET body = ? WHERE step = ? AND at = ? AND node = ?`, append([]any{sum.text()}, key...)...)
	return err
}

// addBounded adds others, routes only as long as there are no more of them than may be.
func (v Values) addBounded(others Values) {
	for name, n := range others {
		if isRoute(name) {
			v.route(name[len(Route):], n)
		} else {
			v[name] += n
		}
	}
}

// Prune deletes what is older than it is kept.
func (s *Store) Prune(ctx context.Context) error {
	var errs []error
	for step, keep := range map[time.Duration]time.Duration{Fine: min(keepFine, s.keep), Hour: min(keepHour, s.keep), Day: s.keep} {
		_, err := s.db.Exec(ctx, `DELETE FROM figures WHERE step = ? AND at < ?`, int64(step/time.Second), database.Micros(s.now().Add(-keep)))
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("deleting old figures: %w", err)
	}
	return nil
}

// mostPoints bounds what is read at once: a year of days of a hundred nodes.
const mostPoints = 40_000

// Step is the finest step in which a time is read: such that it has no more than some hundred, and that all of it is still kept.
func (s *Store) Step(from, to time.Time) time.Duration {
	now := s.now()
	switch long := to.Sub(from); {
	case long <= Day && from.After(now.Add(-keepFine)):
		return Fine
	case long <= 14*Day && from.After(now.Add(-keepHour)):
		return Hour
	}
	return Day
}

// Sum gives what all nodes counted in steps that begin in that time.
func (s *Store) Sum(ctx context.Context, step time.Duration, from, to time.Time) (Values, error) {
	all, err := s.read(ctx, step, from, to)
	if err != nil {
		return nil, err
	}
	return all.sum(), nil
}

// Since is when the first figure was kept that there still is; zero: none is.
func (s *Store) Since(ctx context.Context) (time.Time, error) {
	var at int64
	if err := s.db.QueryRow(ctx, `SELECT COALESCE(MIN(at), 0) FROM figures WHERE step = ?`, int64(Day/time.Second)).Scan(&at); err != nil {
		return time.Time{}, fmt.Errorf("reading figures: %w", err)
	}
	return database.Time(at), nil
}

// isRoute tells whether a name is one of Route.
func isRoute(name string) bool { return strings.HasPrefix(name, Route) }
