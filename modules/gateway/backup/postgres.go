package backup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/internal/database"
)

// intoPostgres copies the rows in one transaction, of which swapKeys is the last step.
func (c *Checked) intoPostgres(ctx context.Context, dsn string, replace bool, swapKeys func() error) (err error) {
	dsn, name, err := named(dsn)
	if err != nil {
		return err
	}
	if err := c.mayFill(ctx, dsn, name, replace); err != nil { // first of all: opening migrates
		return err
	}
	to, err := database.Open(ctx, database.Config{Postgres: dsn})
	if err != nil {
		return err
	}
	from, err := database.OpenToRead(ctx, database.Config{SQLite: c.file()})
	if err != nil {
		return errors.Join(err, to.Close())
	}
	defer func() { err = errors.Join(err, from.Close(), to.Close()) }()
	tables, err := saved(ctx, from)
	if err != nil {
		return err
	}
	version, err := to.Version(ctx)
	if err != nil {
		return err
	}
	if version != database.Latest() {
		return fmt.Errorf("the target's tables are of a newer gateway (version %d, this program knows %d)", version, database.Latest())
	}
	return to.InTx(ctx, func(tx *database.Tx) error {
		if err := alone(ctx, tx, name); err != nil {
			return err
		}
		if err := clearTables(ctx, tx, tables, replace); err != nil {
			return err
		}
		for _, t := range tables {
			if err := copyTable(ctx, from, tx, t); err != nil {
				return fmt.Errorf("restoring table %s: %w", t.Name, err)
			}
		}
		return swapKeys()
	})
}

// mayFill tells whether the target may be filled, without changing it.
func (c *Checked) mayFill(ctx context.Context, dsn, name string, replace bool) (err error) {
	db, err := database.OpenToRead(ctx, database.Config{Postgres: dsn})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := alone(ctx, db, name); err != nil {
		return err
	}
	names, err := db.Names(ctx)
	if err != nil {
		return err
	}
	// What else the schema holds is not ours to look at.
	names = slices.DeleteFunc(names, func(n string) bool { _, ok := c.Rows[n]; return !ok })
	if full, err := holdsRows(ctx, db, names); err != nil || !full || replace {
		return err
	}
	return ErrNotEmpty
}

// alone tells whether no other process of the gateway's user is connected.
func alone(ctx context.Context, db asker, name string) error {
	var others int64
	if err := db.QueryRow(ctx, `SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user
		AND backend_type = 'client backend' AND application_name <> ?`, name).Scan(&others); err != nil {
		return fmt.Errorf("looking for others on the database: %w", err)
	}
	if others > 0 {
		return ErrInUse
	}
	return nil
}

// named gives our connections a name by which they are told from those of others.
func named(dsn string) (with, name string, err error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return "", "", errors.New("the URL of the PostgreSQL database can't be read") // the error would show the password
	}
	name = "convosphere-restore-" + rand.Text()
	q := u.Query()
	q.Set("application_name", name)
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // to PostgreSQL a plus is a plus
	return u.String(), name, nil
}

func clearTables(ctx context.Context, tx *database.Tx, tables []database.Table, replace bool) error {
	for _, t := range slices.Backward(tables) {
		full, err := hasRows(ctx, tx, t.Name)
		if err != nil {
			return err
		}
		if !full {
			continue
		}
		if !replace {
			return ErrNotEmpty
		}
		if _, err := tx.Exec(ctx, `DELETE FROM `+t.Name); err != nil {
			return fmt.Errorf("emptying table %s: %w", t.Name, err)
		}
	}
	return nil
}

func copyTable(ctx context.Context, from *database.DB, tx *database.Tx, t database.Table) error {
	rows, err := from.Query(ctx, `SELECT `+columns(t)+` FROM `+t.Name)
	if err != nil {
		return err
	}
	defer rows.Close()
	into := inserter{ctx: ctx, tx: tx, table: t}
	for rows.Next() {
		values := make([]any, len(t.Columns))
		to := make([]any, len(values))
		for i := range values {
			to[i] = &values[i]
		}
		if err := rows.Scan(to...); err != nil {
			return err
		}
		for i, c := range t.Columns {
			if values[i], err = normal(c.Kind, values[i]); err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
		}
		if err := into.add(values); err != nil {
			return err
		}
	}
	return errors.Join(rows.Err(), into.flush())
}
