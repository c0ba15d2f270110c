package validate

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/metrics"
	"github.com/convosphere/gateway/modules/validate/openapi"
)

// Kept for the life of the process: a reload must not set them back.
var (
	requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_validate_requests_total", Help: "Requests by result: passed, reported, refused, unavailable (503: no room).",
	}, []string{"result"})
	responses = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_validate_responses_total", Help: "Answers held to the document, by result: passed, reported, withheld, unchecked (too long, no room).",
	}, []string{"result"})
	messages = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_validate_messages_total", Help: "Socket messages by direction and result: passed, reported, refused, dropped.",
	}, []string{"direction", "result"})
	faults = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_validate_faults_total", Help: "What was not as it must be, by where (path, query, header, cookie, body, message, response) and kind.",
	}, []string{"in", "kind"})
)

// Results.
const (
	passed      = "passed"
	reported    = "reported"
	refused     = "refused"
	unavailable = "unavailable"
	withheld    = "withheld"
	unchecked   = "unchecked"
	dropped     = "dropped"
)

func registerMetrics(reg prometheus.Registerer) error {
	return metrics.Register(reg, requests, responses, messages, faults)
}

func countFaults(found []openapi.Fault) {
	for _, f := range found {
		faults.WithLabelValues(f.In.String(), string(f.Kind)).Inc()
	}
}
