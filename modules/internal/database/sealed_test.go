package database_test

import (
	"path/filepath"
	"testing"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

// A database that holds anything of a key ring says so, in both kinds; one without rows, tables or a file does not.
func TestSealed(t *testing.T) {
	is := func(c database.Config, want bool) {
		t.Helper()
		if got, err := database.Sealed(t.Context(), c); err != nil || got != want {
			t.Errorf("%v %v, want %v", got, err, want)
		}
	}
	is(database.Config{SQLite: filepath.Join(t.TempDir(), "none.db")}, false)
	c := dbtest.New(t)
	db := open(t, c)
	is(c, false)
	if _, err := db.Exec(t.Context(), `INSERT INTO audit_keys (subject, id, secret, at) VALUES ('day:2026-11-27', 'x', ?, 1)`, []byte("x")); err != nil {
		t.Fatal(err)
	}
	is(c, true)
	if _, err := db.Exec(t.Context(), `DELETE FROM audit_keys`); err != nil {
		t.Fatal(err)
	}
	is(c, false)
	if _, err := database.Sealed(t.Context(), database.Config{Postgres: "postgres://u@127.0.0.1:1/n?connect_timeout=5"}); err == nil {
		t.Error("a database that does not answer is taken for an empty one")
	}
}
