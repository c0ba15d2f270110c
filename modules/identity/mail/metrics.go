package mail

import "github.com/prometheus/client_golang/prometheus"

// Of the process, not of a configuration: a reload keeps it.
var sent = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "gateway_mails_total", Help: "Tries to send a mail by outcome: sent, retried, rejected (for good), expired (given up).",
}, []string{"outcome"})

// Collectors is what the app registers.
func Collectors() []prometheus.Collector { return []prometheus.Collector{sent} }
