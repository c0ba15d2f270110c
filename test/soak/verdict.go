package main

import (
	"fmt"
	"slices"
	"time"
)

// bound says how much of a measure a process may have more at the end than at the start and still be called flat: an amount, and a share of what
// there was.
type bound struct{ amount, share float64 }

// bounds have room for what comes and goes with traffic, and for caches that fill up to a size of their own; a leak of a goroutine, a descriptor or
// a few KiB with each request, socket, login or reload is far above them within an hour.
var bounds = map[string]bound{
	goroutines:  {60, .1}, // connections that idle, requests in flight
	descriptors: {30, .1}, // connections that idle, files that are being written
	heap:        {24, .2}, // grants (at most 64 MiB), tokens, what detection keeps of clients
	resident:    {48, .2}, // the same, and what the collector has not given back
}

// Of a life, what comes first fills caches and pools; and one that is shorter is all of that kind.
const (
	warmUp   = .25
	leastFor = 10 * time.Minute
	leastOf  = 12 // samples
)

// growth is a measure of a life, in its first third after warming up and in its last.
type growth struct {
	life    string
	measure string
	lasted  time.Duration
	from    float64
	to      float64
	most    float64
	judged  bool
	flat    bool
}

// growths judges every measure of a life.
func (l *life) growths() (all []growth) {
	if len(l.samples) < 3 {
		return nil
	}
	lasted := l.samples[len(l.samples)-1].at.Sub(l.began)
	for _, m := range []string{resident, heap, goroutines, descriptors} {
		var series []float64
		for _, s := range l.samples {
			if v, ok := s.values[m]; ok {
				series = append(series, v)
			}
		}
		if len(series) < 3 {
			continue
		}
		g := judge(series, bounds[m])
		g.life, g.measure, g.lasted = l.name, m, lasted
		g.judged = lasted >= leastFor && len(series) >= leastOf
		all = append(all, g)
	}
	return all
}

// judge compares medians of windows: single samples are higher while a fault lasts, or before a collection.
func judge(series []float64, b bound) growth {
	warm := series[int(float64(len(series))*warmUp):]
	third := max(1, len(warm)/3)
	g := growth{from: median(warm[:third]), to: median(warm[len(warm)-third:]), most: slices.Max(series)}
	g.flat = g.to <= g.from+b.amount+g.from*b.share
	return g
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// drained is what a gateway still has once all clients have gone, beside what it had before the first came.
type drained struct {
	node          string
	before, after map[string]float64
}

// remains may stay: connections to the back end, to Redis and to the database, which idle for minutes before they are closed, and the tasks of a
// configuration that was loaded since.
var remains = map[string]float64{goroutines: 80, descriptors: 40}

func (d drained) faults() (all []string) {
	for m, most := range remains {
		if d.after[m] > d.before[m]+most {
			all = append(all, fmt.Sprintf("%s: %s: %.0f before the first client, %.0f after the last", d.node, m, d.before[m], d.after[m]))
		}
	}
	return all
}

// never are counters of what must not happen at all.
var never = []string{"gateway_events_dropped_total", "gateway_panics_total", "gateway_monitor_events_unseen_total"}
