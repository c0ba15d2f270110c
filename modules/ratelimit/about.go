package ratelimit

import (
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// about is what the handler knows of a zone that the limiter counts by: it is the zone's Tag.
type about struct {
	zone  *Zone  // nil: none of a handler
	key   string // what is counted by, as the configuration says it
	bytes int64  // how many bytes a unit is; 0: units are no bytes
	tally counters
}

var unknown = new(about)

func aboutOf(z *limit.Zone) *about {
	if a, ok := z.Tag.(*about); ok {
		return a
	}
	return unknown
}

// about is what is told of one limit of the zone.
func (z *Zone) about() *about {
	vec := requestsTotal
	if z.Messages {
		vec = messagesTotal
	}
	return &about{zone: z, key: strings.Join(z.Key, " "), bytes: z.Cost.unit(), tally: counters{vec: vec, zone: z.Name, mode: modeNames[modes[z.Mode]]}}
}

// counters count what became of what a zone was asked. What a zone is called comes from the configuration, never from a client.
type counters struct {
	vec        *prometheus.CounterVec
	zone, mode string
	found      [len(results)][len(sources)]atomic.Pointer[prometheus.Counter] // looked up once
}

func (t *counters) add(result int, source limit.Source) {
	if t.vec == nil {
		return
	}
	p := &t.found[result][source]
	c := p.Load()
	if c == nil {
		made := t.vec.WithLabelValues(t.zone, t.mode, results[result], sources[source])
		c = &made
		p.Store(c)
	}
	(*c).Inc()
}

// count counts what became of the charges.
func count(charges []limit.Charge, d limit.Decision) {
	for i := range charges {
		c := &charges[i]
		result := admitted
		switch {
		case d.Unavailable:
			result = unavailable
		case c.Result.Shadowed:
			result = shadowed
		case c.Result.Refused:
			result = refused
		case !d.Allowed:
			continue // another zone's refusal: nothing was charged here
		}
		aboutOf(c.Zone).tally.add(result, d.Source)
	}
}
