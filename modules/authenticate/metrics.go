package authenticate

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// They belong to the package, so that a reload does not reset them.
var (
	requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_authenticate_requests_total", Help: "Requests by what became of their credential.",
	}, []string{"result"})
	socketCloses = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_authenticate_socket_closes_total", Help: "Sockets closed because their session or token ended.",
	}, []string{"cause"})

	// Of every request, so looked up once.
	anonymous = requests.WithLabelValues("anonymous")
	known     = requests.WithLabelValues("known")
	verified  = requests.WithLabelValues("verified")
)

func register(r *prometheus.Registry) error {
	for _, c := range []prometheus.Collector{requests, socketCloses} {
		var already prometheus.AlreadyRegisteredError
		if err := r.Register(c); err != nil && !errors.As(err, &already) {
			return err
		}
	}
	return nil
}
