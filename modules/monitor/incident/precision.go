package incident

import (
	"context"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Judged is what people said of what one rule found.
type Judged struct {
	Rule      string    `json:"rule"`
	Title     string    `json:"title"`
	Incidents int       `json:"incidents"` // that it found, or that it is part of
	Findings  int       `json:"findings"`
	True      int       `json:"true"`  // incidents
	False     int       `json:"false"` // incidents
	Last      time.Time `json:"last"`  // finding
}

// Precision is the share of what it found that was so, of what somebody judged; false: nobody judged anything.
func (j *Judged) Precision() (float64, bool) {
	if j.True+j.False == 0 {
		return 0, false
	}
	return float64(j.True) / float64(j.True+j.False), true
}

// mostJudged bounds the rules of one answer.
const mostJudged = 5000

// Precision is what verdicts say of each rule, over all incidents that are kept; those with most false alarms first. A rule's own verdict in an incident goes before
// the incident's.
func (b *Book) Precision(ctx context.Context) (all []Judged, err error) {
	rows, err := b.db.Query(ctx, `SELECT rule, MAX(title), COUNT(*), SUM(findings), SUM(CASE WHEN said = 'true' THEN 1 ELSE 0 END) AS yes, SUM(CASE WHEN said = 'false' THEN 1 ELSE 0 END) AS no,
		MAX(last_at) FROM (SELECT r.rule AS rule, r.title AS title, r.findings AS findings, r.last_at AS last_at, CASE WHEN r.verdict <> '' THEN r.verdict ELSE i.verdict END AS said
		FROM incident_rules r JOIN incidents i ON i.id = r.incident WHERE i.merged = '') AS j GROUP BY rule ORDER BY no DESC, yes DESC, rule LIMIT ?`, mostJudged)
	err = each(rows, err, func() error {
		var j Judged
		var last int64
		if err := rows.Scan(&j.Rule, &j.Title, &j.Incidents, &j.Findings, &j.True, &j.False, &last); err != nil {
			return err
		}
		j.Last = database.Time(last)
		all = append(all, j)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading what was judged: %w", err)
	}
	return all, nil
}
