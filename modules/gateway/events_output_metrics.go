package gateway

import "github.com/prometheus/client_golang/prometheus"

// outputCollector tells how a configuration's outputs do.
type outputCollector []*output

var (
	outputSent    = prometheus.NewDesc("gateway_event_output_sent_total", "Events that an output's receiver took.", []string{"output"}, nil)
	outputDropped = prometheus.NewDesc("gateway_event_output_dropped_total", "Events that were left out of an output, by reason: queue, full, disk, refused, damaged.", []string{"output", "reason"}, nil)
	outputWaiting = prometheus.NewDesc("gateway_event_output_waiting_bytes", "What waits in an output's spool.", []string{"output"}, nil)
	outputAway    = prometheus.NewDesc("gateway_event_output_away", "1 while an output's receiver takes no events.", []string{"output"}, nil)
)

// Describe implements prometheus.Collector.
func (outputCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{outputSent, outputDropped, outputWaiting, outputAway} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c outputCollector) Collect(ch chan<- prometheus.Metric) {
	for _, o := range c {
		s := o.ship.Status()
		away := 0.0
		if s.Away {
			away = 1
		}
		ch <- prometheus.MustNewConstMetric(outputSent, prometheus.CounterValue, float64(s.Sent), s.Name)
		ch <- prometheus.MustNewConstMetric(outputWaiting, prometheus.GaugeValue, float64(s.Waiting), s.Name)
		ch <- prometheus.MustNewConstMetric(outputAway, prometheus.GaugeValue, away, s.Name)
		for reason, n := range s.Lost {
			ch <- prometheus.MustNewConstMetric(outputDropped, prometheus.CounterValue, float64(n), s.Name, reason)
		}
	}
}
