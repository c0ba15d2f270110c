package portal

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/metrics"
)

// It belongs to the package, so that a reload does not reset it.
var requests = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "gateway_portal_requests_total", Help: "Requests to the portal by route and result.",
}, []string{"route", "result"})

func registerMetrics(reg prometheus.Registerer) error {
	return metrics.Register(reg, requests)
}

func count(route string, status int) {
	if route == "" {
		route = "_other"
	}
	result := "ok"
	switch {
	case status >= 500:
		result = "error"
	case status >= 400:
		result = "refused"
	}
	requests.WithLabelValues(route, result).Inc()
}
