package authorize

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/metrics"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// Kept for the life of the process: a reload must not set them back.
var (
	requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_authorize_requests_total", Help: "Requests by result: allow, anonymous (401), step_up (401), forbidden (403), malformed (400, 413, 415), unavailable (503).",
	}, []string{"result"})
	messages = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_authorize_messages_total", Help: "Socket messages by direction and result: pass, drop, close.",
	}, []string{"direction", "result"})
	changes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_authorize_grants_total", Help: "Grants learned from the back end: stored (one each) and failed (one a change).",
	}, []string{"result"})
	withheld = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_authorize_answers_withheld_total", Help: "Answers of the back end that did not reach the client: malformed, too large, or their grants could not be stored.",
	})
	socketsClosed = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_authorize_sockets_closed_total", Help: "Open sockets that were closed because their handshake would be refused now (refused), or could not be decided again for long (undecided).",
	}, []string{"reason"})
	filteredOut = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_authorize_elements_removed_total", Help: "Elements that filters took out of lists.",
	})

	allowed, anonymous, stepUp = requests.WithLabelValues("allow"), requests.WithLabelValues("anonymous"), requests.WithLabelValues("step_up")
	forbidden, malformed       = requests.WithLabelValues("forbidden"), requests.WithLabelValues("malformed")
	unavailable                = requests.WithLabelValues("unavailable")
	grantsStored, grantsFailed = changes.WithLabelValues("stored"), changes.WithLabelValues("failed")
	messagesIn, messagesOut    = results("in"), results("out")
)

// byResult are the counters of one direction.
type byResult struct{ pass, drop, close prometheus.Counter }

func results(direction string) byResult {
	return byResult{messages.WithLabelValues(direction, "pass"), messages.WithLabelValues(direction, "drop"), messages.WithLabelValues(direction, "close")}
}

// count counts what a hook returned.
func count(c byResult, err error) {
	switch {
	case err == nil:
		c.pass.Inc()
	case errors.Is(err, wsframe.Drop):
		c.drop.Inc()
	default:
		c.close.Inc()
	}
}

func registerMetrics(reg prometheus.Registerer) error {
	return metrics.Register(reg, requests, messages, changes, socketsClosed, withheld, filteredOut)
}
