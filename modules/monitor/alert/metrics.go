package alert

import "github.com/prometheus/client_golang/prometheus"

// Of the process, not of a configuration: a reload keeps it.
var outcomes = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "gateway_alerts_total", Help: "Tries to send an alert, by channel and outcome: sent, retried, dead (given up).",
}, []string{"channel", "outcome"})

// begin has the outcomes of a configuration's channels begin at 0: the first alert that is given up is an increase, then, and not a series that is new.
func begin(channels []Channel) {
	for _, ch := range channels {
		for _, outcome := range []string{"sent", "retried", "dead"} {
			outcomes.WithLabelValues(ch.Name, outcome)
		}
	}
}

// Collectors is what the app registers.
func Collectors() []prometheus.Collector { return []prometheus.Collector{outcomes} }
