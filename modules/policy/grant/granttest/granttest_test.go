package granttest

import (
	"context"
	"os"
	"testing"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Both(m).Run()) }

// The names by number are those that are filled in.
func TestFill(t *testing.T) {
	const rooms = 30
	ctx := context.Background()
	db, err := database.Open(ctx, dbtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := Fill(ctx, db, rooms); err != nil {
		t.Fatal(err)
	}
	count := func(want int, q string, args ...any) {
		t.Helper()
		var n int
		if err := db.QueryRow(ctx, q, args...).Scan(&n); err != nil || n != want {
			t.Errorf("%s: %d %v, want %d", q, n, err, want)
		}
	}
	count(rooms*PerRoom, `SELECT COUNT(*) FROM grants`)
	count(rooms, `SELECT COUNT(DISTINCT object) FROM grants`)
	count(rooms/10, `SELECT COUNT(*) FROM grants WHERE subject = '*' AND relation = 'viewer'`)
	for _, room := range []int{0, 1, 10, rooms - 1} {
		count(1, `SELECT COUNT(*) FROM grants WHERE object = ? AND subject = ? AND relation = 'owner'`, Room(room), Person(Owner(room)))
		count(1, `SELECT COUNT(*) FROM grants WHERE object = ? AND subject = ? AND relation = 'member'`, Room(room), Person(Member(room, 2)))
		count(1, `SELECT COUNT(*) FROM grants WHERE object = ? AND subject = ? AND relation = 'member'`, Room(room), Person(Member(room, PerRoom-1)))
	}
}
