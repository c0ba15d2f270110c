package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/database"
)

// newPostgres lends a database of the server. Making one takes a third of a second, emptying one a hundredth.
func newPostgres(t testing.TB) database.Config {
	t.Helper()
	var name string
	if n := len(turn.free); n > 0 {
		name, turn.free = turn.free[n-1], turn.free[:n-1]
	} else {
		name = "t_" + strings.ToLower(rand.Text())
		if err := turn.server.Create(name, template); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := giveBack(name); err != nil {
			t.Error(err)
		}
	})
	t.Log("over PostgreSQL")
	return database.Config{Postgres: turn.server.URL(name)}
}

// giveBack empties the database for the next test, or drops it where a test has changed its tables.
func giveBack(name string) error {
	is, err := shape(name)
	if err != nil {
		return err
	}
	if is != turn.shape {
		return turn.server.Drop(name)
	}
	if err := empty(name); err != nil {
		return err
	}
	turn.mu.Lock()
	defer turn.mu.Unlock()
	turn.free = append(turn.free, name)
	return nil
}

// within runs f on one connection to the database.
func within(name string, f func(ctx context.Context, c *sql.Conn) error) error {
	ctx := context.Background()
	db, err := sql.Open("pgx", turn.server.URL(name))
	if err != nil {
		return err
	}
	c, err := db.Conn(ctx)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return errors.Join(f(ctx, c), c.Close(), db.Close())
}

// shape tells tables, columns, indexes and constraints apart from others.
func shape(name string) (s string, err error) {
	err = within(name, func(ctx context.Context, c *sql.Conn) error {
		return c.QueryRowContext(ctx, `SELECT COALESCE(string_agg(d, ';' ORDER BY d), '') FROM (
			SELECT c.relname || '.' || a.attname || ' ' || a.atttypid || a.attnotnull AS d FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
				WHERE c.relnamespace = 'public'::regnamespace
			UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
			UNION ALL SELECT tgname FROM pg_trigger WHERE NOT tgisinternal) AS all_of_it`).Scan(&s)
	})
	return s, err
}

// empty deletes every row, after ending the connections that a test has left.
func empty(name string) error {
	return within(name, func(ctx context.Context, c *sql.Conn) error {
		for _, q := range []string{
			`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
			`SET session_replication_role = replica`, // no order among tables that refer to each other
			`DO $$ DECLARE t text; BEGIN
				FOR t IN SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'goose_db_version' LOOP
					EXECUTE 'DELETE FROM ' || t;
				END LOOP;
			END $$`,
		} {
			if _, err := c.ExecContext(ctx, q); err != nil {
				return fmt.Errorf("emptying a database: %w", err)
			}
		}
		return nil
	})
}
