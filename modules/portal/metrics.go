package portal

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// It belongs to the package, so that a reload does not reset it.
var requests = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "gateway_portal_requests_total", Help: "Requests to the portal by route and result.",
}, []string{"route", "result"})

func register(r *prometheus.Registry) error {
	var already prometheus.AlreadyRegisteredError
	if err := r.Register(requests); err != nil && !errors.As(err, &already) {
		return err
	}
	return nil
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
