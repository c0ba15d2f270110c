package shadow

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/policy/replay"
)

// results are the metric's labels by kind of change.
var results = map[string]string{
	"": "same", replay.Refused: "refused", replay.StepUp: "step_up", replay.Allowed: "allowed", replay.Obligations: "obligations", replay.Reason: "reason",
}

// Kept for the life of the process: a reload must not set them back.
var (
	compared = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_policy_shadow_total",
		Help: "Decisions by what the candidate policy makes of them: same, reason, obligations, allowed, step_up, refused (newly), failed, or skipped (no room, or no time).",
	}, []string{"result"})
	skipped = compared.WithLabelValues("skipped")
)

// Collectors are the package's metrics.
func Collectors() []prometheus.Collector { return []prometheus.Collector{compared} }
