package alert

import "github.com/prometheus/client_golang/prometheus"

// Of the process, not of a configuration: a reload keeps it.
var outcomes = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "gateway_alerts_total", Help: "Tries to send an alert, by channel and outcome: sent, retried, dead (given up).",
}, []string{"channel", "outcome"})

// Collectors is what the app registers.
func Collectors() []prometheus.Collector { return []prometheus.Collector{outcomes} }
