package waf

import "github.com/prometheus/client_golang/prometheus"

// Results that only answers have.
const (
	cutOff  = "ended"   // cut off by the rules after its beginning was sent
	encoded = "encoded" // not inspected: the back end has compressed it
)

var (
	responses = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_waf_responses_total",
		Help: "Answers of inspected types, by verdict: passed, detected, blocked, ended, refused, failed, encoded.",
	}, []string{"verdict"})
	responseInspection = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gateway_waf_response_inspection_seconds", Help: "Time the inspection of an answer took, all its windows, waiting for room included.",
		Buckets: []float64{.00001, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
	})
	partial = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_waf_responses_streamed_total", Help: "Answers passed on before their end, since they were flushed or longer than the limit.",
	})
)
