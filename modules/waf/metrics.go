package waf

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/metrics"
)

// Results of an inspection, the values of the label "verdict".
const (
	passed   = "passed"   // no rule that scores matched
	detected = "detected" // rules matched; passed on, below the threshold or in mode detect
	blocked  = "blocked"  // refused by rules
	refused  = "refused"  // too much, malformed or too slow to be inspected, or more than there is room for
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
	overload = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_waf_overload_total", Help: "Requests not inspected because the inspections in flight left no room in time, by whose room it was: client, gateway.",
	}, []string{"room"})
	ruleSets = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gateway_waf_rule_sets", Help: "Compiled rule sets in memory.",
	})
)

func registerMetrics(reg prometheus.Registerer) error {
	return metrics.Register(reg, requests, inspection, overload, ruleSets, responses, responseInspection, partial)
}
