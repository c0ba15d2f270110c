package ratelimit

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/metrics"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// results are what becomes of what a zone is asked, the values of the label "result".
var results = [...]string{"admitted", "refused", "shadowed", "unavailable"}

const (
	admitted = iota
	refused
	shadowed // a shadow zone would have refused
	unavailable
)

// sources are where a decision was made, the values of the label "source", by limit.Source.
var sources = [...]string{"memory", "redis", "remembered", "failure", "leased"}

// modes are how a zone is counted, the values of the label "mode", by limit.Mode.
var modeNames = [...]string{"exact", "leased", "local"}

// The collectors belong to the package, so that a reload does not reset them.
var (
	requestsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_rate_limit_requests_total", Help: "Requests by zone, its mode (exact, leased, local), result (admitted, refused, shadowed, unavailable) and source of the decision (memory, redis, remembered, failure, leased).",
	}, []string{"zone", "mode", "result", "source"})
	messagesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_rate_limit_messages_total", Help: "Messages of clients on WebSockets by zone, mode, result and source, as for requests.",
	}, []string{"zone", "mode", "result", "source"})
	leasesHeld = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gateway_rate_limit_leases", Help: "Requests and sockets in flight that zones of things at the same time count, on this process.",
	})
	renewErrors = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_rate_limit_lease_errors_total", Help: "Leases of requests and sockets in flight that could not be renewed, or given back.",
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
	return metrics.Register(reg, requestsTotal, messagesTotal, leasesHeld, renewErrors, storeSeconds, storeErrors, shedTotal, shedLevel, queueSeconds, challengesTotal, tokensTotal, storeAvailable)
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
