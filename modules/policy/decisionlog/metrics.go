package decisionlog

import "github.com/prometheus/client_golang/prometheus"

// Kept for the life of the process: a reload must not set them back.
var (
	logged = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_policy_decision_log_total", Help: "Decisions for the log, by result: written, or dropped (no room in the queue).",
	}, []string{"result"})
	written, dropped = logged.WithLabelValues("written"), logged.WithLabelValues("dropped")
)

// Collectors are the package's metrics.
func Collectors() []prometheus.Collector { return []prometheus.Collector{logged} }
