// Package metrics puts a package's collectors into the registry of a configuration.
package metrics

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Begin has values of a counter's one label begin at 0. An alert asks by how much a value has increased: where it is absent until the first time, that first
// time is no increase, and tells nobody.
func Begin(v *prometheus.CounterVec, values ...string) {
	for _, value := range values {
		v.WithLabelValues(value)
	}
}

// Register adds the collectors. Those that are there already stay: several handlers of one configuration share them.
func Register(reg prometheus.Registerer, collectors ...prometheus.Collector) error {
	for _, c := range collectors {
		var already prometheus.AlreadyRegisteredError
		if err := reg.Register(c); err != nil && !errors.As(err, &already) {
			return fmt.Errorf("registering metrics: %w", err)
		}
	}
	return nil
}
