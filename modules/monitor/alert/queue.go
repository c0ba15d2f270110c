package alert

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// States of an alert.
const (
	Waiting = "waiting"
	Sent    = "sent"
	Dead    = "dead" // given up: an operator retries or drops it
)

// mostIncidents bounds what one alert names; more are counted.
const mostIncidents = 50

// Alert is one as it is kept.
type Alert struct {
	ID         string        `json:"id"`
	Channel    string        `json:"channel"`
	State      string        `json:"state"`
	Level      finding.Level `json:"level"`
	Escalation int           `json:"escalation,omitempty"`
	Created    time.Time     `json:"created"`
	Next       time.Time     `json:"next"`
	Tries      int           `json:"tries"`
	Sent       time.Time     `json:"sent,omitzero"`
	Detail     string        `json:"detail,omitempty"`
	Incidents  []Incident    `json:"incidents"`
	More       int           `json:"more,omitempty"`

	raw string // of incidents and more
}

// list is what the column incidents holds.
type list struct {
	Incidents []Incident `json:"incidents"`
	More      int        `json:"more,omitempty"`
}

// add puts an incident in, in place of what was said of it before.
func (l *list) add(i *Incident) {
	for at := range l.Incidents {
		if l.Incidents[at].ID == i.ID {
			l.Incidents[at] = *i
			return
		}
	}
	if len(l.Incidents) >= mostIncidents {
		l.More++
		return
	}
	l.Incidents = append(l.Incidents, *i)
}

const columns = `SELECT id, channel, state, level, escalation, created, next_at, tries, sent, detail, incidents FROM alerts `

func scan(r interface{ Scan(...any) error }) (a Alert, err error) {
	var level, escalation, created, next, sent int64
	if err := r.Scan(&a.ID, &a.Channel, &a.State, &level, &escalation, &created, &next, &a.Tries, &sent, &a.Detail, &a.raw); err != nil {
		return a, fmt.Errorf("reading an alert: %w", err)
	}
	var l list
	if err := json.Unmarshal([]byte(a.raw), &l); err != nil {
		return a, fmt.Errorf("reading an alert: %w", err)
	}
	a.Level, a.Escalation, a.Incidents, a.More = finding.Level(level), int(escalation), l.Incidents, l.More
	a.Created, a.Next, a.Sent = database.Time(created), database.Time(next), database.Time(sent)
	return a, nil
}

// queue has the channel say it: with the alert of its group that waits already, or in a new one. The first of a group waits a little for others; the next
// comes an interval after the last.
func (d *Desk) queue(ctx context.Context, tx *database.Tx, ch Channel, i *Incident) error {
	group := d.config.key(i)
	if joined, err := d.join(ctx, tx, ch.Name, group, i); err != nil || joined {
		return err
	}
	at := d.Now().Add(d.config.Wait)
	var last int64
	if err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(sent), 0) FROM alerts WHERE channel = ? AND grouped = ? AND state = 'sent'`, ch.Name, group).Scan(&last); err != nil {
		return err
	}
	if next := database.Time(last).Add(d.config.Interval); last != 0 && next.After(at) {
		at = next
	}
	return d.put(ctx, tx, ch.Name, group, i, 0, at)
}

// join adds the incident to the alert of its group that waits, and was not tried yet. Where another gateway changes or claims that at the same moment, it joins
// nothing: two alerts rather than none.
func (d *Desk) join(ctx context.Context, tx *database.Tx, channel, group string, i *Incident) (bool, error) {
	waiting, err := scan(tx.QueryRow(ctx, columns+`WHERE channel = ? AND grouped = ? AND state = 'waiting' AND tries = 0 AND escalation = 0 ORDER BY created LIMIT 1`, channel, group))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	l := list{waiting.Incidents, waiting.More}
	l.add(i)
	raw, err := json.Marshal(l)
	if err != nil {
		return false, err
	}
	r, err := tx.Exec(ctx, `UPDATE alerts SET incidents = ?, level = ? WHERE id = ? AND state = 'waiting' AND tries = 0 AND incidents = ?`,
		string(raw), int64(max(waiting.Level, i.Level)), waiting.ID, waiting.raw)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

func (d *Desk) put(ctx context.Context, tx *database.Tx, channel, group string, i *Incident, step int, at time.Time) error {
	raw, err := json.Marshal(list{Incidents: []Incident{*i}})
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO alerts (id, channel, grouped, state, level, incidents, escalation, created, next_at, tries, sent, detail) VALUES (?, ?, ?, 'waiting', ?, ?, ?, ?, ?, 0, 0, '')`,
		rand.Text(), channel, group, int64(i.Level), string(raw), step, database.Micros(d.Now()), database.Micros(at))
	return err
}

// Query says which alerts are asked for.
type Query struct {
	State   string // "": all
	Channel string // "": all
	After   string // the id of the last one of the page before
	Limit   int    // at most MostListed, which 0 is
}

// MostListed is how many alerts a list has.
const MostListed = 1000

// List gives the newest first. Errors: ErrNotFound where After is none.
func (d *Desk) List(ctx context.Context, q Query) ([]Alert, error) {
	if q.Limit <= 0 || q.Limit > MostListed {
		q.Limit = MostListed
	}
	created := int64(1<<63 - 1)
	if q.After != "" {
		last, err := d.Get(ctx, q.After)
		if err != nil {
			return nil, err
		}
		created = database.Micros(last.Created)
	}
	rows, err := d.DB.Query(ctx, columns+`WHERE (? = '' OR state = ?) AND (? = '' OR channel = ?) AND (created < ? OR created = ? AND id > ?) ORDER BY created DESC, id LIMIT ?`,
		q.State, q.State, q.Channel, q.Channel, created, created, q.After, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("listing alerts: %w", err)
	}
	defer rows.Close()
	all := []Alert{}
	for rows.Next() {
		a, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, rows.Err()
}

// Get reads one. Errors: ErrNotFound.
func (d *Desk) Get(ctx context.Context, id string) (Alert, error) {
	a, err := scan(d.DB.QueryRow(ctx, columns+`WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return a, ErrNotFound
	}
	return a, err
}

// ErrNotFound is of alerts that are not there, or not in a state for it.
var ErrNotFound = errors.New("there is no such alert that is not sent")

// Retry has an alert that is dead, or waits, sent now. Errors: ErrNotFound.
func (d *Desk) Retry(ctx context.Context, id string) error {
	err := d.one(d.DB.Exec(ctx, `UPDATE alerts SET state = 'waiting', next_at = ?, created = ?, tries = 1, detail = '' WHERE id = ? AND state IN ('dead', 'waiting')`,
		database.Micros(d.Now()), database.Micros(d.Now()), id))
	d.poke()
	return err
}

// Drop deletes an alert that is dead, or waits. Errors: ErrNotFound.
func (d *Desk) Drop(ctx context.Context, id string) error {
	return d.one(d.DB.Exec(ctx, `DELETE FROM alerts WHERE id = ? AND state IN ('dead', 'waiting')`, id))
}

func (d *Desk) one(r sql.Result, err error) error {
	if err != nil {
		return fmt.Errorf("changing an alert: %w", err)
	}
	if n, err := r.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return ErrNotFound
}
