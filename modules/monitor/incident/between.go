package incident

import (
	"context"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Brief is what figures need of an incident.
type Brief struct {
	Level           finding.Level
	Source, Verdict string
	First, Opened   time.Time
	Responded       time.Time // the first response, by a machine or a person, or that somebody took it up; zero: not yet
	Closed          time.Time // zero: not yet
}

// Between gives those that were opened in a time, the first of them: at most so many. more tells whether there are others. Those that became part of another
// are left out.
func (b *Book) Between(ctx context.Context, from, to time.Time, most int) (all []Brief, more bool, err error) {
	rows, err := b.db.Query(ctx, `SELECT i.level, i.source, i.verdict, i.first_at, i.opened, i.acknowledged, i.contained, i.closed, COALESCE(r.applied, 0)
		FROM incidents i LEFT JOIN (SELECT incident, MIN(applied) AS applied FROM responses WHERE applied > 0 AND created >= ? GROUP BY incident) r ON r.incident = i.id
		WHERE i.merged = '' AND i.opened >= ? AND i.opened < ? ORDER BY i.opened, i.id LIMIT ?`,
		database.Micros(from), database.Micros(from), database.Micros(to), most+1)
	if err != nil {
		return nil, false, fmt.Errorf("reading incidents of a time: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var one Brief
		var level, first, opened, closed int64
		var steps [3]int64
		if err := rows.Scan(&level, &one.Source, &one.Verdict, &first, &opened, &steps[0], &steps[1], &closed, &steps[2]); err != nil {
			return nil, false, fmt.Errorf("reading incidents of a time: %w", err)
		}
		one.Level, one.First, one.Opened, one.Closed = finding.Level(level), database.Time(first), database.Time(opened), database.Time(closed)
		for _, at := range append(steps[:], closed) {
			if t := database.Time(at); at != 0 && (one.Responded.IsZero() || t.Before(one.Responded)) {
				one.Responded = t
			}
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, false, fmt.Errorf("reading incidents of a time: %w", err)
	}
	if len(all) > most {
		return all[:most], true, nil
	}
	return all, false, nil
}
