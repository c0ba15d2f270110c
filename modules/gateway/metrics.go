package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/metrics"
)

func registerMetrics(reg prometheus.Registerer, events *event.Bus) error {
	return metrics.Register(reg, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "gateway_events_dropped_total", Help: "Security events lost: the queue was full, or the disk refused them.",
	}, func() float64 {
		queue, disk := events.Dropped()
		return float64(queue + disk)
	}))
}
