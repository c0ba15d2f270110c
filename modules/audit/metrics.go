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

// The first answers of a class are an increase, then, and not a series that is new.
func init() {
	for class := 1; class <= 5; class++ {
		requests.WithLabelValues(classOf(class*100), "")
	}
}

func registerMetrics(reg prometheus.Registerer) error {
	return metrics.Register(reg, append(cost.Collectors(), requests, sockets, panics)...)
}

// countRequest keeps labels bounded: the class is one of five, the problem is a name from our own code.
func countRequest(status int, rc *reqctx.Request) {
	requests.WithLabelValues(classOf(status), rc.Problem).Inc()
}

func classOf(status int) string { return strconv.Itoa(status/100) + "xx" }
