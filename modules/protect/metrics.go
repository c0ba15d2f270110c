package protect

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/metrics"
	"github.com/convosphere/gateway/modules/protect/record"
)

// Kept for the life of the process: a reload must not set them back.
var (
	fields = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_protect_fields_total", Help: "Fields by what was done: sealed, opened, stale (opened, and of an older version of their key set), plain (no tokens, and let through), erased (their keys are destroyed).",
	}, []string{"result"})
	requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_protect_requests_total", Help: "Requests by result: pass, token (422, the client sent one), invalid (400, 413, 415, 422), erased (409), unavailable (503).",
	}, []string{"result"})
	answers = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_protect_answers_total", Help: "Answers with protected fields by result: pass, withheld (502 or 503, nothing of them was sent), ended (cut off after their beginning was sent).",
	}, []string{"result"})
	outputs = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_protect_output_total",
		Help: "Answers and messages of back ends by what was done: error (5xx replaced), trace (a stack trace replaced), detected, encoded, partial, broken, short (withheld, or cut off).",
	}, []string{"result"})
	detections = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_protect_detections_total", Help: "What was found in answers and messages of back ends, by kind and by what was done: report, mask, block.",
	}, []string{"kind", "action"})

	filesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_protect_files_total", Help: "Files by what was begun: sealed, opened.",
	}, []string{"result"})

	sealed, opened, stale           = fields.WithLabelValues("sealed"), fields.WithLabelValues("opened"), fields.WithLabelValues("stale")
	plain, gone                     = fields.WithLabelValues("plain"), fields.WithLabelValues("erased")
	requestsPassed, requestsInvalid = requests.WithLabelValues("pass"), requests.WithLabelValues(wordInvalid)
	answersPassed, answersWithheld  = answers.WithLabelValues("pass"), answers.WithLabelValues("withheld")
	answersEnded                    = answers.WithLabelValues("ended")
	filesSealed, filesOpened        = filesTotal.WithLabelValues("sealed"), filesTotal.WithLabelValues("opened")
)

// count counts what was done to an answer.
func count(c record.Counts) {
	opened.Add(float64(c.Fields))
	stale.Add(float64(c.Stale))
	plain.Add(float64(c.Plain))
	gone.Add(float64(c.Erased))
}

func registerMetrics(reg prometheus.Registerer) error {
	return metrics.Register(reg, fields, requests, answers, outputs, detections, filesTotal)
}
