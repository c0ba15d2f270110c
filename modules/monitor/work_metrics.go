package monitor

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/metrics"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/incident"
)

// hours are buckets from a second to a month.
var hours = []float64{1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600, 30 * 24 * 3600}

// Kept for the life of the process: a reload must not set them back.
var (
	incidentChanges = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_incident_findings_total", Help: "Findings by what they did to incidents: opened, raised (the level), joined, known (told before), alone (too low to begin one), failed.",
	}, []string{"change"})
	incidentSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gateway_incident_seconds", Buckets: hours,
		Help: "Times of incidents by step: opened (since their first event), acknowledged (triaged), contained, remediated and closed (since they were opened).",
	}, []string{"step"})
	responsesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_responses_total", Help: "What became of responses, by action and state; skipped are those that could not be done to whom a finding is about, or must not.",
	}, []string{"action", "state"})
	responseSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gateway_response_seconds", Buckets: []float64{.01, .05, .1, .5, 1, 5, 15, 60, 300, 3600}, Help: "From the last event of a finding until what a machine did about it was done.",
	})
)

func observeIncident(step string, took time.Duration) {
	incidentSeconds.WithLabelValues(step).Observe(took.Seconds())
}

func observeResponse(action, state string, after time.Duration) {
	responsesTotal.WithLabelValues(action, state).Inc()
	if after > 0 {
		responseSeconds.Observe(after.Seconds())
	}
}

func registerWork(reg prometheus.Registerer, w *work) error {
	all := []prometheus.Collector{incidentChanges, incidentSeconds, responsesTotal, responseSeconds}
	if w.incidents != nil {
		all = append(all, openIncidents{w.incidents})
	}
	return metrics.Register(reg, all...)
}

// openIncidents counts incidents that are not closed.
type openIncidents struct{ book *incident.Book }

var incidentsOpen = prometheus.NewDesc("gateway_incidents_open", "Incidents that are not closed, by level.", []string{"level"}, nil)

// Describe implements prometheus.Collector.
func (openIncidents) Describe(ch chan<- *prometheus.Desc) { ch <- incidentsOpen }

// Collect implements prometheus.Collector. Where the database can't be asked there is no value, which is not 0.
func (c openIncidents) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	n, err := c.book.Counts(ctx)
	if err != nil {
		return
	}
	for level, count := range n {
		ch <- prometheus.MustNewConstMetric(incidentsOpen, prometheus.GaugeValue, float64(count), finding.Level(level).String())
	}
}
