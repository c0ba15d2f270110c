package incident

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

const levels = finding.Critical + 1

// Query says which incidents are asked for. What is empty narrows nothing.
type Query struct {
	State     string        // one, or Active
	Level     finding.Level // or above
	Owner     string        // "-": nobody's
	Technique string        // with its sub-techniques
	Subject   finding.Subject
	Verdict   string // "-": none yet
	Source    string
	Tag       string
	Rule      string
	Text      string // stands in the title, a note, or is the beginning of the id
	Since     time.Time
	Until     time.Time // opened before
	Sort      string    // "opened" (the newest first, which "" is), "last", "level", "findings"
	Asc       bool      // the least first
	Limit     int       // at most MostListed, which 0 is
	After     string    // the id of the last one of the page before
}

// Active are all incidents that are not closed.
const Active = "active"

// MostListed is how many a page holds.
const MostListed = 1000

var sorts = map[string]string{"": "opened", "opened": "opened", "last": "last_at", "level": "level", "findings": "findings"}

// where is the condition of those asked for. Those that became part of another are left out.
func (q *Query) where() (string, []any) {
	text, args := []string{`merged = ''`}, []any{}
	add := func(condition string, values ...any) { text, args = append(text, condition), append(args, values...) }
	switch q.State {
	case "":
	case Active:
		add(`state <> 'closed'`)
	default:
		add(`state = ?`, q.State)
	}
	if q.Level > 0 {
		add(`level >= ?`, int64(q.Level))
	}
	for _, c := range []struct{ column, value string }{{"owner", q.Owner}, {"verdict", q.Verdict}, {"source", q.Source}} {
		switch c.value {
		case "":
		case "-":
			add(c.column + ` = ''`)
		default:
			add(c.column+` = ?`, c.value)
		}
	}
	if q.Technique != "" {
		// Common ones are those of most incidents: each is asked for in turn, until the page is full.
		add(`EXISTS (SELECT 1 FROM incident_techniques t WHERE t.incident = incidents.id AND (t.technique = ? OR t.technique LIKE ? ESCAPE '\'))`, q.Technique, like(q.Technique)+".%")
	}
	if q.Subject.Kind != "" {
		add(`id IN (SELECT incident FROM incident_subjects WHERE kind = ? AND subject = ?)`, q.Subject.Kind, q.Subject.ID)
	}
	if q.Rule != "" {
		add(`id IN (SELECT incident FROM incident_rules WHERE rule = ?)`, q.Rule)
	}
	if q.Tag != "" {
		add(`tags LIKE ? ESCAPE '\'`, "% "+like(q.Tag)+" %")
	}
	if q.Text != "" {
		part := "%" + strings.ToLower(like(q.Text)) + "%"
		add(`(LOWER(title) LIKE ? ESCAPE '\' OR id LIKE ? ESCAPE '\' OR id IN (SELECT incident FROM incident_notes WHERE LOWER(text) LIKE ? ESCAPE '\'))`, part, strings.ToUpper(like(q.Text))+"%", part)
	}
	if !q.Since.IsZero() {
		add(`opened >= ?`, database.Micros(q.Since))
	}
	if !q.Until.IsZero() {
		add(`opened < ?`, database.Micros(q.Until))
	}
	return strings.Join(text, ` AND `), args
}

// like is a text as LIKE takes it literally.
func like(s string) string { return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) }

// List gives a page of them with their first subjects and their techniques. Errors: ErrNotFound where After is none.
func (b *Book) List(ctx context.Context, q Query) ([]Incident, error) {
	if q.Limit <= 0 || q.Limit > MostListed {
		q.Limit = MostListed
	}
	column, ok := sorts[q.Sort]
	if !ok {
		return nil, fmt.Errorf("%w: incidents can't be sorted by %q", ErrMalformed, q.Sort)
	}
	where, args := q.where()
	order, beyond := ` DESC`, ` < `
	if q.Asc {
		order, beyond = ` ASC`, ` > `
	}
	if q.After != "" {
		var at int64
		last, err := scan(b.db.QueryRow(ctx, columns+`WHERE id = ?`, q.After))
		if err != nil {
			return nil, err
		}
		if err := b.db.QueryRow(ctx, `SELECT `+column+` FROM incidents WHERE id = ?`, last.ID).Scan(&at); err != nil {
			return nil, fmt.Errorf("listing incidents: %w", err)
		}
		where += ` AND (` + column + beyond + `? OR ` + column + ` = ? AND id > ?)`
		args = append(args, at, at, q.After)
	}
	all, err := read(b.db.Query(ctx, columns+`WHERE `+where+` ORDER BY `+column+order+`, id LIMIT ?`, append(args, q.Limit)...))
	if err != nil {
		return nil, fmt.Errorf("listing incidents: %w", err)
	}
	if err := subjects(ctx, b.db, all, 10); err != nil {
		return nil, err
	}
	return all, techniques(ctx, b.db, all)
}

// Count tells how many there are in all of those asked for.
func (b *Book) Count(ctx context.Context, q Query) (n int, err error) {
	where, args := q.where()
	if err := b.db.QueryRow(ctx, `SELECT COUNT(*) FROM incidents WHERE `+where, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting incidents: %w", err)
	}
	return n, nil
}
