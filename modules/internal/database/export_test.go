package database

import (
	"context"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// DownTo takes the tables back to a version, as they were before later migrations.
func DownTo(ctx context.Context, db *DB, version int64) error {
	dialect := goose.DialectSQLite3
	if db.postgres {
		dialect = goose.DialectPostgres
	}
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(dialect, db.sql, dir)
	if err != nil {
		return err
	}
	_, err = p.DownTo(ctx, version)
	return err
}
