package ratelimit

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/metrics"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// Results of a decision, the values of the label "result". What a zone is called comes from the configuration, never from a client.
const (
	admitted    = "admitted"
	refused     = "refused"
	unavailable = "unavailable"
)

// Where a decision was made, the values of the label "source", by limit.Source.
var sources = [...]string{"memory", "redis", "remembered", "failure", "leased"}

// The collectors belong to the package, so that a reload does not reset them.
var (
	requestsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_rate_limit_requests_total", Help: "Requests by zone, result (admitted, refused, unavailable) and source of the decision (memory, redis, remembered, failure, leased).",
	}, []string{"zone", "result", "source"})
	messagesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_rate_limit_messages_total", Help: "Messages of clients on WebSockets by zone, result and source, as for requests.",
	}, []string{"zone", "result", "source"})
	socketsRefused = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_rate_limit_sockets_refused_total", Help: "WebSockets refused because their client had too many open.",
	})
	storeSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gateway_rate_limit_store_seconds", Help: "Time of a question to Redis.", Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25},
	})
	storeErrors = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_rate_limit_store_errors_total", Help: "Questions to Redis that failed.",
	})
	tokensTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_rate_limit_tokens_total", Help: "Tokens of leased zones by zone and fate: taken in advance, returned unused, wasted (could not be returned).",
	}, []string{"zone", "fate"})
	storeAvailable = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gateway_rate_limit_store_available", Help: "1 while limits are counted in Redis, or there is none; 0 while they go by on_failure.",
	})
	shedTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_rate_limit_shed_total", Help: "Requests refused because the node could not keep up, by class: anonymous, other, or a tier of the configuration.",
	}, []string{"class"})
	shedLevel = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gateway_rate_limit_shed_level", Help: "How many classes of callers are refused because the node can't keep up: 1.25 is who is anonymous, and a quarter of the next.",
	})
	queueSeconds = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gateway_rate_limit_queue_seconds", Help: "How long what is ready to run waits for a processor: the 90th percentile of the last quarter of a second.",
	})
)

func registerMetrics(reg prometheus.Registerer) error {
	return metrics.Register(reg, requestsTotal, messagesTotal, socketsRefused, storeSeconds, storeErrors, shedTotal, shedLevel, queueSeconds, challengesTotal)
}

func observeStore(took time.Duration, err error) {
	storeSeconds.Observe(took.Seconds())
	if err != nil {
		storeErrors.Inc()
	}
}

func setAvailable(yes bool) {
	if yes {
		storeAvailable.Set(1)
		return
	}
	storeAvailable.Set(0)
}

// What became of tokens, the values of the label "fate", by limit.Fate.
var fates = [...]string{"taken", "returned", "wasted"}

func observeTokens(zone string, f limit.Fate, n int64) {
	tokensTotal.WithLabelValues(zone, fates[f]).Add(float64(n))
}
