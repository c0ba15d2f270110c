package review

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Verdict is a reviewer's word on one line.
type Verdict struct {
	Review   string
	N        int
	Version  int64  // of the line that they saw; 0 any
	Decision string // Keep, Revoke, or "" to take back Keep
	Note     string
}

func (v *Verdict) check() error {
	v.Note = strings.TrimSpace(v.Note)
	if len(v.Note) > mostText || !utf8.ValidString(v.Note) || strings.ContainsRune(v.Note, 0) {
		return fmt.Errorf("%w: a note has at most %d bytes", ErrMalformed, mostText)
	}
	if v.Decision != Keep && v.Decision != Revoke && v.Decision != "" {
		return fmt.Errorf("%w: a line is kept or revoked", ErrMalformed)
	}
	return nil
}

// Decide keeps or revokes a line. What is revoked goes first, and the word is written when it has gone: where that fails in between, the line is undecided and
// is revoked again. Errors: ErrNotFound, ErrState, ErrOwn, ErrChanged, ErrMalformed; else what keeps it from being revoked.
func (d *Desk) Decide(ctx context.Context, by By, v Verdict) error {
	if err := v.check(); err != nil {
		return err
	}
	r, err := d.Get(ctx, v.Review)
	if err != nil {
		return err
	}
	l, err := d.Line(ctx, v.Review, v.N)
	switch {
	case err != nil:
		return err
	case r.State != Open:
		return ErrState
	case l.Account != "" && l.Account == by.ID:
		return ErrOwn
	case v.Version != 0 && v.Version != l.Version:
		return ErrChanged
	case l.Decision == Revoke:
		return fmt.Errorf("%w: what was revoked is given again where it was given", ErrMalformed)
	}
	if v.Decision == Revoke {
		if err := d.revoke(ctx, by, l); err != nil {
			return err
		}
	}
	if err := d.write(ctx, by, l, v); err != nil {
		return err
	}
	d.tell(by, "review-decided", l.Account, zap.String("gateway.review.id", l.Review), zap.Int("gateway.review.line", l.N), zap.String("gateway.review.kind", l.Kind), zap.String("gateway.review.decision", v.Decision))
	return nil
}

// write writes the word down, if the line is as it was read and the review is open.
func (d *Desk) write(ctx context.Context, by By, l Line, v Verdict) error {
	return d.DB.InTx(ctx, func(tx *database.Tx) error {
		if _, err := d.open(ctx, tx, l.Review, 0); err != nil {
			return err
		}
		now, done := database.Micros(d.Now()), int64(0)
		who, at := by.ID, now
		switch v.Decision {
		case Revoke:
			done = now
		case "":
			who, at = "", 0
		}
		res, err := tx.Exec(ctx, `UPDATE review_lines SET decision = ?, by_whom = ?, decided = ?, note = ?, done = ?, version = version + 1 WHERE review = ? AND n = ? AND version = ?`,
			v.Decision, who, at, v.Note, done, l.Review, l.N, l.Version)
		if err != nil {
			return fmt.Errorf("writing a decision: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			if err == nil {
				err = ErrChanged
			}
			return err
		}
		return nil
	})
}

func (d *Desk) revoke(ctx context.Context, by By, l Line) error {
	switch l.Kind {
	case Role, User:
		return d.Means.RevokeRole(ctx, by, l.Account, l.What)
	case Token, Key:
		return d.Means.RevokeHeld(ctx, by, l.What)
	}
	subject := l.Subject
	if l.Account != "" {
		if subject = l.Name; subject == "" {
			return nil // the account is erased, and its grants with it
		}
	}
	return d.Means.RevokeGrant(ctx, subject, l.What, l.Detail)
}

// KeepRest keeps all lines that nobody decided on, but those that are stale and the own ones, which somebody has to look at. It returns how many.
func (d *Desk) KeepRest(ctx context.Context, by By, id string, version int64) (n int64, err error) {
	err = d.DB.InTx(ctx, func(tx *database.Tx) error {
		if _, err := d.open(ctx, tx, id, version); err != nil {
			return err
		}
		res, err := tx.Exec(ctx, `UPDATE review_lines SET decision = ?, by_whom = ?, decided = ?, note = 'with others', version = version + 1 WHERE review = ? AND decision = '' AND stale = '' AND account <> ?`,
			Keep, by.ID, database.Micros(d.Now()), id, by.ID)
		if err != nil {
			return fmt.Errorf("writing decisions: %w", err)
		}
		n, err = res.RowsAffected()
		return err
	})
	if err == nil && n > 0 {
		d.tell(by, "review-decided", "", zap.String("gateway.review.id", id), zap.Int64("gateway.review.lines", n), zap.String("gateway.review.decision", Keep))
	}
	return n, err
}
