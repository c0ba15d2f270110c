package authenticate

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/metrics"
)

// They belong to the package, so that a reload does not reset them.
var (
	requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_authenticate_requests_total", Help: "Requests by what became of their credential.",
	}, []string{"result"})
	socketCloses = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_authenticate_socket_closes_total", Help: "Sockets closed because their session or token ended.",
	}, []string{"cause"})
	renewals = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_authenticate_socket_renewals_total", Help: "Clients of sockets told that their token has expired.",
	})

	// Of every request, so looked up once.
	anonymous    = requests.WithLabelValues("anonymous")
	known        = requests.WithLabelValues("known")
	certificates = requests.WithLabelValues("certificate")
	verified     = requests.WithLabelValues("verified")
)

func registerMetrics(reg prometheus.Registerer) error {
	return metrics.Register(reg, requests, socketCloses, renewals)
}
