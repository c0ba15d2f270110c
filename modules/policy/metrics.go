package policy

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/metrics"
	"github.com/convosphere/gateway/modules/policy/decisionlog"
	"github.com/convosphere/gateway/modules/policy/grant"
	"github.com/convosphere/gateway/modules/policy/shadow"
)

// Kept for the life of the process: a reload must not set them back.
var (
	decisions = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_policy_decisions_total", Help: "Decisions by result: allow, deny, step_up, or failed (which denies).",
	}, []string{"result"})
	seconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gateway_policy_decision_seconds", Help: "How long a decision took, the look-up of grants included.",
		Buckets: []float64{.00001, .000025, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25},
	})
	activations = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_policy_activations_total", Help: "Policies and data put in force (activated), refused, that could not be fetched (unreachable), or not kept for the next start (unkept).",
	}, []string{"result"})
	slow = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_policy_slow_decisions_total", Help: "Decisions that took a quarter of the timeout, or longer: alert on these, before they are refusals.",
	})
	allowed, denied = decisions.WithLabelValues("allow"), decisions.WithLabelValues("deny")
	stepUps, failed = decisions.WithLabelValues("step_up"), decisions.WithLabelValues("failed")
)

func registerMetrics(reg prometheus.Registerer) error {
	return metrics.Register(reg, slices.Concat(decisionlog.Collectors(), grant.Collectors(), shadow.Collectors(), []prometheus.Collector{decisions, seconds, slow, captured, activations})...)
}
