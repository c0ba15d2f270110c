package risk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Edit is what somebody changes of a risk; what is nil stays.
type Edit struct {
	Version    int64 // that they saw; 0 any
	Likelihood *int
	Impact     *int
	Owner      *string // an account's id; "" nobody
	Treatment  *string
	Due        *time.Time // zero: no day
	Accepted   *time.Time // until when it is accepted
	Note       string
}

// Edit changes a risk and writes down what. Errors: ErrNotFound, ErrState, ErrMalformed, *Changed.
func (g *Register) Edit(ctx context.Context, by By, id string, e Edit) (r Risk, err error) {
	e.Note = strings.TrimSpace(e.Note)
	if !isText(e.Note, mostText) {
		return r, fmt.Errorf("%w: a note has at most %d bytes", ErrMalformed, mostText)
	}
	var what []string
	err = g.DB.InTx(ctx, func(tx *database.Tx) error {
		now := g.Now()
		if r, err = g.hold(ctx, tx, id, e.Version); err != nil {
			return err
		}
		if r.State != Open {
			return ErrState
		}
		if what, err = r.apply(e, now); err != nil {
			return err
		}
		if len(what) == 0 && e.Note == "" {
			return fmt.Errorf("%w: nothing is changed", ErrMalformed)
		}
		us := database.Micros
		if _, err := tx.Exec(ctx, `UPDATE risks SET likelihood = ?, impact = ?, assessed = ?, owner = ?, treatment = ?, due = ?, accepted = ? WHERE id = ?`,
			r.Likelihood, r.Impact, us(r.Assessed), r.Owner, r.Treatment, us(r.Due), us(r.Accepted), id); err != nil {
			return fmt.Errorf("changing a risk: %w", err)
		}
		if len(what) == 0 {
			what = []string{"note"}
		}
		return note(ctx, tx, id, now, by, strings.Join(what, ", "), e.Note)
	})
	if err != nil {
		return Risk{}, err
	}
	g.tell(by, "risk-changed", reason(e), r)
	return r, nil
}

// reason says in an event what was changed, in our own words.
func reason(e Edit) string {
	var all []string
	for _, c := range []struct {
		is   bool
		word string
	}{{e.Likelihood != nil || e.Impact != nil, "assessed"}, {e.Owner != nil, "owner"}, {e.Treatment != nil, "treatment"}, {e.Due != nil, "due day"}, {e.Note != "", "note"}} {
		if c.is {
			all = append(all, c.word)
		}
	}
	return strings.Join(all, ", ")
}

// hold finds a risk and keeps others from changing it: its version is one more then.
func (g *Register) hold(ctx context.Context, tx *database.Tx, id string, version int64) (Risk, error) {
	if _, err := tx.Exec(ctx, `UPDATE risks SET version = version + 1 WHERE id = ?`, id); err != nil {
		return Risk{}, fmt.Errorf("reading a risk: %w", err)
	}
	r, err := scan(tx.QueryRow(ctx, columns+`WHERE r.id = ?`, id))
	if err != nil || version == 0 || r.Version == version+1 {
		return r, err
	}
	since, err := history(ctx, tx.Query, `WHERE risk = ? ORDER BY at DESC, id LIMIT ?`, id, min(max(r.Version-version-1, 1), 20))
	if err != nil {
		return r, err
	}
	return r, &Changed{since}
}

// apply changes r and says what was changed.
func (r *Risk) apply(e Edit, now time.Time) (what []string, err error) {
	five := func(name string, to *int, of *int) {
		switch {
		case of == nil || err != nil:
		case *of < 1 || *of > 5:
			err = fmt.Errorf("%w: %s is 1 to 5", ErrMalformed, name)
		default:
			what = append(what, fmt.Sprintf("%s %d → %d", name, *to, *of))
			*to, r.Assessed = *of, now
		}
	}
	five("likelihood", &r.Likelihood, e.Likelihood)
	five("impact", &r.Impact, e.Impact)
	if err != nil {
		return nil, err
	}
	if e.Owner != nil {
		if !isText(*e.Owner, 64) {
			return nil, fmt.Errorf("%w: the owner is an account", ErrMalformed)
		}
		r.Owner = *e.Owner
		what = append(what, "owner")
	}
	if e.Treatment != nil {
		if !slices.Contains(Treatments, *e.Treatment) {
			return nil, fmt.Errorf("%w: the treatment is one of %s", ErrMalformed, strings.Join(Treatments, ", "))
		}
		what = append(what, r.Treatment+" → "+*e.Treatment)
		r.Treatment, r.Accepted = *e.Treatment, time.Time{}
	}
	if e.Accepted != nil {
		r.Accepted = *e.Accepted
	}
	if e.Due != nil {
		r.Due = *e.Due
		what = append(what, "due")
	}
	if r.Treatment == Accept && !r.Accepted.After(now) && (e.Treatment != nil || e.Accepted != nil) {
		return nil, fmt.Errorf("%w: a risk is accepted until a day to come", ErrMalformed)
	}
	return what, nil
}

// Add writes down a risk that a person sees. Errors: ErrMalformed.
func (g *Register) Add(ctx context.Context, by By, title, detail string, likelihood, impact int) (r Risk, err error) {
	title, detail = strings.TrimSpace(title), strings.TrimSpace(detail)
	switch {
	case title == "" || !isText(title, mostTitle) || !isText(detail, mostText):
		return r, fmt.Errorf("%w: it has a title of at most %d bytes, and says at most %d", ErrMalformed, mostTitle, mostText)
	case likelihood < 1 || likelihood > 5 || impact < 1 || impact > 5:
		return r, fmt.Errorf("%w: likelihood and impact are 1 to 5", ErrMalformed)
	}
	id := rand.Text()
	err = g.DB.InTx(ctx, func(tx *database.Tx) error {
		at := database.Micros(g.Now())
		res, err := tx.Exec(ctx, `INSERT INTO risks (id, cause, source, title, detail, mend, link, likelihood, impact, assessed, owner, treatment, due, accepted, state, times, opened, seen, closed, version)
			SELECT ?, ?, ?, ?, ?, '', '', CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), '', ?, 0, 0, ?, 0, CAST(? AS BIGINT), CAST(? AS BIGINT), 0, 1 WHERE (SELECT COUNT(*) FROM risks) < ?`,
			id, Person+":"+id, Person, title, detail, likelihood, impact, at, Undecided, Open, at, at, mostRisks)
		if err != nil {
			return fmt.Errorf("adding a risk: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fmt.Errorf("%w: there are as many as there may be", ErrMalformed))
		}
		if err := note(ctx, tx, id, g.Now(), by, "written down", ""); err != nil {
			return err
		}
		r, err = scan(tx.QueryRow(ctx, columns+`WHERE r.id = ?`, id))
		return err
	})
	if err == nil {
		g.tell(by, "risk-opened", "written down", r)
	}
	return r, err
}

// Close closes a risk that a person wrote down; another closes when its cause is gone. Errors: ErrNotFound, ErrState, ErrSeen, ErrMalformed, *Changed.
func (g *Register) Close(ctx context.Context, by By, id string, version int64, why string) error {
	return g.turn(ctx, by, id, version, why, Closed)
}

// Reopen opens one again that a person has closed. Errors: as Close.
func (g *Register) Reopen(ctx context.Context, by By, id string, version int64, why string) error {
	return g.turn(ctx, by, id, version, why, Open)
}

func (g *Register) turn(ctx context.Context, by By, id string, version int64, why, state string) error {
	why = strings.TrimSpace(why)
	if !isText(why, mostText) {
		return fmt.Errorf("%w: a note has at most %d bytes", ErrMalformed, mostText)
	}
	var r Risk
	err := g.DB.InTx(ctx, func(tx *database.Tx) (err error) {
		if r, err = g.hold(ctx, tx, id, version); err != nil {
			return err
		}
		switch {
		case r.Source != Person:
			return ErrSeen
		case r.State == state:
			return ErrState
		}
		now, closed := g.Now(), int64(0)
		what := "opened again"
		if state == Closed {
			closed, what = database.Micros(now), "closed"
		}
		if _, err := tx.Exec(ctx, `UPDATE risks SET state = ?, closed = ? WHERE id = ?`, state, closed, id); err != nil {
			return fmt.Errorf("changing a risk: %w", err)
		}
		return note(ctx, tx, id, now, by, what, why)
	})
	if err != nil {
		return err
	}
	if state == Closed {
		g.tell(by, "risk-closed", "by a person", r)
	} else {
		g.tell(by, "risk-opened", "opened again", r)
	}
	return nil
}
