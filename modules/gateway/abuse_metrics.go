package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/abuse"
)

// Kept for the process's life, so that a reload does not reset them.
var (
	abuseLevels = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_abuse_levels_total", Help: "Changes of the level of a client or person by what was noted here, by the level now: none, tight, challenged, banned.",
	}, []string{"level"})
	abuseShareErrors = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_abuse_share_errors_total", Help: "Exchanges of scores of misbehaving clients with Redis that failed: this gateway goes by its own meanwhile.",
	})
	abuseSignals = prometheus.NewDesc("gateway_abuse_signals_total", "What counted against clients here, by signal.", []string{"signal"}, nil)
	abuseHeld    = prometheus.NewDesc("gateway_abuse_scores", "Clients and people with a score, by level.", []string{"level"}, nil)
)

// abuseCollector tells how a table stands.
type abuseCollector struct{ table *abuse.Table }

// Describe implements prometheus.Collector.
func (abuseCollector) Describe(to chan<- *prometheus.Desc) {
	to <- abuseSignals
	to <- abuseHeld
}

// Collect implements prometheus.Collector.
func (c abuseCollector) Collect(to chan<- prometheus.Metric) {
	s := c.table.Stats()
	for _, signal := range abuse.Signals() {
		to <- prometheus.MustNewConstMetric(abuseSignals, prometheus.CounterValue, float64(s.Signals[signal]), signal.String())
	}
	for l := abuse.None; l <= abuse.Banned; l++ {
		to <- prometheus.MustNewConstMetric(abuseHeld, prometheus.GaugeValue, float64(s.Levels[l]), l.String())
	}
}
