package respond

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Topic is the change feed's for responses. Keys are their ids.
const Topic = "response"

const (
	hour         = time.Hour
	refusedFor   = 24 * time.Hour     // for so long after a person undid or dismissed something, no machine does it again
	mostPending  = 1000               // proposals and held responses
	decideWithin = 7 * 24 * time.Hour // for so long they wait for a person
	keepFor      = 365 * 24 * time.Hour
)

// errKnown says that there is nothing to be done: it is in force, proposed, or a person was against it.
var errKnown = errors.New("nothing is to be done")

const columns = `SELECT id, action, subject_kind, subject, state, mode, by_whom, rule, finding, incident, reason, created, lasts, applied, expires, closed, detail FROM responses `

func scan(row interface{ Scan(...any) error }) (r Response, err error) {
	var created, lasts, applied, expires, closed int64
	err = row.Scan(&r.ID, &r.Action, &r.Subject.Kind, &r.Subject.ID, &r.State, &r.Mode, &r.By, &r.Rule, &r.Finding, &r.Incident, &r.Reason,
		&created, &lasts, &applied, &expires, &closed, &r.Detail)
	if errors.Is(err, sql.ErrNoRows) {
		return r, ErrNotFound
	}
	if err != nil {
		return r, fmt.Errorf("reading a response: %w", err)
	}
	r.Created, r.Applied, r.Expires, r.Closed = database.Time(created), database.Time(applied), database.Time(expires), database.Time(closed)
	r.Lasts = time.Duration(lasts) * time.Microsecond
	return r, nil
}

// reserve writes down what is about to be done, proposed or held, before it is: of two gateways one does. Where machines have touched as many subjects as they
// may in an hour, it is held. Errors: errKnown.
func (d *Desk) reserve(ctx context.Context, r *Response) error {
	now := d.Now()
	r.ID, r.Created = rand.Text(), now
	err := d.DB.InTx(ctx, func(tx *database.Tx) error {
		// First, since it makes writers take turns.
		if err := tx.Append(ctx, now, database.Change{Topic: Topic, Key: r.ID}); err != nil {
			return err
		}
		if r.Mode == ByRule {
			if err := d.weigh(ctx, tx, r, now); err != nil {
				return err
			}
		}
		if r.State == Applying { // it counts from here on
			r.Applied = now
		}
		return insert(ctx, tx, r)
	})
	if err != nil && !errors.Is(err, errKnown) {
		err = fmt.Errorf("reserving a response: %w", err)
	}
	return err
}

// weigh tells whether a machine may do it now.
func (d *Desk) weigh(ctx context.Context, tx *database.Tx, r *Response, now time.Time) error {
	count := func(q string, args ...any) (n int, err error) {
		err = tx.QueryRow(ctx, q, args...).Scan(&n)
		return n, err
	}
	const same = `SELECT COUNT(*) FROM responses WHERE subject_kind = ? AND subject = ? AND action = ? AND `
	at := database.Micros(now)
	// In force for as long as this would be, or decided on by a person, or of the same finding.
	until := int64(1<<63 - 1)
	if r.Lasts > 0 {
		until = database.Micros(now.Add(r.Lasts / 2)) // one that runs out soon is renewed
	}
	n, err := count(same+`(state IN ('applying', 'applied') AND (expires = 0 OR expires > ?) OR state IN ('proposed', 'held') AND created > ? AND ? = 0
		OR state IN ('undone', 'dismissed') AND closed > ? OR finding = ?)`,
		r.Subject.Kind, r.Subject.ID, r.Action, until, database.Micros(now.Add(-refusedFor)), boolean(r.State == Applying), database.Micros(now.Add(-refusedFor)), r.Finding)
	if err != nil {
		return err
	}
	if n > 0 {
		return errKnown
	}
	if r.State == Applying && r.Action != Webhook {
		touched, err := count(`SELECT COUNT(*) FROM (SELECT DISTINCT subject_kind, subject FROM responses
			WHERE mode = 'automatic' AND applied > ? AND action <> 'webhook' AND NOT (subject_kind = ? AND subject = ?)) AS touched`,
			database.Micros(now.Add(-hour)), r.Subject.Kind, r.Subject.ID)
		if err != nil {
			return err
		}
		if touched >= d.config.Most {
			r.State, r.Detail = Held, fmt.Sprintf("%d subjects were touched within an hour: a person decides", touched)
			if n, err = count(same+`state = 'held'`, r.Subject.Kind, r.Subject.ID, r.Action); err != nil || n > 0 {
				return errors.Join(err, errKnownIf(n > 0))
			}
		}
	}
	if r.State == Applying {
		return nil
	}
	if n, err = count(`SELECT COUNT(*) FROM responses WHERE state IN ('proposed', 'held') AND created <= ?`, at); err == nil && n >= mostPending {
		return fmt.Errorf("%d proposals wait for a person: no more are kept", n)
	}
	return err
}

func errKnownIf(known bool) error {
	if known {
		return errKnown
	}
	return nil
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

func insert(ctx context.Context, tx *database.Tx, r *Response) error {
	_, err := tx.Exec(ctx, `INSERT INTO responses (id, action, subject_kind, subject, state, mode, by_whom, rule, finding, incident, reason, created, lasts, applied, expires, closed, detail)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.Action, r.Subject.Kind, r.Subject.ID, r.State, r.Mode, r.By, r.Rule, r.Finding, r.Incident, r.Reason,
		database.Micros(r.Created), r.Lasts.Microseconds(), database.Micros(r.Applied), database.Micros(r.Expires), database.Micros(r.Closed), r.Detail)
	return err
}

const update = `UPDATE responses SET state = ?, mode = ?, by_whom = ?, reason = ?, lasts = ?, applied = ?, expires = ?, closed = ?, detail = ? WHERE id = ?`

func (r *Response) values() []any {
	return []any{
		r.State, r.Mode, r.By, r.Reason, r.Lasts.Microseconds(), database.Micros(r.Applied), database.Micros(r.Expires), database.Micros(r.Closed), r.Detail, r.ID,
	}
}

// save keeps what became of it.
func (d *Desk) save(ctx context.Context, r *Response) error {
	ctx, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	return d.DB.InTx(ctx, func(tx *database.Tx) error {
		if err := tx.Append(ctx, d.Now(), database.Change{Topic: Topic, Key: r.ID}); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, update, r.values()...)
		return err
	})
}

// claim takes one of those states and puts it into another, so that of two who would one does. Errors: ErrNotFound, ErrState.
func (d *Desk) claim(ctx context.Context, id string, from []string, f func(*Response)) (r Response, err error) {
	err = d.DB.InTx(ctx, func(tx *database.Tx) (err error) {
		if err := tx.Append(ctx, d.Now(), database.Change{Topic: Topic, Key: id}); err != nil { // first: writers take turns
			return err
		}
		if r, err = scan(tx.QueryRow(ctx, columns+`WHERE id = ?`, id)); err != nil {
			return err
		}
		for _, state := range from {
			if r.State == state {
				f(&r)
				_, err = tx.Exec(ctx, update, r.values()...)
				return err
			}
		}
		return fmt.Errorf("%w: it is %s", ErrState, r.State)
	})
	return r, err
}
