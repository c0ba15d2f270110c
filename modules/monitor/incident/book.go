package incident

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Topic is the change feed's for incidents. Keys are their ids.
const Topic = "incident"

// Options are what a configuration says of incidents. Zero values take the defaults.
type Options struct {
	Least  finding.Level // from which level on a finding begins one; those below join one. The zero value is each
	Within time.Duration // how long after the last event of an incident a finding about the same joins it; default 6h
	Keep   time.Duration // how long an incident stays after it was closed, or, where nobody closes it, after its last event; default 365 days
}

func (o Options) orDefaults() Options {
	if o.Within == 0 {
		o.Within = 6 * time.Hour
	}
	if o.Keep == 0 {
		o.Keep = 365 * 24 * time.Hour
	}
	return o
}

// Events takes what happens: *event.Bus.
type Events interface{ Emit(e *event.Event) }

// Book is the incidents of one database.
type Book struct {
	db      *database.DB
	events  Events
	now     func() time.Time
	options Options
	observe func(step string, took time.Duration)
}

// Steps of an incident, whose times observe is told.
const (
	StepOpened       = "opened"       // since the first event
	StepAcknowledged = "acknowledged" // since it was opened
	StepClosed       = "closed"       // since it was opened
)

// New makes a book. observe is told how long a step took that was taken here.
func New(db *database.DB, events Events, now func() time.Time, o Options, observe func(step string, took time.Duration)) *Book {
	return &Book{db, events, now, o.orDefaults(), observe}
}

const columns = `SELECT id, state, level, title, first_at, last_at, opened, acknowledged, closed, owner, closer, findings, merged FROM incidents `

func scan(r interface{ Scan(...any) error }) (i Incident, err error) {
	var level, first, last, opened, acknowledged, closed int64
	err = r.Scan(&i.ID, &i.State, &level, &i.Title, &first, &last, &opened, &acknowledged, &closed, &i.Owner, &i.Closer, &i.Count, &i.Merged)
	if errors.Is(err, sql.ErrNoRows) {
		return i, ErrNotFound
	}
	if err != nil {
		return i, fmt.Errorf("reading an incident: %w", err)
	}
	i.Level, i.First, i.Last, i.Opened = finding.Level(level), database.Time(first), database.Time(last), database.Time(opened)
	i.Acknowledged, i.Closed = database.Time(acknowledged), database.Time(closed)
	return i, nil
}

// Add keeps a finding: as part of an incident, or as the first of a new one. The same finding twice is one, and so is one that two gateways tell.
func (b *Book) Add(ctx context.Context, f *finding.Finding) (i Incident, c Change, err error) {
	text, err := json.Marshal(f)
	if err != nil {
		return i, Known, fmt.Errorf("writing a finding: %w", err)
	}
	var merged []string
	c = Known
	err = b.db.InTx(ctx, func(tx *database.Tx) error {
		now := b.now()
		// First, since it makes writers take turns: two gateways that find the same matter open one incident.
		if err := tx.Append(ctx, now, database.Change{Topic: Topic, Key: f.ID}); err != nil {
			return err
		}
		var known string
		switch err := tx.QueryRow(ctx, `SELECT incident FROM incident_findings WHERE id = ?`, f.ID).Scan(&known); {
		case err == nil:
			i, err = scan(tx.QueryRow(ctx, columns+`WHERE id = ?`, known))
			return err
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		if i, merged, err = b.find(ctx, tx, f, now); err != nil {
			return err
		}
		switch {
		case i.ID == "" && f.Level < b.options.Least:
			c = Alone
			return nil
		case i.ID == "":
			c = Opened
			i, err = begin(ctx, tx, f, now)
		default:
			c, err = join(ctx, tx, &i, f)
		}
		if err != nil {
			return err
		}
		return put(ctx, tx, &i, f, string(text))
	})
	if err != nil || c == Alone {
		return i, c, wrap(err)
	}
	i.Subjects = about(f)
	b.tell(&i, c, f, merged)
	if c == Opened {
		b.observe(StepOpened, max(0, i.Opened.Sub(i.First)))
	}
	return i, c, nil
}

func wrap(err error) error {
	if err != nil {
		err = fmt.Errorf("keeping a finding: %w", err)
	}
	return err
}

// find is the incident that the finding belongs to; none has no ID. Where it belongs to several, they are made one, and the ids of those that ended are told.
func (b *Book) find(ctx context.Context, tx *database.Tx, f *finding.Finding, now time.Time) (i Incident, merged []string, err error) {
	subjects := about(f)
	if len(subjects) == 0 {
		return i, nil, nil
	}
	var where []string
	var args []any
	for _, s := range subjects {
		where, args = append(where, `s.kind = ? AND s.subject = ?`), append(args, s.Kind, s.ID)
	}
	from, to := database.Micros(f.First.Add(-b.options.Within)), database.Micros(f.Last.Add(b.options.Within))
	rows, err := tx.Query(ctx, columns+`WHERE state <> 'closed' AND last_at >= ? AND first_at <= ? AND id IN (SELECT s.incident FROM incident_subjects s WHERE `+
		strings.Join(where, ` OR `)+`) ORDER BY opened, id`, append([]any{from, to}, args...)...)
	if err != nil {
		return i, nil, err
	}
	var all []Incident
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return i, nil, errors.Join(err, rows.Close())
		}
		all = append(all, one)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(all) == 0 {
		return i, nil, err
	}
	i = all[0]
	for _, other := range all[1:] {
		if err := merge(ctx, tx, &i, other, now); err != nil {
			return i, nil, err
		}
		merged = append(merged, other.ID)
	}
	return i, merged, nil
}

// begin opens an incident.
func begin(ctx context.Context, tx *database.Tx, f *finding.Finding, now time.Time) (Incident, error) {
	i := Incident{ID: rand.Text(), State: Open, Level: f.Level, Title: f.Title, First: f.First, Last: f.Last, Opened: now, Count: 1}
	_, err := tx.Exec(ctx, `INSERT INTO incidents (id, state, level, title, first_at, last_at, opened, acknowledged, closed, owner, closer, findings, merged)
		VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, '', '', 1, '')`,
		i.ID, i.State, int64(i.Level), i.Title, database.Micros(i.First), database.Micros(i.Last), database.Micros(now))
	return i, err
}

// join takes a finding into account.
func join(ctx context.Context, tx *database.Tx, i *Incident, f *finding.Finding) (Change, error) {
	c := Joined
	if f.Level > i.Level {
		i.Level, i.Title, c = f.Level, f.Title, Raised
	}
	i.widen(f.First, f.Last)
	i.Count++
	return c, i.save(ctx, tx)
}

func (i *Incident) widen(first, last time.Time) {
	if first.Before(i.First) {
		i.First = first
	}
	if last.After(i.Last) {
		i.Last = last
	}
}

func (i *Incident) save(ctx context.Context, tx *database.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE incidents SET state = ?, level = ?, title = ?, first_at = ?, last_at = ?, acknowledged = ?, closed = ?, owner = ?, closer = ?, findings = ?, merged = ? WHERE id = ?`,
		i.State, int64(i.Level), i.Title, database.Micros(i.First), database.Micros(i.Last), database.Micros(i.Acknowledged), database.Micros(i.Closed),
		i.Owner, i.Closer, i.Count, i.Merged, i.ID)
	return err
}

// put keeps the finding and its subjects, within their bounds. Of more findings than may be kept the middle ones go: how it began and how it stands is what
// people ask for.
func put(ctx context.Context, tx *database.Tx, i *Incident, f *finding.Finding, text string) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM incident_findings WHERE incident = ?`, i.ID).Scan(&n); err != nil {
		return err
	}
	if n >= MostFindings {
		if _, err := tx.Exec(ctx, `DELETE FROM incident_findings WHERE id IN (SELECT id FROM incident_findings WHERE incident = ? ORDER BY at, id LIMIT 1 OFFSET ?)`,
			i.ID, MostFindings/2); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `INSERT INTO incident_findings (id, incident, at, finding) VALUES (?, ?, ?, ?)`, f.ID, i.ID, database.Micros(f.Last), text); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM incident_subjects WHERE incident = ?`, i.ID).Scan(&n); err != nil {
		return err
	}
	for _, s := range about(f) {
		r, err := tx.Exec(ctx, `UPDATE incident_subjects SET last_at = ? WHERE incident = ? AND kind = ? AND subject = ?`, database.Micros(f.Last), i.ID, s.Kind, s.ID)
		if err != nil {
			return err
		}
		known, err := r.RowsAffected()
		if err != nil {
			return err
		}
		if known > 0 {
			continue
		}
		if n++; n > MostSubjects { // what comes later is told by its findings
			return nil
		}
		if _, err := tx.Exec(ctx, `INSERT INTO incident_subjects (incident, kind, subject, last_at) VALUES (?, ?, ?, ?)`, i.ID, s.Kind, s.ID, database.Micros(f.Last)); err != nil {
			return err
		}
	}
	return nil
}

// merge makes other part of i.
func merge(ctx context.Context, tx *database.Tx, i *Incident, other Incident, now time.Time) error {
	for _, q := range []string{
		`UPDATE incident_findings SET incident = ? WHERE incident = ?`,
		`UPDATE incident_notes SET incident = ? WHERE incident = ?`,
		`INSERT INTO incident_subjects (incident, kind, subject, last_at) SELECT ?, kind, subject, last_at FROM incident_subjects WHERE incident = ?
			ON CONFLICT (incident, kind, subject) DO NOTHING`,
		`UPDATE responses SET incident = ? WHERE incident = ?`,
	} {
		if _, err := tx.Exec(ctx, q, i.ID, other.ID); err != nil {
			return err
		}
	}
	if other.Level > i.Level {
		i.Level, i.Title = other.Level, other.Title
	}
	if i.State == Open && other.State == Acknowledged { // somebody works on it already
		i.State, i.Acknowledged, i.Owner = other.State, other.Acknowledged, other.Owner
	}
	i.widen(other.First, other.Last)
	i.Count += other.Count
	other.State, other.Closed, other.Merged = Closed, now, i.ID
	return other.save(ctx, tx)
}
