package waf

import (
	"strconv"
	"time"

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

// Phases, the values of the label "phase".
const (
	phaseScreen  = "screen" // before them
	phaseHeaders = "request_headers"
	phaseBody    = "request_body"
)

// other is the label of what is not among the known values.
const other = "_other"

// The collectors belong to the package, so that a reload does not reset them.
var (
	requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_waf_requests_total", Help: "Requests inspected, by verdict: passed, detected, blocked, refused, failed.",
	}, []string{"verdict"})
	inspection = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gateway_waf_inspection_seconds", Help: "Time the rules took for a request, without the time its body took to arrive.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
	})
	screened = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_waf_screened_total", Help: "Requests screened, by result: clean (no rule was run), named (only rules that might match were), unknown (all were).",
	}, []string{"result"})
	messages = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_waf_messages_total", Help: "Messages on sockets inspected, by verdict: passed, detected, blocked, refused, failed.",
	}, []string{"verdict"})
	overload = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_waf_overload_total", Help: "Requests not inspected because the inspections in flight left no room in time, by whose room it was: client, gateway.",
	}, []string{"room"})
	phases = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gateway_waf_phase_seconds", Help: "Time the rules of one phase took for a request: screen, request_headers, request_body.",
		Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
	}, []string{"phase"})
	ruleHits = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_waf_rule_hits_total", Help: "Requests, messages and answers in which a rule matched and said so, by the id of a loaded rule; _other for any other.",
	}, []string{"rule"})
	ruleSets = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gateway_waf_rule_sets", Help: "Compiled rule sets in memory.",
	})
)

func init() {
	for v, labels := range map[*prometheus.CounterVec][]string{
		requests:  {passed, detected, blocked, refused, failed},
		messages:  {passed, detected, blocked, refused, failed},
		responses: {passed, detected, blocked, cutOff, refused, failed, encoded},
		screened:  {"clean", "named", "unknown"},
		overload:  {"client", "gateway"},
		captured:  {"written", "dropped"},
	} {
		metrics.Begin(v, labels...)
	}
}

func registerMetrics(reg prometheus.Registerer) error {
	return metrics.Register(reg, requests, inspection, screened, phases, ruleHits, messages, overload, ruleSets, responses, responseInspection, partial)
}

// countRules counts the rules of a verdict. Ids are those of loaded rules, so the label is bounded by what an operator loads.
func countRules(ids []int, known map[int]string) {
	for _, id := range ids {
		label := other
		if _, ok := known[id]; ok {
			label = strconv.Itoa(id)
		}
		ruleHits.WithLabelValues(label).Inc()
	}
}

// observe tells how long a phase took that began at start.
func observe(phase string, start time.Time) {
	phases.WithLabelValues(phase).Observe(time.Since(start).Seconds())
}
