package review

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Sign closes a review whose lines are all decided. The digest of all of it stands in the event, which the audit log has when it returns nil. Errors: ErrNotFound, ErrState,
// ErrUndecided, ErrChanged, ErrMalformed.
func (d *Desk) Sign(ctx context.Context, by By, id string, version int64, statement string) (r Review, err error) {
	statement = strings.TrimSpace(statement)
	if len(statement) > mostText || !utf8.ValidString(statement) || strings.ContainsRune(statement, 0) {
		return r, fmt.Errorf("%w: a statement has at most %d bytes", ErrMalformed, mostText)
	}
	err = d.DB.InTx(ctx, func(tx *database.Tx) error {
		if r, err = d.open(ctx, tx, id, version); err != nil {
			return err
		}
		if n := r.Undecided(); n > 0 {
			return fmt.Errorf("%w: %d wait", ErrUndecided, n)
		}
		r.State, r.Closed, r.Signer, r.Statement = Signed, database.Time(database.Micros(d.Now())), by.ID, statement
		if r.Digest, err = digest(ctx, tx, r); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE reviews SET state = ?, closed = ?, signer = ?, statement = ?, digest = ? WHERE id = ?`, r.State, database.Micros(r.Closed), r.Signer, r.Statement, r.Digest, id); err != nil {
			return fmt.Errorf("signing a review: %w", err)
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	// Not within: the audit log may have to write to the database itself.
	if err := d.Durably(ctx, func() {
		d.tell(by, "review-signed", "", zap.String("gateway.review.id", id), zap.Int("gateway.review.lines", r.Lines), zap.Int("gateway.review.revoked", r.Counts.Revoked), zap.String("gateway.review.digest", r.Digest))
	}); err != nil {
		return r, fmt.Errorf("the review is signed, but the audit log does not say so: %w", err)
	}
	return r, nil
}

// Verify tells whether a signed review is as it was signed. Errors: ErrNotFound.
func (d *Desk) Verify(ctx context.Context, id string) (ok bool, err error) {
	err = d.DB.Snapshot(ctx, func(tx *database.Tx) error {
		r, err := scan(tx.QueryRow(ctx, columns+`WHERE r.id = ?`, id))
		if err != nil {
			return err
		}
		now, err := digest(ctx, tx, r)
		ok = r.State == Signed && subtle.ConstantTimeCompare([]byte(now), []byte(r.Digest)) == 1
		return err
	})
	return ok, err
}

// digest is the SHA-256 of a review and its lines, each as one line of JSON, in hex. Names are not in it: an erased person has none.
func digest(ctx context.Context, tx *database.Tx, r Review) (string, error) {
	sum := sha256.New()
	enc := json.NewEncoder(sum)
	r.Digest = ""
	if err := enc.Encode(r); err != nil {
		return "", fmt.Errorf("the digest of a review: %w", err)
	}
	rows, err := tx.Query(ctx, lineColumns+` ORDER BY l.n`, r.ID)
	if err != nil {
		return "", fmt.Errorf("the digest of a review: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		l, err := scanLine(rows)
		if err != nil {
			return "", err
		}
		l.Name = ""
		if err := enc.Encode(l); err != nil {
			return "", fmt.Errorf("the digest of a review: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return "", fmt.Errorf("the digest of a review: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
