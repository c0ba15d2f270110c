package directory

import (
	"slices"
	"testing"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// What a service was granted goes with it, as a person's does, and other processes hear of it.
func TestARemovedServiceLeavesNoGrants(t *testing.T) {
	d := open(t, t.TempDir())
	_, public, err := NewServiceKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.AddService(ctx, "robot", "user", "room:list", false, public); err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"robot", "ursula"} {
		if _, err := d.db.Exec(ctx, `INSERT INTO grants (object, subject, relation, at) VALUES ('room:general', ?, 'member', 1)`, subject); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.RemoveService(ctx, "robot"); err != nil {
		t.Fatal(err)
	}
	var left string
	if err := d.db.QueryRow(ctx, `SELECT subject FROM grants`).Scan(&left); err != nil || left != "ursula" {
		t.Errorf("%q %v", left, err)
	}
	var n int
	if err := d.db.QueryRow(ctx, `SELECT COUNT(*) FROM grants`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d grants: %v", n, err)
	}
	if all := changes(t, d); !slices.Contains(all, database.Change{Topic: grant.Topic, Key: "room:general"}) {
		t.Error("others don't hear of it:", all)
	}
}
