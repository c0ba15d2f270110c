package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/metrics"
)

// abuseLevels counts for the process's life, so that a reload does not reset it.
var abuseLevels = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "gateway_abuse_levels_total", Help: "Changes of the level of a client or person by what was noted here, by the level now: none, tight, challenged, banned.",
}, []string{"level"})

var abuseShareErrors = prometheus.NewCounter(prometheus.CounterOpts{
	Name: "gateway_abuse_share_errors_total", Help: "Exchanges of scores of misbehaving clients with Redis that failed: this gateway goes by its own meanwhile.",
})

func registerMetrics(reg prometheus.Registerer, g *ground.Ground) error {
	return metrics.Register(reg, abuseLevels, abuseShareErrors, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "gateway_events_dropped_total", Help: "Security events lost: the queue was full, or the disk refused them.",
	}, func() float64 {
		queue, disk := g.Events.Dropped()
		return float64(queue + disk)
	}), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gateway_signing_key_age_seconds", Help: "For how long the signing key signs already; a key that was made by hand and names no time has none.",
	}, func() float64 {
		for _, k := range g.Keys.Keys() {
			if k.State == keyring.Signing && !k.From.IsZero() {
				return time.Since(k.From).Seconds()
			}
		}
		return 0
	}), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gateway_bans", Help: "Bans in memory. Some may have ended less than a minute ago.",
	}, func() float64 { return float64(g.Bans.Size()) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gateway_bans_stale", Help: "1 while changes of bans can't be seen: then what was last known holds.",
	}, func() float64 {
		if g.Bans.Stale() {
			return 1
		}
		return 0
	}))
}
