package review

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// BenchmarkBegin takes a snapshot of as many lines as a review may have, and BenchmarkLines shows a page of them.
func BenchmarkBegin(b *testing.B) {
	d := crowd(b)
	for b.Loop() {
		r, err := d.Begin(b.Context(), By{ID: "operator"}, Options{Title: "x", Kinds: Kinds, Stale: 90 * 24 * time.Hour})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if _, err := d.DB.Exec(b.Context(), `DELETE FROM reviews WHERE id = ?`, r.ID); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func BenchmarkLines(b *testing.B) {
	d := crowd(b)
	r, err := d.Begin(b.Context(), By{ID: "operator"}, Options{Title: "x", Kinds: Kinds, Stale: 90 * 24 * time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := d.Get(b.Context(), r.ID); err != nil {
			b.Fatal(err)
		}
		if _, err := d.Lines(b.Context(), Query{Review: r.ID, Decision: Undecided, After: 25_000, Limit: 100}); err != nil {
			b.Fatal(err)
		}
	}
}

// crowd is a desk over a database with nearly as many accounts as a review takes.
func crowd(b *testing.B) *Desk {
	b.Helper()
	db, err := database.Open(b.Context(), database.Config{SQLite: b.TempDir() + "/g.db"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	err = db.InTx(b.Context(), func(tx *database.Tx) error {
		for i := range MostLines {
			if _, err := tx.Exec(b.Context(), `INSERT INTO accounts (id, username, roles, password, created_at, password_changed_at, last_auth_at) VALUES (?, ?, 'user', 'x', 1, 1, ?)`,
				fmt.Sprintf("%026d", i), fmt.Sprint("u", i), ago(i%200)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return &Desk{DB: db, Events: &house{}, Now: func() time.Time { return noon }, Durably: func(_ context.Context, emit func()) error { emit(); return nil }}
}
