package waf

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Results of an inspection, the values of the label "verdict".
const (
	passed   = "passed"   // no rule that scores matched
	detected = "detected" // rules matched; passed on, below the threshold or in mode detect
	blocked  = "blocked"  // refused by rules
	refused  = "refused"  // too long, malformed or too slow to be inspected
	failed   = "failed"   // the rules could not be run
)

// The collectors belong to the package, so that a reload does not reset them.
var (
	requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_waf_requests_total", Help: "Requests inspected, by verdict: passed, detected, blocked, refused, failed.",
	}, []string{"verdict"})
	inspection = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gateway_waf_inspection_seconds", Help: "Time the rules took for a request, without the time its body took to arrive.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
	})
	ruleSets = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gateway_waf_rule_sets", Help: "Compiled rule sets in memory.",
	})
)

func registerMetrics(registry *prometheus.Registry) error {
	for _, c := range []prometheus.Collector{requests, inspection, ruleSets} {
		var already prometheus.AlreadyRegisteredError
		if err := registry.Register(c); err != nil && !errors.As(err, &already) {
			return err
		}
	}
	return nil
}
