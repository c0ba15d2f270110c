package database

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// sealing are the tables whose rows are of no use without the key ring that was there when they were written; with no row in any of them, there is none in the
// others that are sealed.
var sealing = []string{"accounts", "audit_keys", "data_keys"}

// Sealed tells whether the database holds anything that was sealed with a key ring. It makes nothing: one that is not there, or has no tables yet, holds nothing.
func Sealed(ctx context.Context, c Config) (holds bool, err error) {
	db, err := OpenToRead(ctx, c)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	there, err := db.Names(ctx)
	if err != nil {
		return false, err
	}
	for _, table := range sealing {
		if !slices.Contains(there, table) {
			continue // of an older gateway
		}
		var n int64
		if err := db.QueryRow(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM `+table+` LIMIT 1) AS one`).Scan(&n); err != nil {
			return false, fmt.Errorf("looking for rows in the database: %w", err)
		}
		if n > 0 {
			return true, nil
		}
	}
	return false, nil
}
