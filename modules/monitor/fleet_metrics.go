package monitor

import (
	"github.com/prometheus/client_golang/prometheus"
)

// counting describes what correlations count, when it is asked for.
type counting struct{ live *live }

var (
	windowsBytes   = prometheus.NewDesc("gateway_monitor_windows_bytes", "Memory that what correlations count takes.", nil, nil)
	windowsGroups  = prometheus.NewDesc("gateway_monitor_windows_groups", "Groups (addresses, accounts, …) that correlations count something of, by rule.", []string{"rule"}, nil)
	windowsEvicted = prometheus.NewDesc("gateway_monitor_windows_evicted", "Groups that were forgotten before their time, for want of memory, by rule: alert on these.", []string{"rule"}, nil)
	windowsLate    = prometheus.NewDesc("gateway_monitor_windows_late", "Events that came after the window was told that they belong to.", nil, nil)
	windowsMore    = prometheus.NewDesc("gateway_monitor_findings_suppressed", "Findings that were more of the same and so only counted.", nil, nil)

	fleetUp       = prometheus.NewDesc("gateway_monitor_fleet_up", "Whether gateways count together (1), or each for itself, as Redis is away (0).", nil, nil)
	fleetOwned    = prometheus.NewDesc("gateway_monitor_fleet_partitions", "Partitions that this gateway counts for all, of 16.", nil, nil)
	fleetSent     = prometheus.NewDesc("gateway_monitor_fleet_hits_sent_total", "Hits of correlations that went to Redis.", nil, nil)
	fleetLost     = prometheus.NewDesc("gateway_monitor_fleet_hits_lost_total", "Hits that found no place while Redis was away: alert on these.", nil, nil)
	fleetCounted  = prometheus.NewDesc("gateway_monitor_fleet_hits_counted_total", "Hits that this gateway counted for all.", nil, nil)
	fleetRepeated = prometheus.NewDesc("gateway_monitor_fleet_hits_repeated_total", "Hits that came again, and were not counted again.", nil, nil)
	fleetMissed   = prometheus.NewDesc("gateway_monitor_fleet_batches_missed_total", "Batches of hits that the streams had dropped before they were read: alert on these.", nil, nil)
	fleetTook     = prometheus.NewDesc("gateway_monitor_fleet_takeovers_total", "Partitions that this gateway took over.", nil, nil)
	fleetWaiting  = prometheus.NewDesc("gateway_monitor_fleet_waiting_bytes", "Hits that wait for Redis.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c counting) Describe(d chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{
		windowsBytes, windowsGroups, windowsEvicted, windowsLate, windowsMore,
		fleetUp, fleetOwned, fleetSent, fleetLost, fleetCounted, fleetRepeated, fleetMissed, fleetTook, fleetWaiting,
	} {
		d <- one
	}
}

// Collect implements prometheus.Collector.
func (c counting) Collect(m chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		m <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, n int64) {
		m <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n))
	}
	s := c.live.engine.Windows().Stats()
	if member := c.live.fleet.Load(); member != nil {
		f := member.fleet.Stats()
		s.Add(f.Windows)
		up := 0.
		if f.Up {
			up = 1
		}
		gauge(fleetUp, up)
		gauge(fleetOwned, float64(f.Owned))
		gauge(fleetWaiting, float64(f.Waiting))
		counter(fleetSent, f.Sent)
		counter(fleetLost, f.Lost)
		counter(fleetCounted, f.Counted)
		counter(fleetRepeated, f.Repeated)
		counter(fleetMissed, f.Gaps)
		counter(fleetTook, f.Took)
	}
	gauge(windowsBytes, float64(s.Bytes))
	// Of a fleet these go down when partitions go to another gateway: so they are no counters.
	gauge(windowsLate, float64(s.Late))
	gauge(windowsMore, float64(s.Suppressed))
	for _, r := range s.Rules {
		gauge(windowsGroups, float64(r.Groups), r.Rule)
		gauge(windowsEvicted, float64(r.Evicted), r.Rule)
	}
}
