package monitor

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/metrics"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Kept for the life of the process: a reload must not set them back.
var (
	events = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_monitor_events_total", Help: "Events that were looked at.",
	})
	unseen = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_monitor_events_unseen_total", Help: "Events that were not looked at, since they came faster than they could be: alert on these.",
	})
	found = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_monitor_findings_total", Help: "What was seen in events, by kind (match, correlation, anomaly) and level.",
	}, []string{"kind", "level"})
	rulesLoaded = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gateway_monitor_rules", Help: "Rules in force, by kind (rule, correlation).",
	}, []string{"kind"})
	rulesBroken = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gateway_monitor_rules_broken", Help: "Rules that are wrong and left out.",
	})
	rulesRefused = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_monitor_rules_refused_total", Help: "Times that changed rules were not put in force, since one was wrong.",
	})
	unworked = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_monitor_findings_unworked_total", Help: "Findings that are in the events alone, since those before them took too long to be worked on.",
	})
)

func registerMetrics(reg prometheus.Registerer) error {
	return metrics.Register(reg, events, unseen, found, unworked, rulesLoaded, rulesBroken, rulesRefused)
}

func countFinding(f *finding.Finding) { found.WithLabelValues(f.Kind, f.Level.String()).Inc() }
