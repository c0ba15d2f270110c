package journal

import (
	"cmp"
	"strings"

	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Field is what events are asked by. Its values are kept as a column.
type Field uint8

// The fields.
const (
	Action     Field = iota
	Category         // event.category
	Outcome          // event.outcome
	Level            // how much it matters: a finding's or incident's own, else by what it is
	Verdict          // of a request or socket: allowed, refused (by the gateway), failed (at the back end)
	Part             // which part of the gateway refused it
	Client           // source.ip
	Country          // source.geo.country_iso_code
	Network          // source.as.organization.name
	User             // user.id
	Target           // user.target.id
	Session          // gateway.session
	Account          // gateway.account
	Rule             // rule.id and gateway.finding.rule: several values, see Hit.Rules
	Route            // gateway.route
	Path             // url.path
	Method           // http.request.method
	Host             // url.domain
	Status           // http.response.status_code
	Problem          // gateway.problem
	Reason           // event.reason
	Permission       // gateway.decision.permission
	Node             // gateway.node
	fields           // how many there are
)

var fieldNames = [fields]string{
	"action", "category", "outcome", "level", "verdict", "part", "client", "country", "network", "user", "target", "session", "account", "rule", "route", "path", "method", "host",
	"status", "problem", "reason", "permission", "node",
}

// String is the field's name.
func (f Field) String() string {
	if f < fields {
		return fieldNames[f]
	}
	return "none"
}

// between stands between the values of a column of which an event can have several.
const between = "\n"

// several are fields of which an event can have more than one value.
func (f Field) several() bool { return f == Rule }

// Verdicts of requests.
const (
	Allowed = "allowed"
	Refused = "refused"
	Failed  = "failed"
)

// row is what of an event is kept in columns. Its texts are parts of the line.
type row struct {
	at          int64 // microseconds since 1970
	id, request string
	values      [fields]string

	blocked, answered, limited, formed bool // for Part
}

// where says which field of an event is which column.
var where = map[string]Field{
	"event.action": Action, "event.category": Category, "event.outcome": Outcome, "source.ip": Client, "source.geo.country_iso_code": Country,
	"source.as.organization.name": Network, "user.id": User, "user.target.id": Target, "gateway.session": Session, "gateway.account": Account,
	"gateway.route": Route, "url.path": Path, "http.request.method": Method, "url.domain": Host, "http.response.status_code": Status,
	"gateway.problem": Problem, "event.reason": Reason, "gateway.decision.permission": Permission, "gateway.node": Node,
	"gateway.finding.level": Level, "gateway.incident.level": Level,
}

// read takes out of e what is kept in columns. An event without a time or an action is none.
func (r *row) read(e *ecs.Event) bool {
	*r = row{}
	at := e.Time()
	if at.IsZero() {
		return false
	}
	r.at = at.UnixMicro()
	for _, f := range e.Fields() {
		switch f.Name {
		case "event.id":
			r.id = f.Text
		case "http.request.id":
			r.request = f.Text
		case "rule.id", "gateway.finding.rule":
			r.addRule(f.Text)
		case "gateway.waf.blocked":
			r.blocked = f.Text == "true"
		case "gateway.waf.response":
			r.answered = true
		case "gateway.zone":
			r.limited = true
		case "gateway.refused":
			r.formed = true
		default:
			if to, ok := where[f.Name]; ok && f.Kind != ecs.Null && len(f.Text) <= mostValue {
				r.values[to] = f.Text
			}
		}
	}
	r.judge()
	return r.values[Action] != ""
}

const (
	mostValue = 1024 // bytes of a value in a column; a longer one is in the line alone
	mostRules = 32   // of one event
)

func (r *row) addRule(id string) {
	v := r.values[Rule]
	switch {
	case id == "" || len(id) > 256 || strings.Contains(id, between) || strings.Count(v, between) >= mostRules:
	case v == "":
		r.values[Rule] = id
	case !contains(v, id):
		r.values[Rule] = v + between + id
	}
}

// contains tells whether id is among several values.
func contains(values, id string) bool {
	for v := range strings.SplitSeq(values, between) {
		if v == id {
			return true
		}
	}
	return false
}

// judge fills in what no event says in so many words.
func (r *row) judge() {
	v := &r.values
	v[Level] = r.level()
	if v[Action] != "http-request" && v[Action] != "websocket" {
		return
	}
	if v[Outcome] == "success" {
		v[Verdict] = Allowed
		return
	}
	if v[Part] = r.part(); v[Part] != "" {
		v[Verdict] = Refused
		return
	}
	v[Verdict] = Failed
}

// partOf is which part of the gateway says what.
var partOf = map[string]string{
	"unauthenticated": "login", "wrong-credentials": "login", "wrong-code": "login", "step-up-required": "login", "second-factor-required": "login",
	"quota-exceeded": "limits", "temporary-reduced-capacity": "limits", "abnormal-usage-detected": "limits", "rate-limited": "limits",
	"overloaded": "overload", "challenge-required": "challenge", "challenge-failed": "challenge", "cross-site": "origin",
	"too-large": "form", "url-too-long": "form", "headers-too-large": "form", "bad-request": "form", "invalid": "validation", "forbidden": "policy",
	"method-not-allowed": "form", "unsupported-media-type": "form", "misdirected": "form", "timeout": "form",
}

// Parts are the values of Part.
func Parts() []string {
	return []string{"challenge", "form", "limits", "login", "origin", "other", "overload", "policy", "validation", "waf"}
}

// part is who refused: the gateway names the problem of what it answers itself. A back end's own errors have none.
func (r *row) part() string {
	switch {
	case r.blocked || r.answered:
		return "waf"
	case r.limited && r.values[Problem] != "":
		return "limits"
	case r.formed:
		return "form"
	}
	switch p := r.values[Problem]; p {
	case "", "not-found", "bad-gateway", "gateway-timeout", "internal", "unavailable", "conflict":
		return ""
	default:
		return cmp.Or(partOf[p], "other")
	}
}

// matters are events that matter more than their outcome says.
var matters = map[string]finding.Level{
	"refresh-reuse": finding.High, "policy-incident": finding.High, "output-lost": finding.High, "output-dropped": finding.High, "alert-failed": finding.High,
	"audit-set-aside": finding.Critical, "audit-missing": finding.Critical, "break-glass": finding.High, "authenticator-copied": finding.High,
	"login-unusual": finding.Medium, "token-refused": finding.Low, "challenge-solved": finding.Informational, "ban-removed": finding.Informational, "bans-removed": finding.Informational,
}

// level is what the event carries, else by its action, else what the WAF stopped and intrusion detection is medium, other failures low.
func (r *row) level() string {
	if given, ok := finding.ParseLevel(r.values[Level]); ok {
		return given.String()
	}
	if l, ok := matters[r.values[Action]]; ok {
		return l.String()
	}
	failed := r.values[Outcome] == "failure"
	switch {
	case r.values[Category] == "intrusion_detection", r.blocked, r.answered:
		return finding.Medium.String()
	case failed:
		return finding.Low.String()
	}
	return finding.Informational.String()
}
