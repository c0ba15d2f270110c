package session

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/metrics"
)

// Of the process, not of a configuration: a reload keeps them.
var (
	logins = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_logins_total", Help: "First steps of logins by outcome: success, second_factor (asked for), expired (the password), wrong, throttled, challenged, error.",
	}, []string{"outcome"})
	factors = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_second_factors_total", Help: "Second factors given by kind (totp, webauthn, recovery) and outcome: success, wrong, throttled, expired, error.",
	}, []string{"kind", "outcome"})
	refreshes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_refreshes_total", Help: "Refresh tokens given by outcome: rotated, repeated (within 10 s), reused (the session ended), invalid, error.",
	}, []string{"outcome"})
	started = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gateway_sessions_started_total", Help: "Sessions begun by logins and step ups.",
	})
	risks = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_login_risks_total", Help: "Unusual logins by what was unusual: new-device, new-country, impossible-travel.",
	}, []string{"risk"})
	ended = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_sessions_ended_total", Help: "Sessions ended in this process by reason; those that expire are not counted.",
	}, []string{"reason"})
	verified = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_tokens_verified_total", Help: "Access tokens verified because they were not remembered, by outcome: valid, invalid, error.",
	}, []string{"outcome"})
	tokensKnown = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gateway_tokens_remembered", Help: "Verified access tokens in memory, counted once a minute.",
	})
)

func init() {
	metrics.Begin(logins, "success", "second_factor", "expired", "wrong", "throttled", "challenged", "error")
	metrics.Begin(refreshes, "rotated", "repeated", "reused", "invalid", "error")
}

// Collectors is what the app registers.
func Collectors() []prometheus.Collector {
	return []prometheus.Collector{logins, factors, refreshes, started, risks, ended, verified, tokensKnown}
}
