package upgrade

import (
	"database/sql"
	"errors"
	"testing"

	_ "modernc.org/sqlite" // driver "sqlite"
)

// mark makes tables look as if a release to come had changed them so that this one would misread them.
func mark(t *testing.T, file string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`INSERT INTO schema_needs (least) VALUES (9999)`)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}
