package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/keyset"
	"github.com/convosphere/gateway/modules/internal/metrics"
	"github.com/convosphere/gateway/modules/internal/trace"
)

func registerMetrics(reg prometheus.Registerer, a *App) error {
	g := a.ground
	if err := metrics.Register(reg, trace.Collectors()...); err != nil {
		return err
	}
	return metrics.Register(reg, outputCollector(a.outputs), backupsMade, backupCollector{a.backups}, abuseLevels, abuseShareErrors, abuseCollector{g.Abuse}, abuseCollector{g.Abuse}, logCollector{g}, healthCollector{g.Health}, expiryCollector{g.Expiry}, prometheus.NewCounterFunc(prometheus.CounterOpts{
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
		Name: "gateway_data_keys_open", Help: "Sets of data keys in memory, at most.",
	}, func() float64 { return float64(g.DataKeys.Size()) }), memoryLimit, diskCollector{a.DataDir}, dataKeyCounter{g.DataKeys}, measureCollector{g.Measures}, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
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

// dataKeyCounter tells what became of sets of data keys.
type dataKeyCounter struct{ sets *keyset.Sets }

var dataKeyLoads = prometheus.NewDesc("gateway_data_key_loads_total", "Sets of data keys that were not in memory: read from the database, made new, or not to be had.", []string{"result"}, nil)

// Describe implements prometheus.Collector.
func (c dataKeyCounter) Describe(ch chan<- *prometheus.Desc) { ch <- dataKeyLoads }

// Collect implements prometheus.Collector.
func (c dataKeyCounter) Collect(ch chan<- prometheus.Metric) {
	loaded, made, failed := c.sets.Counts()
	for result, n := range map[string]int64{"read": loaded, "made": made, "failed": failed} {
		ch <- prometheus.MustNewConstMetric(dataKeyLoads, prometheus.CounterValue, float64(n), result)
	}
}
