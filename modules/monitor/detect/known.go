package detect

import (
	"slices"
	"strings"
)

// knownFields are the fields that events may have, but those of gateway.*; the dictionary is package event's README. Those that Sigma's logs have and that are
// made of others are among them.
var knownFields = []string{
	"@timestamp", "event.id", "event.kind", "event.category", "event.type", "event.action", "event.outcome", "event.reason", "event.duration",
	"source.ip", "source.geo.country_iso_code", "source.as.number", "source.as.organization.name", "user_agent.original",
	"user.id", "user.roles", "user.target.id", "user.target.roles", "rule.id",
	"http.request.id", "http.request.method", "http.request.body.bytes", "http.request.referrer", "http.response.status_code", "http.response.body.bytes",
	"url.domain", "url.path", "url.query", original, full, extension,
}

// ownFields are the names below gateway. that events may have, and what may stand before a dot there.
var ownFields = []string{
	"abuse", "account", "admin", "audit", "ban", "break_glass", "classification", "config", "cut", "data_key", "data_keys", "decision", "device", "events_dropped", "factor", "factor_step",
	"grant", "grants", "incident", "invalid", "keys", "limits", "node", "output", "policy", "problem", "protect", "refused", "resource", "response", "risk", "route",
	"rules", "session", "session_age", "shadow", "socket", "throttle", "upload", "version", "waf", "zone", "zone_key", "zones", "zones_shadow",
}

// known tells whether events may have a field.
func known(name string) bool {
	if own, ok := strings.CutPrefix(name, "gateway."); ok {
		first, _, _ := strings.Cut(own, ".")
		return slices.Contains(ownFields, first)
	}
	return slices.Contains(knownFields, name)
}
