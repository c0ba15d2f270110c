package respond

import (
	"context"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Order is what an operator wants done.
type Order struct {
	Action   Action
	Subject  finding.Subject
	By       string // an id: it stands in events
	Reason   string // for other operators; no event has it
	Incident string
}

// MostReason is how many bytes the reason of an order has.
const MostReason = 256

// Order does what an operator says. How much machines did does not count; who is exempt stays so. Errors: ErrMalformed, ErrExempt, and what became of it.
func (d *Desk) Order(ctx context.Context, o Order) (r Response, err error) {
	if o.Subject, err = d.admit(o); err != nil {
		return r, err
	}
	if o.Action.For == 0 {
		o.Action.For = actions[o.Action.Do].lasts
		if lasts, ok := d.config.Lasts[o.Action.Do]; ok {
			o.Action.For = lasts
		}
	}
	r = Response{
		Action: o.Action.Do, Subject: o.Subject, Mode: ByOperator, By: o.By, Incident: o.Incident, Reason: o.Reason, Lasts: o.Action.For, State: Applying,
	}
	if err := d.reserve(ctx, &r); err != nil {
		return r, err
	}
	return d.applied(ctx, r)
}

// admit refuses what can't be done, and gives the subject its one spelling.
func (d *Desk) admit(o Order) (finding.Subject, error) {
	s := o.Subject
	k, ok := actions[o.Action.Do]
	if !ok || o.Action.Do == Webhook {
		return s, fmt.Errorf("%w: %q is no action that an operator can order", ErrMalformed, cut(o.Action.Do))
	}
	if _, fits := k.subject([]finding.Subject{s}); !fits {
		return s, fmt.Errorf("%w: %s is done to %v", ErrMalformed, o.Action.Do, k.subjects)
	}
	if len(o.Reason) > MostReason || !utf8.ValidString(o.Reason) {
		return s, fmt.Errorf("%w: the reason has at most %d bytes", ErrMalformed, MostReason)
	}
	for _, c := range o.Reason {
		if unicode.IsControl(c) {
			return s, fmt.Errorf("%w: the reason is text on one line", ErrMalformed)
		}
	}
	spelt, err := measure.Subject(s).Check()
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	s = finding.Subject(spelt)
	if d.config.spared(s, d.exempt) {
		return s, ErrExempt
	}
	return s, nil
}

// applied does what an operator decided on.
func (d *Desk) applied(ctx context.Context, r Response) (Response, error) {
	d.carryOut(ctx, &r)
	if r.State != Applying { // of a webhook it is told when it was called
		d.Observe(r.Action, r.State, 0)
	}
	if r.State == Failed {
		return r, fmt.Errorf("%s of %s: %w: %s", r.Action, r.Subject, ErrRefused, r.Detail)
	}
	return r, nil
}

// Approve does what is proposed or held. Errors: ErrNotFound, ErrState, and what became of it.
func (d *Desk) Approve(ctx context.Context, id, by string) (Response, error) {
	r, err := d.claim(ctx, id, []string{Proposed, Held}, func(r *Response) {
		r.State, r.Mode, r.By, r.Detail, r.Applied = Applying, ByOperator, by, "", d.Now()
	})
	if err != nil {
		return r, err
	}
	return d.applied(ctx, r)
}

// Dismiss decides against what is proposed or held. Errors: ErrNotFound, ErrState.
func (d *Desk) Dismiss(ctx context.Context, id, by string) (Response, error) {
	r, err := d.claim(ctx, id, []string{Proposed, Held}, func(r *Response) { r.State, r.By, r.Closed = Dismissed, by, d.Now() })
	if err == nil {
		d.tell(&r)
	}
	return r, err
}

// Undo takes back what is in force; for a day no machine does it again. Errors: ErrNotFound, ErrState, ErrNoUndo.
func (d *Desk) Undo(ctx context.Context, id, by string) (Response, error) {
	r, err := d.Get(ctx, id)
	if err != nil {
		return r, err
	}
	if actions[r.Action].once {
		return r, fmt.Errorf("%w: %s", ErrNoUndo, r.Action)
	}
	was := r
	if r, err = d.claim(ctx, id, []string{Applied}, func(r *Response) { r.State, r.By, r.Closed = Undone, by, d.Now() }); err != nil {
		return r, err
	}
	if err := d.undo(ctx, &r); err != nil {
		was.Detail = detail(fmt.Errorf("it could not be undone: %w", err)) // it stays in force
		if saved := d.save(context.WithoutCancel(ctx), &was); saved != nil {
			return was, saved
		}
		return was, fmt.Errorf("undoing a response: %w", err)
	}
	d.Observe(r.Action, r.State, 0)
	d.tell(&r)
	return r, nil
}

// Get reads one. Errors: ErrNotFound.
func (d *Desk) Get(ctx context.Context, id string) (Response, error) {
	return scan(d.DB.QueryRow(ctx, columns+`WHERE id = ?`, id))
}

// Query says which responses are asked for.
type Query struct {
	State    string // "": all
	Action   string // "": all
	Subject  finding.Subject
	Incident string
	Limit    int    // at most MostListed, which 0 is
	After    string // the id of the last one of the page before
}

// MostListed is how many a page holds.
const MostListed = 1000

// List gives the newest first. Errors: ErrNotFound where After is none.
func (d *Desk) List(ctx context.Context, q Query) ([]Response, error) {
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
	rows, err := d.DB.Query(ctx, columns+`WHERE (? = '' OR state = ?) AND (? = '' OR action = ?) AND (? = '' OR subject_kind = ? AND subject = ?) AND (? = '' OR incident = ?)
		AND (created < ? OR created = ? AND id > ?) ORDER BY created DESC, id LIMIT ?`,
		q.State, q.State, q.Action, q.Action, q.Subject.Kind, q.Subject.Kind, q.Subject.ID, q.Incident, q.Incident, created, created, q.After, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("listing responses: %w", err)
	}
	defer rows.Close()
	all := []Response{}
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// Counts is how many there are in each state.
func (d *Desk) Counts(ctx context.Context) (map[string]int64, error) {
	rows, err := d.DB.Query(ctx, `SELECT state, COUNT(*) FROM responses GROUP BY state`)
	if err != nil {
		return nil, fmt.Errorf("counting responses: %w", err)
	}
	defer rows.Close()
	counts := map[string]int64{}
	for rows.Next() {
		var state string
		var n int64
		if err := rows.Scan(&state, &n); err != nil {
			return nil, fmt.Errorf("counting responses: %w", err)
		}
		counts[state] = n
	}
	return counts, rows.Err()
}
