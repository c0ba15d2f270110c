package balance

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/balance/pick"
	"github.com/convosphere/gateway/modules/internal/metrics"
)

var (
	choices = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_balance_choices_total", Help: "Requests and sockets by the back end that gw_balance chose, as configured; \"none\": no back end was available. Beyond 100 back ends \"_other\".",
	}, []string{"upstream"})
	weight = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gateway_balance_weight", Help: "The weight of a back end when gw_balance last chose: 0 not available, below 1 in its slow start.",
	}, []string{"upstream"})
)

func registerMetrics(reg prometheus.Registerer) error { return metrics.Register(reg, choices, weight) }

// mostLabels is how many back ends have a label of their own: those found by DNS come and go.
const mostLabels = 100

// labels are the back ends that have one, for as long as the metrics live.
var labels = struct {
	sync.Mutex
	known map[string]bool
}{known: map[string]bool{}}

func labelOf(name string) string {
	labels.Lock()
	defer labels.Unlock()
	if !labels.known[name] {
		if len(labels.known) >= mostLabels {
			return "_other"
		}
		labels.known[name] = true
	}
	return name
}

func tell(targets []pick.Target, weights []float64, at int) {
	for i, t := range targets {
		if label := labelOf(t.Name); label == t.Name { // of many others there is no one weight
			weight.WithLabelValues(label).Set(weights[i])
		}
	}
	if at < 0 {
		choices.WithLabelValues("none").Inc()
		return
	}
	choices.WithLabelValues(labelOf(targets[at].Name)).Inc()
}
