package cost

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Kept for the life of the process: a reload must not set them back.
var (
	handlers = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gateway_handler_seconds", Buckets: Buckets(),
		Help: "What a handler itself adds to a request, without what stands further in and without waiting for the client's body; of every eighth request.",
	}, []string{"handler"})
	all = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gateway_security_seconds", Buckets: Buckets(),
		Help: "What the gateway's handlers together add to a request, of those that gateway_handler_seconds has.",
	})
	byPart = func() (list [parts]prometheus.Observer) {
		for p := range list {
			list[p] = handlers.WithLabelValues(names[p])
		}
		return list
	}()
)

// Collectors are what is to be registered.
func Collectors() []prometheus.Collector { return []prometheus.Collector{handlers, all} }

// Reading is what was counted since the process began.
type Reading struct {
	Count   uint64   // of requests that were timed
	Seconds float64  // in all
	Buckets []uint64 // how many took no longer than that of Buckets, one after the other; the rest took longer
}

// Read gives what was counted of a part.
func Read(p Part) (Reading, error) { return read(byPart[p].(prometheus.Metric)) }

// ReadAll gives what was counted of all parts together.
func ReadAll() (Reading, error) { return read(all) }

func read(m prometheus.Metric) (r Reading, err error) {
	var got dto.Metric
	if err := m.Write(&got); err != nil {
		return r, fmt.Errorf("reading a metric: %w", err)
	}
	h := got.GetHistogram()
	r.Count, r.Seconds = h.GetSampleCount(), h.GetSampleSum()
	for _, b := range h.GetBucket() {
		r.Buckets = append(r.Buckets, b.GetCumulativeCount())
	}
	return r, nil
}
