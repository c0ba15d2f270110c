package risk

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Fed is what a feed changed.
type Fed struct{ Opened, Reopened, Closed int }

// Feed takes all causes that a source sees now. What is new is a risk, what is known was seen again, and what no gateway has seen for a while closes. What
// a person said of a risk stays.
func (g *Register) Feed(ctx context.Context, source string, causes []Cause) (fed Fed, err error) {
	if !slices.Contains(Sources, source) || source == Person {
		return fed, fmt.Errorf("%w: %q feeds nothing", ErrMalformed, source)
	}
	if len(causes) > mostCauses {
		causes = causes[:mostCauses] // the source has them in its order, the gravest first
	}
	var told []func()
	err = g.DB.InTx(ctx, func(tx *database.Tx) error {
		now := g.Now()
		for _, c := range causes {
			c.tidy()
			r, action, err := g.see(ctx, tx, now, source, c)
			if err != nil {
				return err
			}
			switch action {
			case "opened":
				fed.Opened++
			case "opened again":
				fed.Reopened++
			}
			if action != "" {
				told = append(told, func() { g.tell(machine, "risk-opened", action, r) })
			}
		}
		gone, err := g.close(ctx, tx, now, source)
		for _, r := range gone {
			told = append(told, func() { g.tell(machine, "risk-closed", "its cause is gone", r) })
		}
		fed.Closed = len(gone)
		return err
	})
	if err != nil {
		return Fed{}, err
	}
	for _, tell := range told {
		tell()
	}
	return fed, nil
}

// tidy bounds what a source says.
func (c *Cause) tidy() {
	cut := func(s string, most int) string {
		if len(s) > most {
			s = s[:most]
		}
		return strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
	}
	c.Key, c.Title, c.Detail, c.Mend, c.Link = cut(c.Key, 500), cut(c.Title, mostTitle), cut(c.Detail, mostText), cut(c.Mend, mostText), cut(c.Link, 1000)
	c.Likelihood, c.Impact = min(max(c.Likelihood, 1), 5), min(max(c.Impact, 1), 5)
}

// see keeps one cause. action is "" where it was there already.
func (g *Register) see(ctx context.Context, tx *database.Tx, now time.Time, source string, c Cause) (r Risk, action string, err error) {
	at, cause := database.Micros(now), source+":"+c.Key
	// First written, then read: of two gateways that see a cause at once, the second waits and then knows it.
	res, err := tx.Exec(ctx, `UPDATE risks SET seen = ?, title = ?, detail = ?, mend = ?, link = ?, times = ? WHERE cause = ?`, at, c.Title, c.Detail, c.Mend, c.Link, c.Times, cause)
	if err != nil {
		return r, "", fmt.Errorf("keeping a risk: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return r, "", fmt.Errorf("keeping a risk: %w", err)
	}
	if n == 0 {
		id := rand.Text()
		// Another gateway may have been quicker since: then its row stands.
		res, err := tx.Exec(ctx, `INSERT INTO risks (id, cause, source, title, detail, mend, link, likelihood, impact, assessed, owner, treatment, due, accepted, state, times, opened, seen, closed, version)
			SELECT ?, ?, ?, ?, ?, ?, ?, CAST(? AS BIGINT), CAST(? AS BIGINT), 0, '', ?, 0, 0, ?, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), 0, 1 WHERE (SELECT COUNT(*) FROM risks) < ? ON CONFLICT (cause) DO NOTHING`,
			id, cause, source, c.Title, c.Detail, c.Mend, c.Link, c.Likelihood, c.Impact, Undecided, Open, c.Times, at, at, mostRisks)
		if err != nil {
			return r, "", fmt.Errorf("keeping a risk: %w", err)
		}
		if n, err = res.RowsAffected(); err != nil || n == 0 {
			return r, "", err
		}
		if err := note(ctx, tx, id, now, machine, "opened", c.Title); err != nil {
			return r, "", err
		}
		r, err = scan(tx.QueryRow(ctx, columns+`WHERE r.id = ?`, id))
		return r, "opened", err
	}
	if r, err = scan(tx.QueryRow(ctx, columns+`WHERE r.cause = ?`, cause)); err != nil {
		return r, "", err
	}
	if r.State == Open {
		return r, "", g.guess(ctx, tx, &r, c)
	}
	r.State, r.Closed = Open, time.Time{}
	if _, err := tx.Exec(ctx, `UPDATE risks SET state = ?, closed = 0, opened = ?, version = version + 1 WHERE id = ?`, Open, at, r.ID); err != nil {
		return r, "", fmt.Errorf("keeping a risk: %w", err)
	}
	return r, "opened again", note(ctx, tx, r.ID, now, machine, "opened again", "its cause is there again")
}

// guess follows the machine's guess, until a person has said how great the risk is.
func (g *Register) guess(ctx context.Context, tx *database.Tx, r *Risk, c Cause) error {
	if !r.Assessed.IsZero() || r.Likelihood == c.Likelihood && r.Impact == c.Impact {
		return nil
	}
	if _, err := tx.Exec(ctx, `UPDATE risks SET likelihood = ?, impact = ? WHERE id = ?`, c.Likelihood, c.Impact, r.ID); err != nil {
		return fmt.Errorf("keeping a risk: %w", err)
	}
	return nil
}

// close closes what nobody has seen for a while.
func (g *Register) close(ctx context.Context, tx *database.Tx, now time.Time, source string) (gone []Risk, err error) {
	rows, err := tx.Query(ctx, columns+`WHERE r.state = ? AND r.source = ? AND r.seen < ?`, Open, source, database.Micros(now.Add(-Gone)))
	if err != nil {
		return nil, fmt.Errorf("closing risks: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return nil, err
		}
		gone = append(gone, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("closing risks: %w", err)
	}
	for _, r := range gone {
		if _, err := tx.Exec(ctx, `UPDATE risks SET state = ?, closed = ?, version = version + 1 WHERE id = ?`, Closed, database.Micros(now), r.ID); err != nil {
			return nil, fmt.Errorf("closing risks: %w", err)
		}
		if err := note(ctx, tx, r.ID, now, machine, "closed", "its cause is gone"); err != nil {
			return nil, err
		}
	}
	return gone, nil
}

// Prune forgets risks that closed more than three years ago.
func (g *Register) Prune(ctx context.Context) error {
	if _, err := g.DB.Exec(ctx, `DELETE FROM risks WHERE state = ? AND closed < ?`, Closed, database.Micros(g.Now().Add(-keepClosed))); err != nil {
		return fmt.Errorf("forgetting old risks: %w", err)
	}
	return nil
}
