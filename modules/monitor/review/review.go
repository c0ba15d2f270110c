// Package review is the access review: who held which role, grant, token and key at one moment, when each was last used and what of it is stale; a reviewer's
// word on each, and a signature under all of it that shows later changes. It doesn't revoke by itself: whoever opens it lends it the means.
package review

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
)

// States of a review.
const (
	Open      = "open"
	Signed    = "signed"
	Cancelled = "cancelled"
)

// Kinds of lines.
const (
	Role  = "role"  // of an account, other than Plain
	User  = "user"  // the role that everybody has
	Grant = "grant" // a relation to something
	Token = "token" // a personal access token
	Key   = "key"   // of a service
)

// Plain is the role whose lines are of the kind User.
const Plain = "user"

// Kinds are all.
var Kinds = []string{Role, User, Grant, Token, Key}

// Decisions on a line.
const (
	Keep   = "keep"
	Revoke = "revoke"
)

// Errors.
var (
	ErrNotFound  = errors.New("there is no such review, or line of one")
	ErrMalformed = errors.New("it can't be reviewed so")
	ErrState     = errors.New("the review is closed")
	ErrOwn       = errors.New("nobody decides on their own access: another administrator does, or the operator at the machine")
	ErrUndecided = errors.New("not every line is decided")
	ErrChanged   = errors.New("it was changed meanwhile")
	ErrMany      = errors.New("it would have more than 50,000 lines: leave kinds out")
)

// Bounds.
const (
	MostLines = 50_000
	mostText  = 2000
	mostOpen  = 20 // reviews at once
	keepFor   = 7 * 366 * 24 * time.Hour
)

// Events takes what happens: *event.Bus.
type Events interface{ Emit(e *event.Event) }

// Means are how what is revoked goes. What is not there any more is no error.
type Means interface {
	RevokeRole(ctx context.Context, by By, account, role string) error
	RevokeHeld(ctx context.Context, by By, id string) error // a token or a key
	RevokeGrant(ctx context.Context, subject, relation, object string) error
}

// By is who does something: an account's id or "operator".
type By struct{ ID, Session string }

// Desk is the reviews of one database.
type Desk struct {
	DB     *database.DB
	Events Events
	// Durably has emit hand over events and returns when the audit log has them.
	Durably func(ctx context.Context, emit func()) error
	Means   Means
	Now     func() time.Time
}

// Review is one.
type Review struct {
	ID        string        `json:"id"`
	Title     string        `json:"title"`
	State     string        `json:"state"`
	Kinds     []string      `json:"kinds"`
	Stale     time.Duration `json:"stale"` // without a use for so long something is stale
	At        time.Time     `json:"at"`    // of the snapshot
	By        string        `json:"by"`
	Due       time.Time     `json:"due,omitzero"`
	Lines     int           `json:"lines"`
	Closed    time.Time     `json:"closed,omitzero"`
	Signer    string        `json:"signer,omitempty"`
	Statement string        `json:"statement,omitempty"`
	Digest    string        `json:"digest,omitempty"` // SHA-256, in hex
	Version   int64         `json:"-"`
	Counts    Counts        `json:"counts"`
}

// Counts are how far a review is.
type Counts struct {
	Kept    int `json:"kept"`
	Revoked int `json:"revoked"`
	Stale   int `json:"stale"`
}

// Undecided is how many lines wait.
func (r Review) Undecided() int { return r.Lines - r.Counts.Kept - r.Counts.Revoked }

// Line is one thing that somebody held.
type Line struct {
	Review   string    `json:"-"`
	N        int       `json:"n"`
	Kind     string    `json:"kind"`
	Account  string    `json:"account,omitempty"` // its id
	Subject  string    `json:"subject,omitempty"` // who is no account here
	What     string    `json:"what"`              // the role, the relation, or the id of the token or key
	Detail   string    `json:"detail,omitempty"`  // the object of a grant, the scopes of a token
	Since    time.Time `json:"since,omitzero"`
	Used     time.Time `json:"used,omitzero"`
	Stale    string    `json:"stale,omitempty"` // why
	Decision string    `json:"decision,omitempty"`
	By       string    `json:"by,omitempty"`
	Decided  time.Time `json:"decided,omitzero"`
	Note     string    `json:"note,omitempty"`
	Done     time.Time `json:"done,omitzero"` // when it was revoked
	Version  int64     `json:"-"`
	Name     string    `json:"name,omitempty"` // whose account it is now; not part of what is signed
}

const columns = `SELECT r.id, r.title, r.state, r.scope, r.stale, r.at, r.by_whom, r.due, r.lines, r.closed, r.signer, r.statement, r.digest, r.version,
	(SELECT COUNT(*) FROM review_lines l WHERE l.review = r.id AND l.decision = 'keep'),
	(SELECT COUNT(*) FROM review_lines l WHERE l.review = r.id AND l.decision = 'revoke'),
	(SELECT COUNT(*) FROM review_lines l WHERE l.review = r.id AND l.stale <> '') FROM reviews r `

func scan(row interface{ Scan(...any) error }) (r Review, err error) {
	var scope string
	var stale, at, due, closed int64
	err = row.Scan(&r.ID, &r.Title, &r.State, &scope, &stale, &at, &r.By, &due, &r.Lines, &closed, &r.Signer, &r.Statement, &r.Digest, &r.Version, &r.Counts.Kept, &r.Counts.Revoked, &r.Counts.Stale)
	if errors.Is(err, sql.ErrNoRows) {
		return r, ErrNotFound
	}
	if err != nil {
		return r, fmt.Errorf("reading a review: %w", err)
	}
	r.Kinds, r.Stale = strings.Split(scope, ","), time.Duration(stale)*time.Microsecond
	r.At, r.Due, r.Closed = database.Time(at), database.Time(due), database.Time(closed)
	return r, nil
}

// Get is one. Errors: ErrNotFound.
func (d *Desk) Get(ctx context.Context, id string) (Review, error) {
	return scan(d.DB.QueryRow(ctx, columns+`WHERE r.id = ?`, id))
}

// List are the newest, at most limit; of a state or of all ("").
func (d *Desk) List(ctx context.Context, state string, limit int) (all []Review, err error) {
	rows, err := d.DB.Query(ctx, columns+`WHERE (r.state = ? OR CAST(? AS TEXT) = '') ORDER BY r.at DESC, r.id LIMIT ?`, state, state, limit)
	if err != nil {
		return nil, fmt.Errorf("listing reviews: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// Options say what is reviewed.
type Options struct {
	Title string
	Kinds []string
	Stale time.Duration
	Due   time.Time
}

func (o *Options) check() error {
	o.Title = strings.TrimSpace(o.Title)
	switch {
	case o.Title == "" || len(o.Title) > 200:
		return fmt.Errorf("%w: it has a title of at most 200 bytes", ErrMalformed)
	case len(o.Kinds) == 0 || slices.ContainsFunc(o.Kinds, func(k string) bool { return !slices.Contains(Kinds, k) }):
		return fmt.Errorf("%w: it is of %s", ErrMalformed, strings.Join(Kinds, ", "))
	case o.Stale < 24*time.Hour || o.Stale > 10*366*24*time.Hour:
		return fmt.Errorf("%w: stale is what was not used for a day to ten years", ErrMalformed)
	}
	return nil
}

// Begin takes the snapshot. Errors: ErrMalformed, ErrMany, ErrState where there are too many open ones.
func (d *Desk) Begin(ctx context.Context, by By, o Options) (Review, error) {
	if err := o.check(); err != nil {
		return Review{}, err
	}
	r := Review{ID: rand.Text(), Title: o.Title, State: Open, Kinds: o.Kinds, Stale: o.Stale, At: d.Now().Truncate(time.Microsecond), By: by.ID, Due: o.Due, Version: 1}
	err := d.DB.InTx(ctx, func(tx *database.Tx) error {
		var open int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM reviews WHERE state = ?`, Open).Scan(&open); err != nil {
			return fmt.Errorf("counting reviews: %w", err)
		}
		if open >= mostOpen {
			return fmt.Errorf("%w: %d are open, sign or cancel one first", ErrMalformed, open)
		}
		lines, err := gather(ctx, tx, r)
		if err != nil {
			return err
		}
		r.Lines = len(lines)
		if _, err := tx.Exec(ctx, `INSERT INTO reviews (id, title, state, scope, stale, at, by_whom, due, lines, closed, signer, statement, digest, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', '', '', 1)`,
			r.ID, r.Title, r.State, strings.Join(r.Kinds, ","), r.Stale.Microseconds(), database.Micros(r.At), r.By, database.Micros(r.Due), r.Lines); err != nil {
			return fmt.Errorf("writing a review: %w", err)
		}
		for _, l := range lines {
			if l.Stale != "" {
				r.Counts.Stale++
			}
		}
		return write(ctx, tx, r.ID, lines)
	})
	if err != nil {
		return Review{}, err
	}
	d.tell(by, "review-begun", "", zap.String("gateway.review.id", r.ID), zap.Int("gateway.review.lines", r.Lines))
	return r, nil
}

// tell emits what was done. It never has a title, a note or a name.
func (d *Desk) tell(by By, action, target string, more ...zap.Field) {
	d.Events.Emit(&event.Event{Time: d.Now(), Action: action, Outcome: event.Success, UserID: by.ID, Session: by.Session, TargetID: target, Fields: more})
}

// Cancel closes a review without a signature; what was revoked stays so. Errors: ErrNotFound, ErrState, ErrChanged.
func (d *Desk) Cancel(ctx context.Context, by By, id string, version int64) error {
	err := d.DB.InTx(ctx, func(tx *database.Tx) error {
		if _, err := d.open(ctx, tx, id, version); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE reviews SET state = ?, closed = ? WHERE id = ?`, Cancelled, database.Micros(d.Now()), id)
		return err
	})
	if err == nil {
		d.tell(by, "review-cancelled", "", zap.String("gateway.review.id", id))
	}
	return err
}

// open finds a review that can be worked on, and holds it: its version is one more then.
func (d *Desk) open(ctx context.Context, tx *database.Tx, id string, version int64) (Review, error) {
	if _, err := tx.Exec(ctx, `UPDATE reviews SET version = version + 1 WHERE id = ?`, id); err != nil {
		return Review{}, fmt.Errorf("reading a review: %w", err)
	}
	r, err := scan(tx.QueryRow(ctx, columns+`WHERE r.id = ?`, id))
	switch {
	case err != nil:
		return r, err
	case r.State != Open:
		return r, ErrState
	case version != 0 && r.Version != version+1:
		return r, ErrChanged
	}
	return r, nil
}

// Prune forgets reviews that were begun more than seven years ago.
func (d *Desk) Prune(ctx context.Context) error {
	if _, err := d.DB.Exec(ctx, `DELETE FROM reviews WHERE at < ?`, database.Micros(d.Now().Add(-keepFor))); err != nil {
		return fmt.Errorf("forgetting old reviews: %w", err)
	}
	return nil
}
