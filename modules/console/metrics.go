package console

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/metrics"
)

// They belong to the package, so that a reload does not reset them.
var (
	requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_console_requests_total", Help: "Requests to the console by view, what was asked for, and result.",
	}, []string{"view", "what", "result"})
	watching = prometheus.NewGauge(prometheus.GaugeOpts{Name: "gateway_console_streams", Help: "Streams of live rows that are open."})
)

func registerMetrics(reg prometheus.Registerer) error {
	return metrics.Register(reg, requests, watching)
}

// count counts one answer. The view is one that there is, or "".
func count(name, what string, status int) {
	if name == "" {
		name = "_other"
	}
	result := "ok"
	switch {
	case status >= 500:
		result = "error"
	case status >= 400:
		result = "refused"
	}
	requests.WithLabelValues(name, what, result).Inc()
}
