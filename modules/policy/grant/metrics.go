package grant

import "github.com/prometheus/client_golang/prometheus"

// Kept for the life of the process: a reload must not set them back.
var (
	lookups = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_grants_lookups_total", Help: "Questions about an object's grants, by what answered: memory or database.",
	}, []string{"from"})
	expired = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_grants_expired_total", Help: "Grants that ended by themselves and were deleted by this process.",
	})
	refused = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_grants_full_total", Help: "Changes that were refused because an object or a subject has as many grants as it may have.",
	})
	fromMemory, fromDatabase = lookups.WithLabelValues("memory"), lookups.WithLabelValues("database")
)

// Collectors are the metrics of all stores of the process.
func Collectors() []prometheus.Collector { return []prometheus.Collector{lookups, expired, refused} }
