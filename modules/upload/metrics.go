package upload

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/metrics"
)

// What becomes of an upload, the values of the label "result".
const (
	passed   = "passed"
	reported = "reported" // something was found that does not refuse
	refused  = "refused"
	failed   = "failed" // it could not be received, kept, inspected or scanned
)

// The collectors belong to the package, so that a reload does not reset them.
var (
	uploads = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_upload_uploads_total", Help: "Uploads by kind (raw, form, message) and result: passed, reported, refused, failed.",
	}, []string{"kind", "result"})
	found = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_upload_findings_total", Help: "Findings in uploads, by rule.",
	}, []string{"rule"})
	received = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_upload_received_bytes_total", Help: "Bytes of bodies that were spooled.",
	})
	phases = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gateway_upload_phase_seconds", Help: "Time of one phase of an upload: receive, inspect, scan.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"phase"})
	scans = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_upload_scans_total", Help: "Files that were to be scanned, by result: clean, found, too_long, busy, down.",
	}, []string{"result"})
	scannerUp = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gateway_upload_scanner_up", Help: "Whether a configured scanner answers.",
	}, []string{"scanner"})
	kept = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_upload_quarantined_total", Help: "Refused files that were to be kept, by result: kept, full, too_long, failed.",
	}, []string{"result"})
	spooled = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gateway_upload_spool_bytes", Help: "Bytes of disk that uploads take while they are looked at.",
	})
)

var kindNames = map[kind]string{raw: "raw", form: "form"}

const messageKind = "message"

// What has not happened yet is 0 rather than absent: a rate of nothing is no rate, and an alert on it never fires.
func init() {
	for _, k := range []string{"raw", "form", messageKind} {
		for _, r := range []string{passed, reported, refused, failed} {
			uploads.WithLabelValues(k, r)
		}
	}
	for v, labels := range map[*prometheus.CounterVec][]string{
		found: findings, scans: {"clean", "found", "too_long", "busy", "down"}, kept: {"kept", "full", "too_long", "failed"},
	} {
		for _, l := range labels {
			v.WithLabelValues(l)
		}
	}
}

func registerMetrics(reg prometheus.Registerer) error {
	return metrics.Register(reg, uploads, found, received, phases, scans, scannerUp, kept, spooled)
}
