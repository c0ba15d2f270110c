package main

import "strconv"

// Beginnings of lines.
var (
	headRequest       = head("web", "access", "http-request", "success")
	headRequestFailed = head("web", "access", "http-request", "failure")
	headSocket        = head("web", "access", "websocket", "success")
	headSocketFailed  = head("web", "access", "websocket", "failure")
	headActivity      = head("web", "info", "socket-activity", "success")
	headActivityBad   = head("web", "info", "socket-activity", "failure")
	headMessage       = head("web", "error", "socket-message", "failure")
	headDenied        = head("iam", "info", "policy-decision", "failure")
	headTokenRefused  = head("authentication", "start", "token-refused", "failure")
	headStripped      = head("web", "info", "identity-header-stripped", "success")
	headCross         = head("authentication", "info", "cross-site-refused", "failure")
	headUpload        = head("web", "info", "upload-refused", "failure")
	headMalware       = head("malware", "info", "upload-refused", "failure")
	headReuse         = head("session", "info", "refresh-reuse", "failure")
	headEnded         = head("session", "end", "session-ended", "success")
	headAbuse         = head("intrusion_detection", "info", "abuse-level", "success")
	headBan           = head("intrusion_detection", "denied", "ban-added", "success")
	headBanned        = head("intrusion_detection", "denied", "banned-client-refused", "failure")
	headSolved        = head("intrusion_detection", "allowed", "challenge-solved", "success")
)

// site is the name that people call.
const site = "chat.example.com"

// req is a request and what became of it.
type req struct {
	method, path, route string
	status              int
	in, out             int64
	millis              int
	problem, zone       string
	class               string
	reason              string // the policy's; "" where it was not asked
	denied              bool
	tier                string // "" where gw_authorize did not decide, but the portal
	kind, id            string // the resource
	invalid             string
	waf                 *verdict
	permission          string // of a denied decision
}

// verdict is what the WAF found.
type verdict struct {
	rules   []int
	message string
	blocked bool
	score   int
}

// request tells of a request, who is nil where nobody is known. It returns the request's id.
func (w *world) request(c *caller, who *session, r req) string {
	id := w.text(26)
	w.requestAs(id, c, who, r)
	return id
}

func (w *world) requestAs(id string, c *caller, who *session, r req) {
	if c.header && r.problem != "banned" {
		w.begin(headStripped)
		w.str("event.reason", "the client sent an identity header")
		w.aboutRequest(id, c, req{method: r.method, path: r.path})
		w.str("user_agent.original", c.agent)
		w.raw(c.from)
		w.finish()
	}
	if r.denied && r.permission != "" {
		w.denied(id, c, who, r)
	}
	if r.status >= 400 {
		w.begin(headRequestFailed)
	} else {
		w.begin(headRequest)
	}
	w.aboutRequest(id, c, r)
	w.num("http.response.status_code", int64(r.status))
	w.num("http.request.body.bytes", r.in)
	w.num("http.response.body.bytes", r.out)
	w.num("event.duration", int64(max(r.millis, 1))*1e6+w.rng.Int64N(1e6))
	w.str("user_agent.original", c.agent)
	w.raw(c.from)
	w.whose(who)
	if v := r.waf; v != nil {
		w.verdict(v)
	}
	w.str("gateway.problem", r.problem)
	w.str("gateway.classification", r.class)
	if r.zone != "" {
		w.str("gateway.zone", r.zone)
		w.str("gateway.zone_key", zoneKeys[r.zone])
	}
	if r.invalid != "" {
		w.list("gateway.invalid", r.invalid)
	}
	if r.reason != "" {
		w.flag("gateway.decision.allow", !r.denied)
		w.str("gateway.decision.reason", r.reason)
		if r.tier != "" {
			w.str("gateway.decision.revision", "60e39d0193df")
			if !r.denied {
				w.str("gateway.decision.tier", r.tier)
			}
		}
	}
	w.finish()
}

var zoneKeys = map[string]string{"login": "client", "mfa": "client", "client": "client", "register": "client", "user": "user", "messages": "user", "account": "user", "refresh": "client"}

func (w *world) aboutRequest(id string, c *caller, r req) {
	w.str("http.request.id", id)
	w.str("http.request.method", r.method)
	w.str("url.domain", site)
	w.str("url.path", r.path)
	w.str("gateway.route", r.route)
	w.str("gateway.resource.type", r.kind)
	w.str("gateway.resource.id", r.id)
}

// whose appends who is signed in.
func (w *world) whose(s *session) {
	if s == nil {
		return
	}
	w.raw(s.who)
	if s.began > 0 {
		w.count("gateway.session_age", (w.now-s.began)/1e6)
	}
}

// denied tells of a decision; those that allow are no events by default.
func (w *world) denied(id string, c *caller, who *session, r req) {
	w.begin(headDenied)
	w.str("event.reason", r.reason)
	w.aboutRequest(id, c, r)
	w.raw(c.from)
	w.whose(who)
	w.str("gateway.decision.id", w.text(26))
	w.str("gateway.decision.permission", r.permission)
	if r.kind != "" {
		w.str("gateway.decision.resource", r.kind+":"+r.id)
	}
	w.str("gateway.decision.classification", r.class)
	w.str("gateway.decision.input_digest", hex32(w))
	w.flag("gateway.decision.allow", false)
	w.str("gateway.decision.rule", "decision.rego:106")
	w.str("gateway.decision.revision", "60e39d0193df")
	w.count("gateway.decision.micros", 30+w.rng.Int64N(400))
	w.finish()
}

func hex32(w *world) string {
	return strconv.FormatUint(w.rng.Uint64()|1<<63, 16) + strconv.FormatUint(w.rng.Uint64()|1<<63, 16)
}

func (w *world) verdict(v *verdict) {
	w.raw(`,"rule.id":[`)
	for _, r := range v.rules {
		w.buf = strconv.AppendInt(w.buf, int64(r), 10)
		w.buf = append(w.buf, ',')
	}
	if v.blocked {
		w.raw("949110,")
	}
	w.raw("980170]")
	w.flag("gateway.waf.blocked", v.blocked)
	w.count("gateway.waf.score.inbound", int64(v.score))
	w.count("gateway.waf.score.detection", int64(v.score))
	w.raw(`,"gateway.waf.score.outbound":0,"gateway.waf.paranoia.blocking":1,"gateway.waf.paranoia.detection":1,"gateway.waf.matches":[`)
	for i, r := range v.rules {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.raw(`{"rule":`)
		w.buf = strconv.AppendInt(w.buf, int64(r), 10)
		w.raw(`,"severity":"critical","message":"` + v.message + `","score":5,"excerpt":"9' aaaaa aaaaaa","variable":["ARGS:q"]}`)
	}
	w.buf = append(w.buf, ']')
}

// event tells of something that people or programs did besides requests: the rest of the line is the caller's to write before finish.
func (w *world) event(h, reason, request string, c *caller) {
	w.begin(h)
	w.str("event.reason", reason)
	w.str("http.request.id", request)
	if c != nil {
		w.str("user_agent.original", c.agent)
		w.raw(c.from)
	}
}
