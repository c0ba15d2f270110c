package grant

import (
	"context"
	"fmt"

	"github.com/convosphere/gateway/modules/internal/database"
)

// RemoveSubject takes every relation of a person who is erased, in tx, and returns what the feed is to be told at its end.
func RemoveSubject(ctx context.Context, tx *database.Tx, name string) ([]database.Change, error) {
	if !IsPerson(name) {
		return nil, fmt.Errorf("%w: the subject is no user name", ErrMalformed)
	}
	rows, err := tx.Query(ctx, `SELECT DISTINCT object FROM grants WHERE subject = ?`, name)
	if err != nil {
		return nil, fmt.Errorf("reading a person's grants: %w", err)
	}
	defer rows.Close()
	var changes []database.Change
	for rows.Next() {
		c := database.Change{Topic: Topic}
		if err := rows.Scan(&c.Key); err != nil {
			return nil, fmt.Errorf("reading a person's grants: %w", err)
		}
		changes = append(changes, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading a person's grants: %w", err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM grants WHERE subject = ?`, name); err != nil {
		return nil, fmt.Errorf("removing a person's grants: %w", err)
	}
	return changes, nil
}
