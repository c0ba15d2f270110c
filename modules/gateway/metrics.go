package gateway

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/event"
)

func registerMetrics(reg prometheus.Registerer, events *event.Bus) error {
	var already prometheus.AlreadyRegisteredError
	err := reg.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "gateway_events_dropped_total", Help: "Security events lost: the queue was full, or the disk refused them.",
	}, func() float64 {
		queue, disk := events.Dropped()
		return float64(queue + disk)
	}))
	if err != nil && !errors.As(err, &already) {
		return fmt.Errorf("registering metrics: %w", err)
	}
	return nil
}
