package incident

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

const benched = 20_000

// many is a book of many incidents, written at once.
func many(b *testing.B) *desk {
	d := open(b, dbtest.NewSQLite(b), Options{})
	err := d.db.InTx(context.Background(), func(tx *database.Tx) error {
		for n := range benched {
			at := d.at.Add(-time.Duration(n) * time.Minute)
			f := d.found(fmt.Sprint("f", n), finding.Level(n%5), -time.Duration(n)*time.Minute, fmt.Sprintf("client:192.0.%d.%d", n/250%250, n%250), fmt.Sprint("user:u", n%3000))
			f.Rule, f.Tags = fmt.Sprint("r", n%120), []string{"attack.t1110.003"}
			i, err := begin(b.Context(), tx, f, at)
			if err != nil {
				return err
			}
			if err := put(b.Context(), tx, &i, f, `{"id":"x"}`); err != nil {
				return err
			}
			if n%3 > 0 {
				i.Verdict, i.State, i.Closed = []string{True, False}[n%2], Closed, at
				if err := i.save(b.Context(), tx); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return d
}

// BenchmarkPages is what a page of incidents costs among 20,000.
func BenchmarkPages(b *testing.B) {
	d := many(b)
	first, err := d.List(b.Context(), Query{Limit: 1})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		do   func() error
	}{
		{"newest 100", func() error { _, err := d.List(b.Context(), Query{Limit: 100}); return err }},
		{"by level", func() error { _, err := d.List(b.Context(), Query{Limit: 100, Sort: "level"}); return err }},
		{"text", func() error { _, err := d.List(b.Context(), Query{Limit: 100, Text: "title of f1999"}); return err }},
		{"technique", func() error {
			_, err := d.List(b.Context(), Query{Limit: 100, Technique: "T1110", State: Active})
			return err
		}},
		{"count", func() error { _, err := d.Count(b.Context(), Query{State: Active}); return err }},
		{"one", func() error { _, err := d.Show(b.Context(), first[0].ID); return err }},
		{"precision", func() error { _, err := d.Precision(b.Context()); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if err := c.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
