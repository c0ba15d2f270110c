package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/metrics"
)

func registerMetrics(reg prometheus.Registerer, g *ground.Ground) error {
	return metrics.Register(reg, abuseLevels, abuseShareErrors, abuseCollector{g.Abuse}, abuseCollector{g.Abuse}, prometheus.NewCounterFunc(prometheus.CounterOpts{
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
