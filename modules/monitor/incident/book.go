package incident

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	Within time.Duration // how long after the last event of an incident a finding about the same subject and technique joins it; default 6h
	Chain  time.Duration // the same of a finding of another technique: attackers go from one to the next; default 1h, Within at most
	Sealer Sealer        // encrypts evidence; nil keeps none
	Keep   time.Duration // how long an incident stays after it was closed, or, where nobody closes it, after its last event; default 365 days
}

func (o Options) orDefaults() Options {
	if o.Within == 0 {
		o.Within = 6 * time.Hour
	}
	if o.Chain == 0 {
		o.Chain = time.Hour
	}
	o.Chain = min(o.Chain, o.Within)
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

// New makes a book. observe is told how long a step took that was taken here.
func New(db *database.DB, events Events, now func() time.Time, o Options, observe func(step string, took time.Duration)) *Book {
	return &Book{db, events, now, o.orDefaults(), observe}
}

// Add keeps a finding: as part of an incident, or as the first of a new one. The same finding twice is one, and so is one that two gateways tell.
func (b *Book) Add(ctx context.Context, f *finding.Finding) (Incident, Change, error) {
	return b.add(ctx, f, func(*database.Tx, *Incident, time.Time) error { return nil })
}

// add is Add, and does something else with the incident at once.
func (b *Book) add(ctx context.Context, f *finding.Finding, also func(tx *database.Tx, i *Incident, now time.Time) error) (i Incident, c Change, err error) {
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
		case i.ID == "" && f.Level < b.options.Least && f.Kind != finding.Report:
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
		if err := put(ctx, tx, &i, f, string(text)); err != nil {
			return err
		}
		return also(tx, &i, now)
	})
	if err != nil || c == Alone {
		return i, c, wrap(err)
	}
	i.Subjects, i.Techniques = about(f), techniquesOf(f)
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
	all, err := read(tx.Query(ctx, columns+`WHERE state <> 'closed' AND last_at >= ? AND first_at <= ? AND id IN (SELECT s.incident FROM incident_subjects s WHERE `+
		strings.Join(where, ` OR `)+`) ORDER BY opened, id`, append([]any{from, to}, args...)...))
	if err != nil || len(all) == 0 {
		return i, nil, err
	}
	if err := techniques(ctx, tx, all); err != nil {
		return i, nil, err
	}
	all = slices.DeleteFunc(all, func(i Incident) bool { return !b.near(&i, f) })
	if len(all) == 0 {
		return i, nil, nil
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

// near tells whether a finding about a subject of an incident belongs to it.
func (b *Book) near(i *Incident, f *finding.Finding) bool {
	apart := max(f.First.Sub(i.Last), i.First.Sub(f.Last))
	return apart <= b.options.Chain || apart <= b.options.Within && alike(i.Techniques, techniquesOf(f))
}

// begin opens an incident.
func begin(ctx context.Context, tx *database.Tx, f *finding.Finding, now time.Time) (Incident, error) {
	i := Incident{ID: rand.Text(), Version: 1, State: Open, Source: Detection, Level: f.Level, Title: f.Title, First: f.First, Last: f.Last, Opened: now, Count: 1}
	if f.Kind == finding.Report {
		i.Source = Report
	}
	_, err := tx.Exec(ctx, `INSERT INTO incidents (id, state, level, title, first_at, last_at, opened, acknowledged, closed, owner, closer, findings, merged, source)
		VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, '', '', 1, '', ?)`,
		i.ID, i.State, int64(i.Level), i.Title, database.Micros(i.First), database.Micros(i.Last), database.Micros(now), i.Source)
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
