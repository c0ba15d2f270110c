package client

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// They belong to the package, so that a reload does not reset them.
var (
	refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_client_refused_total", Help: "Requests refused for their size or shape.",
	}, []string{"reason"})
	stripped = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_client_stripped_total", Help: "Requests that brought identity headers or trailers of their own.",
	}, []string{"kind"})
)

func register(r *prometheus.Registry) error {
	for _, c := range []prometheus.Collector{refused, stripped} {
		var already prometheus.AlreadyRegisteredError
		if err := r.Register(c); err != nil && !errors.As(err, &already) {
			return err
		}
	}
	return nil
}
