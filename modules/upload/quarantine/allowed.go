package quarantine

import (
	"context"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Allowed is one hash that is let through.
type Allowed struct {
	SHA256 string
	At     time.Time
}

// Release allows what an item holds from now on. Errors: ErrNone.
func (b *Book) Release(ctx context.Context, id string) (Item, error) {
	i, err := b.Get(ctx, id)
	if err != nil {
		return Item{}, err
	}
	now := database.Micros(b.o.Now())
	err = b.o.DB.InTx(ctx, func(tx *database.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO upload_allowed (sha256, at) VALUES (?, ?) ON CONFLICT (sha256) DO NOTHING`, i.SHA256, now); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE quarantine SET released = ? WHERE sha256 = ? AND released = 0`, now, i.SHA256) // whoever sent the same
		return err
	})
	if err != nil {
		return Item{}, fmt.Errorf("releasing a file: %w", err)
	}
	return b.Get(ctx, id)
}

// Revoke takes a hash off what is allowed. Errors: ErrNone.
func (b *Book) Revoke(ctx context.Context, sha256 string) error {
	err := b.o.DB.InTx(ctx, func(tx *database.Tx) error {
		result, err := tx.Exec(ctx, `DELETE FROM upload_allowed WHERE sha256 = ?`, sha256)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return ErrNone
		}
		_, err = tx.Exec(ctx, `UPDATE quarantine SET released = 0 WHERE sha256 = ?`, sha256)
		return err
	})
	if err != nil {
		return fmt.Errorf("revoking a release: %w", err)
	}
	return nil
}

// IsAllowed tells whether a file of that hash was released. It is asked only of files that would be refused.
func (b *Book) IsAllowed(ctx context.Context, sha256 string) (bool, error) {
	var n int
	if err := b.o.DB.QueryRowOften(ctx, `SELECT COUNT(*) FROM upload_allowed WHERE sha256 = ?`, sha256).Scan(&n); err != nil {
		return false, fmt.Errorf("looking whether a file was released: %w", err)
	}
	return n > 0, nil
}

// AllAllowed gives the hashes that are allowed, the newest first, MostListed at most.
func (b *Book) AllAllowed(ctx context.Context) ([]Allowed, error) {
	rows, err := b.o.DB.Query(ctx, `SELECT sha256, at FROM upload_allowed ORDER BY at DESC, sha256 LIMIT ?`, MostListed)
	if err != nil {
		return nil, fmt.Errorf("reading what was released: %w", err)
	}
	defer rows.Close()
	var all []Allowed
	for rows.Next() {
		var a Allowed
		var at int64
		if err := rows.Scan(&a.SHA256, &at); err != nil {
			return nil, fmt.Errorf("reading what was released: %w", err)
		}
		a.At = database.Time(at)
		all = append(all, a)
	}
	return all, rows.Err()
}
