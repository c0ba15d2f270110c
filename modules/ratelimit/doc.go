// Package ratelimit is the directive gw_rate_limit: how much may one client, one person, one session ask?
//
// Its place on the path is after authentication, so that a limit can be a person's, and before everything that costs. All
// zones that match a request are asked together and charged all or none (package limit); what is over is answered 429.
// Messages on WebSockets have zones of their own, through the tap of internal/wsframe; what is in flight, open sockets too, is counted by leases.
//
// What a zone counts by is said by words (key.go), how much by a rate or a quota (measure.go), and of what a request costs, or gets back when its answer
// is there, by cost.go and settle.go. simulate.go tries other limits on the events of the past.
//
// Clients whose score in abuse control asks for it have a challenge to solve before they are served (challenge.go; package internal/challenge).
//
// Counters live in the gateway app's Redis, so all processes share them, or in memory, where there is no Redis or no
// gateway app. What happens while Redis can't be asked is each zone's choice: count in this process (default), admit, refuse.
//
// It writes reqctx.Request.Limited, LimitedKey, LimitedBy and Shadowed: the zones that refused, or would have; and Cleared.
//
// Metrics: gateway_rate_limit_requests_total, gateway_rate_limit_messages_total, gateway_rate_limit_leases, gateway_rate_limit_lease_errors_total,
// gateway_rate_limit_store_seconds, gateway_rate_limit_store_errors_total, gateway_challenges_total.
package ratelimit
