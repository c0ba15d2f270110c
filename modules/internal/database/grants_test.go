package database_test

import (
	"testing"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

// Grants from before they could end never do, and are found by their type.
func TestGrantsSurviveTheirMigration(t *testing.T) {
	config := dbtest.New(t)
	db := open(t, config)
	if err := database.DownTo(t.Context(), db, 9); err != nil {
		t.Fatal(err)
	}
	objects := map[string]string{"room:a": "room", "room:a:b": "room", "r:": "r", "größe:ü": "größe", "message:1": "message"}
	for object := range objects {
		if _, err := db.Exec(t.Context(), `INSERT INTO grants (object, subject, relation, at) VALUES (?, 'ursula', 'owner', 7)`, object); err != nil {
			t.Fatal(err)
		}
	}
	db = open(t, config) // brings the tables up to date
	for object, want := range objects {
		var kind string
		var at, expires int64
		if err := db.QueryRow(t.Context(), `SELECT kind, at, expires FROM grants WHERE object = ?`, object).Scan(&kind, &at, &expires); err != nil || kind != want || at != 7 || expires != 0 {
			t.Error(object, kind, at, expires, err)
		}
	}
}
