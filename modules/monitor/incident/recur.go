package incident

import (
	"context"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Recurring is a rule whose incidents come back.
type Recurring struct {
	Rule, Title string
	Incidents   int
	Level       finding.Level // the highest of them
	Last        time.Time
}

// Recur gives the rules that found at least so many incidents that were opened since, false alarms left out; those with most first.
func (b *Book) Recur(ctx context.Context, since time.Time, least, limit int) (all []Recurring, err error) {
	rows, err := b.db.Query(ctx, `SELECT r.rule, MAX(r.title), COUNT(*), MAX(i.level), MAX(i.last_at) FROM incident_rules r JOIN incidents i ON i.id = r.incident
		WHERE i.opened >= ? AND i.merged = '' AND i.verdict <> ? AND r.verdict <> ? GROUP BY r.rule HAVING COUNT(*) >= ? ORDER BY COUNT(*) DESC, r.rule LIMIT ?`,
		database.Micros(since), False, False, least, limit)
	if err != nil {
		return nil, fmt.Errorf("reading what recurs: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r Recurring
		var level, last int64
		if err := rows.Scan(&r.Rule, &r.Title, &r.Incidents, &level, &last); err != nil {
			return nil, fmt.Errorf("reading what recurs: %w", err)
		}
		r.Level, r.Last = finding.Level(level), database.Time(last)
		all = append(all, r)
	}
	return all, rows.Err()
}
