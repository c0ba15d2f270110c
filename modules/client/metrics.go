package client

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/metrics"
)

// They belong to the package, so that a reload does not reset them.
var (
	refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_client_refused_total", Help: "Requests refused for their size or shape.",
	}, []string{"reason"})
	stripped = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_client_stripped_total", Help: "Requests that claimed an identity, another path or method, or to come by a proxy.",
	}, []string{"kind"})
)

func registerMetrics(reg prometheus.Registerer) error {
	return metrics.Register(reg, refused, stripped)
}
