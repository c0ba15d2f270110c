// Package event is what happened, as one typed record in ECS field names, and the bus that carries it to files.
package event

import (
	"cmp"
	"slices"
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

// Event is one security event; README.md is the dictionary. The zero value of a field is left out of the record. It never holds a
// secret, a token, a body, a query string, a person's name or a mail address.
type Event struct {
	Time     time.Time
	Category string // event.category; "" is what the dictionary has for Action
	Action   string // event.action: "http-request", "login", "session-ended", …
	Outcome  string // event.outcome: success, failure or unknown
	Reason   string // event.reason: short, for people, never from input

	RequestID string        // http.request.id
	TraceID   string        // trace.id, and
	SpanID    string        // span.id: of the request, where requests are traced
	Method    string        // http.request.method; cut at 32 bytes
	Host      string        // url.domain; cut at 256 bytes
	Path      string        // url.path; escaped, cut at 512 bytes
	Route     string        // gateway.route
	Resource  Resource      // gateway.resource.*: what the request is about
	Status    int           // http.response.status_code
	BytesIn   int64         // http.request.body.bytes
	BytesOut  int64         // http.response.body.bytes
	Duration  time.Duration // event.duration, nanoseconds
	UserAgent string        // user_agent.original; cut at 256 bytes
	SourceIP  string        // source.ip
	Country   string        // source.geo.country_iso_code
	Network   Network       // source.as.*
	UserID    string        // user.id: opaque, so that the record tells of nobody once the account is erased
	UserRoles []string      // user.roles; at most 16, each cut at 64 bytes
	TargetID  string        // user.target.id: whose account was changed, where another did it
	Account   string        // gateway.account: a keyed hash of the user name that a login tried
	Session   string        // gateway.session: the session's id, which is no secret
	Begun     time.Time     // when the session began; written as gateway.session_age, in seconds
	Device    string        // gateway.device: the id of a device of the account
	Risk      int           // gateway.risk.score: 1 to 100, 0 none
	Node      string        // gateway.node
	RuleIDs   []int         // rule.id: WAF rules that matched
	Fields    []zap.Field   // gateway.*: whatever else the writer knows, keys with the prefix

	// Query and Referrer are what the client sent, cut at 2 KiB and 512 bytes by the writer. They are never written: a Sink may look at them.
	Query, Referrer string

	dropped int64         // set by the bus: how many events were lost before this one
	id      string        // set by the bus
	left    []string      // fields that are left out, since the line would be too long
	flushed chan struct{} // not an event, but the mark of a Flush
}

// Resource is what a request is about, as the policy's data resolve its route.
type Resource struct{ Type, ID string }

// Network is whose network an address belongs to.
type Network struct {
	Number       uint32 // of the autonomous system
	Organization string
}

// MarshalLogObject writes the ECS fields.
func (e *Event) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	w := writer{enc}
	e.what(w)
	e.request(w)
	e.who(w)
	if len(e.RuleIDs) > 0 {
		zap.Ints("rule.id", e.RuleIDs).AddTo(enc)
	}
	w.text("gateway.node", e.Node)
	w.number("gateway.events_dropped", e.dropped)
	for i := range e.Fields {
		if len(e.left) == 0 || !slices.Contains(e.left, e.Fields[i].Key) {
			e.Fields[i].AddTo(enc)
		}
	}
	if len(e.left) > 0 {
		zap.Strings("gateway.cut", e.left).AddTo(enc)
	}
	return nil
}

// what happened, in the dictionary's words.
func (e *Event) what(w writer) {
	c := dictionary[e.Action]
	w.text("event.id", e.id)
	w.text("event.kind", c.kind)
	w.text("event.category", cmp.Or(e.Category, c.category))
	w.text("event.type", c.typ)
	w.text("event.action", e.Action)
	w.text("event.outcome", e.Outcome)
	w.text("event.reason", Cut(e.Reason, 256))
	w.number("event.duration", int64(e.Duration))
}

func (e *Event) request(w writer) {
	w.text("http.request.id", e.RequestID)
	w.text("trace.id", e.TraceID)
	w.text("span.id", e.SpanID)
	w.text("http.request.method", Cut(e.Method, 32))
	w.text("url.domain", Cut(e.Host, 256))
	w.text("url.path", Cut(e.Path, 512))
	w.text("gateway.route", Cut(e.Route, 256))
	w.text("gateway.resource.type", Cut(e.Resource.Type, 64))
	w.text("gateway.resource.id", Cut(e.Resource.ID, 128))
	w.number("http.response.status_code", int64(e.Status))
	w.number("http.request.body.bytes", e.BytesIn)
	w.number("http.response.body.bytes", e.BytesOut)
}

func (e *Event) who(w writer) {
	w.text("user_agent.original", Cut(e.UserAgent, 256))
	w.text("source.ip", Cut(e.SourceIP, 128))
	w.text("source.geo.country_iso_code", Cut(e.Country, 2))
	w.number("source.as.number", int64(e.Network.Number))
	w.text("source.as.organization.name", Cut(e.Network.Organization, 128))
	w.text("user.id", Cut(e.UserID, 256))
	if len(e.UserRoles) > 0 {
		zap.Array("user.roles", roles(e.UserRoles[:min(len(e.UserRoles), 16)])).AddTo(w.enc)
	}
	w.text("user.target.id", Cut(e.TargetID, 256))
	w.text("gateway.account", e.Account)
	w.text("gateway.session", Cut(e.Session, 256))
	if !e.Begun.IsZero() { // a session that begins now is told by its 0
		w.enc.AddInt64("gateway.session_age", max(0, int64(e.Time.Sub(e.Begun)/time.Second)))
	}
	w.text("gateway.device", Cut(e.Device, 64))
	w.number("gateway.risk.score", int64(e.Risk))
}

// roles are those of an identity: another issuer's may be any text.
type roles []string

// MarshalLogArray implements zapcore.ArrayMarshaler.
func (all roles) MarshalLogArray(enc zapcore.ArrayEncoder) error {
	for _, r := range all {
		enc.AppendString(Cut(r, 64))
	}
	return nil
}

// writer leaves out what is zero.
type writer struct{ enc zapcore.ObjectEncoder }

func (w writer) text(k, v string) {
	if v != "" {
		w.enc.AddString(k, v)
	}
}

func (w writer) number(k string, v int64) {
	if v != 0 {
		w.enc.AddInt64(k, v)
	}
}

// Cut shortens s to at most n bytes. What it splits of a rune is replaced by the encoder.
func Cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
