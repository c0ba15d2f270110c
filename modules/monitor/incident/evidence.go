package incident

import (
	"context"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Evidence is an event as it was written.
type Evidence struct {
	Event string    `json:"event"` // event.id
	At    time.Time `json:"at"`
	Line  string    `json:"line"` // JSON; "" where the key that it was encrypted with is gone
}

// Bounds of the evidence of one incident.
const (
	MostEvidence = 200
	mostLine     = 16 << 10 // bytes
)

// Sealer encrypts what is kept of events: *keyring.Ring.
type Sealer interface {
	Seal(plain []byte, place string) ([]byte, error)
	Unseal(sealed []byte, place string) ([]byte, error)
}

const evidencePlace = "incident-evidence" // the incident is no part of it: evidence goes along when incidents become one

// KeepEvidence keeps events with an incident, so that they outlast their files. Those that are there already, too long or too many are left out. Where the incident is gone, so are they.
func (b *Book) KeepEvidence(ctx context.Context, id string, all []Evidence) error {
	if b.options.Sealer == nil || len(all) == 0 {
		return nil
	}
	err := b.db.InTx(ctx, func(tx *database.Tx) error {
		now := b.now()
		if err := tx.Append(ctx, now, database.Change{Topic: Topic, Key: id}); err != nil {
			return err
		}
		i, err := scan(tx.QueryRow(ctx, columns+`WHERE id = ?`, id))
		if err != nil {
			return err
		}
		if i.Merged != "" {
			id = i.Merged
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM incident_evidence WHERE incident = ?`, id).Scan(&n); err != nil {
			return err
		}
		for _, e := range all {
			if n >= MostEvidence || len(e.Line) > mostLine {
				continue
			}
			sealed, err := b.options.Sealer.Seal([]byte(e.Line), evidencePlace+":"+e.Event)
			if err != nil {
				return err
			}
			r, err := tx.Exec(ctx, `INSERT INTO incident_evidence (incident, event, at, line) VALUES (?, ?, ?, ?) ON CONFLICT (incident, event) DO NOTHING`, id, e.Event, database.Micros(e.At), sealed)
			if err != nil {
				return err
			}
			if added, err := r.RowsAffected(); err == nil {
				n += int(added)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keeping evidence: %w", err)
	}
	return nil
}

func (b *Book) fillEvidence(ctx context.Context, w *Whole) error {
	rows, err := b.db.Query(ctx, `SELECT event, at, line FROM incident_evidence WHERE incident = ? ORDER BY at, event`, w.ID)
	err = each(rows, err, func() error {
		e, err := b.evidence(rows)
		w.Evidence = append(w.Evidence, e)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading an incident's evidence: %w", err)
	}
	return nil
}

// FalseAlarms is the newest evidence since then, most at most, of incidents that somebody took for false alarms.
func (b *Book) FalseAlarms(ctx context.Context, since time.Time, most int) (all []Evidence, err error) {
	rows, err := b.db.Query(ctx, `SELECT e.event, e.at, e.line FROM incident_evidence e JOIN incidents i ON i.id = e.incident
		WHERE i.verdict = ? AND i.merged = '' AND e.at >= ? ORDER BY e.at DESC, e.event LIMIT ?`, False, database.Micros(since), most)
	err = each(rows, err, func() error {
		e, err := b.evidence(rows)
		all = append(all, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the evidence of false alarms: %w", err)
	}
	return all, nil
}

// evidence reads a row of: event, at, line.
func (b *Book) evidence(row interface{ Scan(...any) error }) (e Evidence, err error) {
	var at int64
	var sealed []byte
	if err := row.Scan(&e.Event, &at, &sealed); err != nil {
		return e, err
	}
	e.At = database.Time(at)
	if b.options.Sealer != nil {
		if plain, err := b.options.Sealer.Unseal(sealed, evidencePlace+":"+e.Event); err == nil {
			e.Line = string(plain)
		}
	}
	return e, nil
}
