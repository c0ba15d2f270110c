package database

import (
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"testing"
)

// A kept query gives what one that is not kept gives: by many at once, after the table has changed, and until the database is closed.
func TestQueryRowOften(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "gateway.db"))
	exec := func(q string) {
		t.Helper()
		if _, err := db.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(n int) (got string, err error) {
		err = db.QueryRowOften(t.Context(), `SELECT word FROM words WHERE n = ?`, n).Scan(&got)
		return got, err
	}
	if _, err := ask(1); err == nil {
		t.Fatal("from a table that is not there")
	}
	exec(`CREATE TABLE words (n BIGINT PRIMARY KEY, word TEXT NOT NULL)`)
	exec(`INSERT INTO words VALUES (1, 'one')`)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if got, err := ask(1); err != nil || got != "one" {
					t.Error(got, err)
				}
				if _, err := ask(2); !errors.Is(err, sql.ErrNoRows) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	exec(`ALTER TABLE words ADD COLUMN more TEXT NOT NULL DEFAULT ''`)
	exec(`UPDATE words SET word = 'another'`)
	if got, err := ask(1); err != nil || got != "another" {
		t.Fatal(got, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(1); err == nil {
		t.Fatal("from a database that is closed")
	}
}
