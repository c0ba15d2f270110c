// Package event is what happened, as one typed record in ECS field names, and the bus that carries it to files.
package event

import (
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Outcomes, as ECS has them.
const (
	Success = "success"
	Failure = "failure"
	Unknown = "unknown"
)

// Event is one security event. The zero value of a field is left out of the record. It never holds a
// secret, a token, a body, a query string, a person's name or a mail address.
type Event struct {
	Time     time.Time
	Category string // event.category: web, authentication, iam, session, configuration, process
	Action   string // event.action: "http-request", "login", "session-ended", …
	Outcome  string // event.outcome: success, failure or unknown
	Reason   string // event.reason: short, for people, never from input

	RequestID string        // http.request.id
	Method    string        // http.request.method; cut at 32 bytes
	Host      string        // url.domain; cut at 256 bytes
	Path      string        // url.path; escaped, cut at 512 bytes
	Route     string        // gateway.route
	Status    int           // http.response.status_code
	BytesIn   int64         // http.request.body.bytes
	BytesOut  int64         // http.response.body.bytes
	Duration  time.Duration // event.duration, nanoseconds
	UserAgent string        // user_agent.original; cut at 256 bytes
	SourceIP  string        // source.ip
	UserID    string        // user.id: opaque, so that the record tells of nobody once the account is erased
	UserRoles []string      // user.roles
	Session   string        // gateway.session: the session's id, which is no secret
	RuleIDs   []int         // rule.id: WAF rules that matched
	Fields    []zap.Field   // gateway.*: whatever else the writer knows, keys with the prefix
	dropped   int64         // set by the bus: how many events were lost before this one
	id        string        // set by the bus
	flushed   chan struct{} // not an event, but the mark of a Flush
}

// MarshalLogObject writes the ECS fields.
func (e *Event) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	str := func(k, v string) {
		if v != "" {
			enc.AddString(k, v)
		}
	}
	num := func(k string, v int64) {
		if v != 0 {
			enc.AddInt64(k, v)
		}
	}
	str("event.id", e.id)
	str("event.category", e.Category)
	str("event.action", e.Action)
	str("event.outcome", e.Outcome)
	str("event.reason", e.Reason)
	str("http.request.id", e.RequestID)
	str("http.request.method", Cut(e.Method, 32))
	str("url.domain", Cut(e.Host, 256))
	str("url.path", Cut(e.Path, 512))
	str("gateway.route", e.Route)
	num("http.response.status_code", int64(e.Status))
	num("http.request.body.bytes", e.BytesIn)
	num("http.response.body.bytes", e.BytesOut)
	num("event.duration", int64(e.Duration))
	str("user_agent.original", Cut(e.UserAgent, 256))
	str("source.ip", e.SourceIP)
	str("user.id", e.UserID)
	if len(e.UserRoles) > 0 {
		zap.Strings("user.roles", e.UserRoles).AddTo(enc)
	}
	str("gateway.session", e.Session)
	if len(e.RuleIDs) > 0 {
		zap.Ints("rule.id", e.RuleIDs).AddTo(enc)
	}
	num("gateway.events_dropped", e.dropped)
	for _, f := range e.Fields {
		f.AddTo(enc)
	}
	return nil
}

// Cut shortens s to at most n bytes. What it splits of a rune is replaced by the encoder.
func Cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
