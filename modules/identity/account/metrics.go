package account

import "github.com/prometheus/client_golang/prometheus"

// Of the process, not of a configuration: a reload keeps them.
var (
	hashSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gateway_password_hash_seconds", Help: "Time to compute one password hash, without the wait for a turn.",
		Buckets: []float64{.005, .01, .02, .04, .08, .16, .32, .64, 1.28},
	})
	hashesWaiting = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gateway_password_hashes_waiting", Help: "Logins that wait for a core to compute their password hash on.",
	})
)

// Collectors is what the app registers.
func Collectors() []prometheus.Collector { return []prometheus.Collector{hashSeconds, hashesWaiting} }
