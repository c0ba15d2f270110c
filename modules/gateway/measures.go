package gateway

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/measure"
)

// openMeasures reads what is in force in g's database, unless another configuration has it in memory. Who is never banned is not touched, either.
func openMeasures(ctx context.Context, a *App, g *ground.Ground, releases *[]func() error) (*measure.View, error) {
	table, release, err := acquire("measures", a.Database+"\x00"+a.DataDir, func() (*measure.Table, func() error, error) {
		t, err := measure.Open(ctx, measure.Sources{DB: g.DB, Feed: g.Feed, Now: time.Now})
		if err != nil {
			return nil, nil, err
		}
		return t, t.Close, nil
	})
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	*releases = append(*releases, release)
	return table.View(g.Bans.Exempt), nil
}

// measureCollector tells how many measures are in force.
type measureCollector struct{ view *measure.View }

var measures = prometheus.NewDesc("gateway_measures", "Measures in memory, by kind. Some may have ended less than a minute ago.", []string{"kind"}, nil)

// Describe implements prometheus.Collector.
func (c measureCollector) Describe(ch chan<- *prometheus.Desc) { ch <- measures }

// Collect implements prometheus.Collector.
func (c measureCollector) Collect(ch chan<- prometheus.Metric) {
	for kind, n := range c.view.Counts() {
		ch <- prometheus.MustNewConstMetric(measures, prometheus.GaugeValue, float64(n), measure.Kind(kind).String())
	}
}
