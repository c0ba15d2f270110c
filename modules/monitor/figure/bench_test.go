package figure

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
)

// full is what a busy node counts in a step: some two hundred names.
func full() Values {
	v := Values{Requests: 123456, Passed: 100000, Asked: 3000, Refused: 20456, Logins: 100, NoLogin: 20, Up: Fine.Microseconds(), Decided: 90000, Unlisted: 10}
	for i := range 13 {
		v[fmt.Sprintf("%spart%d", By, i)] = 1000
		for b := range 8 {
			v[fmt.Sprintf("%spart%d.b%d", Cost, i, b)] = 400
		}
	}
	return v
}

func BenchmarkReport(b *testing.B) {
	c := dbtest.NewSQLite(b)
	for _, node := range []string{"a", "b", "c"} {
		s := store(b, c, node)
		for day := range 366 {
			if err := s.Add(b.Context(), map[time.Time]Values{noon.AddDate(0, 0, -day).Truncate(Fine): full()}); err != nil {
				b.Fatal(err)
			}
		}
		counted := map[time.Time]Values{}
		for at := noon.Add(-31 * Day); at.Before(noon); at = at.Add(Hour) {
			counted[at] = full()
		}
		for at := noon.Add(-2 * Day); at.Before(noon); at = at.Add(Fine) {
			counted[at] = full()
		}
		if err := s.Add(b.Context(), counted); err != nil {
			b.Fatal(err)
		}
	}
	s := store(b, c, "a")
	for _, long := range []time.Duration{Day, 7 * Day, 14 * Day, 31 * Day, 365 * Day} {
		b.Run(fmt.Sprintf("%d_days", long/Day), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Report(b.Context(), noon.Add(-long), noon, Sources{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What the bus spends on an event.
func BenchmarkCount(b *testing.B) {
	c, err := NewCounter(time.Now, nil)
	if err != nil {
		b.Fatal(err)
	}
	r := &event.Record{Time: time.Now(), Event: &event.Event{
		Action: "http-request", Status: 403, Route: "GET /api/rooms/{room}", Fields: []zap.Field{
			zap.String("gateway.problem", "forbidden"), zap.String("gateway.problem_by", "authorize"), zap.String("gateway.classification", "internal"),
			zap.Bool("gateway.decision.allow", false), zap.String("gateway.decision.reason", "no grant"), zap.String("gateway.decision.revision", "r1"),
		},
	}}
	b.ReportAllocs()
	for b.Loop() {
		c.Write(r)
	}
}

func BenchmarkAdd(b *testing.B) {
	s := store(b, dbtest.NewSQLite(b), "a")
	for b.Loop() {
		if err := s.Add(b.Context(), map[time.Time]Values{noon: full()}); err != nil {
			b.Fatal(err)
		}
	}
}
