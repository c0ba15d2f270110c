package audit

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/metrics"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Counters belong to the process, so that a reload does not set them back; each configuration's registry shows them.
var (
	requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_requests_total", Help: "Requests and sockets that ended, by status class and by the problem answered.",
	}, []string{"class", "problem"})
	sockets = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gateway_sockets_open", Help: "WebSockets that are open.",
	})
	panics = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_panics_total", Help: "Panics of handlers, recovered.",
	})
)

func registerMetrics(reg prometheus.Registerer) error {
	return metrics.Register(reg, append(cost.Collectors(), requests, sockets, panics)...)
}

// countRequest keeps labels bounded: the class is one of five, the problem is a name from our own code.
func countRequest(status int, rc *reqctx.Request) {
	requests.WithLabelValues(strconv.Itoa(status/100)+"xx", rc.Problem).Inc()
}
