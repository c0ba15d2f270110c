package monitor

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/metrics"
)

// Kept for the life of the process: a reload must not set them back. What is not known has no value, which is not 0.
var (
	figuresFailed = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_figures_failed_total", Help: "Times that figures could not be kept: they wait, for a day at most.",
	})
	figureRatios = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gateway_figure_ratio", Help: "Shares of the last 7 days, of all gateways on the database, from 0 to 1: availability, uptime, detection_rate, false_positive_rate, policy_coverage.",
	}, []string{"figure"})
	figureSeconds = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gateway_figure_seconds", Help: "Times of the last 7 days: the medians time_to_detect_median, time_to_respond_median and time_to_close_median, and cost_mean, what security adds to a request.",
	}, []string{"figure"})
)

func registerFigures(reg prometheus.Registerer) error {
	return metrics.Register(reg, append(cost.Collectors(), figuresFailed, figureRatios, figureSeconds)...)
}

// inMetrics are the figures that are metrics, by their names in reports.
var inMetrics = map[string]*prometheus.GaugeVec{
	"availability": figureRatios, "uptime": figureRatios, "detection_rate": figureRatios, "false_positive_rate": figureRatios, "policy_coverage": figureRatios,
	"time_to_detect_median": figureSeconds, "time_to_respond_median": figureSeconds, "time_to_close_median": figureSeconds, "cost_mean": figureSeconds,
}

// measure sets the metrics, so that whoever scrapes them waits for no database.
func (t *tally) measure(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	a, release := t.hold()
	if a == nil {
		return
	}
	defer release()
	src := a.figureSources()
	now := time.Now()
	r, err := a.figures.Report(ctx, now.Add(-usualReport), now, src)
	if err != nil {
		if ctx.Err() == nil {
			a.logger.Error("reading figures for metrics", zap.Error(err))
		}
		return
	}
	for _, l := range r.Lines() {
		gauge, ok := inMetrics[l.Name]
		switch {
		case !ok:
		case l.Value != l.Value: // not known
			gauge.DeleteLabelValues(l.Name)
		default:
			gauge.WithLabelValues(l.Name).Set(l.Value)
		}
	}
}

// hold gives the configuration in force, whose database stays open until it is released; nil: there is none.
func (t *tally) hold() (a *App, release func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.owner == nil {
		return nil, nil
	}
	return t.owner, t.owner.ground.Hold()
}
