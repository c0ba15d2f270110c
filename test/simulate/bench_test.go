package main

import (
	"io"
	"testing"
)

// How many events a second are made: a day of a thousand people, attacks included.
func BenchmarkSimulate(b *testing.B) {
	events := int64(0)
	for b.Loop() {
		o := small(1)
		o.users, o.days = 1000, 1
		w := newWorld(o, io.Discard, io.Discard)
		if err := w.run(); err != nil {
			b.Fatal(err)
		}
		events += w.events
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}
