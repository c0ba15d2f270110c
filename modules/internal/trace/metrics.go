package trace

import "github.com/prometheus/client_golang/prometheus"

// Kept for the life of the process: a reload must not set it back.
var spans = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "gateway_trace_spans_total", Help: "Spans by what became of them: sent, full (they found no room), refused (by the collector), failed (it did not answer).",
}, []string{"result"})

// lost is the counter's parts.
var lost = struct{ sent, full, refused, failed prometheus.Counter }{
	spans.WithLabelValues("sent"), spans.WithLabelValues("full"), spans.WithLabelValues("refused"), spans.WithLabelValues("failed"),
}

// Collectors are what is to be registered.
func Collectors() []prometheus.Collector { return []prometheus.Collector{spans} }
