package account

import (
	"fmt"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

func BenchmarkBreached(b *testing.B) {
	for b.Loop() {
		_ = breached("otter-lamp-quarry-58")
	}
}

func BenchmarkProfile(b *testing.B) {
	h := newHouse(b)
	a := h.person("ursula", "ursula@example.org")
	for b.Loop() {
		if _, err := h.Profile(ctx, a.ID); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBrowse shows a page of many accounts as the console does, in the orders and by the filters that it has, and counts them.
func BenchmarkBrowse(b *testing.B) {
	h := openHouse(b, database.Config{SQLite: b.TempDir() + "/g.db"})
	const many = 100_000
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	if err := h.tx(func(tx *database.Tx) error {
		for i := range many {
			if _, err := tx.Exec(b.Context(), `INSERT INTO accounts (id, username, roles, password, created_at, password_changed_at, last_auth_at) VALUES (?, ?, ?, 'x', ?, 1, ?)`,
				fmt.Sprintf("%026d", i), fmt.Sprint("u", i), []string{"user", "user,moderator"}[i%1000/999], database.Micros(now.Add(-time.Duration(i)*time.Minute)), database.Micros(now.Add(-time.Duration(many-i)*time.Minute))); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	for name, q := range map[string]Sight{
		"name": {}, "login": {Order: ByLogin, Desc: true}, "created": {Order: ByCreated, Desc: true}, "role": {Query: Query{Role: "moderator"}}, "factor": {Factor: FactorNone}, "unused": {Unused: now.Add(-many / 2 * time.Minute)},
		"locked": {Locked: true},
	} {
		b.Run(name, func(b *testing.B) {
			q.Now, q.Limit = now, 100
			for b.Loop() {
				if _, _, err := h.Browse(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("summary", func(b *testing.B) {
		for b.Loop() {
			if _, err := h.Summarize(b.Context(), now, now.Add(-longAgo)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

const longAgo = 90 * 24 * time.Hour
