package database

import (
	"path/filepath"
	"testing"
	"time"
)

// What is remembered is not trusted again before it has heard of all that it missed.
func TestTheFeedIsFreshAfterItsNews(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "gateway.db"))
	f := &Feed{db: db, subs: map[*subscription]struct{}{}, seen: time.Now().Add(-time.Hour)} // cut off until now
	heard := 0
	f.Subscribe("session", func(string) {
		heard++
		if f.Fresh() {
			t.Error("fresh while it tells")
		}
	})
	if err := db.InTx(t.Context(), func(tx *Tx) error {
		return tx.Append(t.Context(), time.Now(), Change{Topic: "session", Key: "a"}, Change{Topic: "session", Key: "b"})
	}); err != nil {
		t.Fatal(err)
	}
	f.look(t.Context())
	f.look(t.Context())
	if heard != 2 || !f.Fresh() {
		t.Errorf("heard %d, fresh %v", heard, f.Fresh())
	}
}
