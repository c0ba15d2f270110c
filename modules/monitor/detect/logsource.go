package detect

import (
	"slices"
	"strings"
)

// logsource says which events a rule is about, as Sigma has it.
type logsource struct{ category, product, service string }

// ours is what our own rules name as product and service.
const (
	ourProduct = "convosphere"
	ourService = "gateway"
)

// requests are the events that stand for lines of a web server's log.
var requests = []string{"http-request", "websocket"}

// webCategories are Sigma's categories of logs that requests stand for.
var webCategories = []string{"webserver", "proxy", "application"}

// categories are those that events have, besides http.
var categories = []string{
	"api", "authentication", "configuration", "database", "file", "iam", "intrusion_detection", "malware", "network", "package", "process", "session", "threat", "web",
}

// meant gives what an event must be for the log source; ok is false where no event of ours is of it.
func (l logsource) meant() (e *expr, ok bool) {
	switch {
	case slices.Contains(webCategories, l.category), l.own() && l.category == "http":
		return oneOf("event.action", requests), true
	case !l.own():
		return nil, false
	case l.category == "":
		return allOf(), true
	case slices.Contains(categories, l.category):
		return oneOf("event.category", []string{l.category}), true
	}
	return nil, false
}

// own tells whether the rule is written for this gateway.
func (l logsource) own() bool {
	return l.product == ourProduct && (l.service == "" || l.service == ourService)
}

// covers tells whether l, of a filter, is about other, too.
func (l logsource) covers(other logsource) bool {
	return (l.category == "" || l.category == other.category) && (l.product == "" || l.product == other.product) && (l.service == "" || l.service == other.service)
}

func (l logsource) String() string {
	var parts []string
	for _, p := range [][2]string{{"category", l.category}, {"product", l.product}, {"service", l.service}} {
		if p[1] != "" {
			parts = append(parts, p[0]+" "+plainly(p[1]))
		}
	}
	return strings.Join(parts, ", ")
}

func oneOf(field string, words []string) *expr {
	var kids []*expr
	for _, w := range words {
		kids = append(kids, ask(&atom{field: field, kind: isText, text: plainPattern(w).ready()}))
	}
	return someOf(kids...)
}

// Fields that are made of others where a rule asks for them: what Sigma's rules take for a URL is in two fields of an event.
const (
	original  = "url.original"  // path and query
	full      = "url.full"      // with scheme and host, and without: proxies' logs have either
	extension = "url.extension" // of the path's last part
)

// webFields are what the fields of Sigma's webserver and proxy logs (W3C's extended log format) are called in events.
var webFields = map[string]string{
	"c-ip": "source.ip", "src_ip": "source.ip", "client_ip": "source.ip", "clientip": "source.ip", "c-useragent": "user_agent.original",
	"cs-user-agent": "user_agent.original", "cs(user-agent)": "user_agent.original", "user_agent": "user_agent.original", "cs-useragent": "user_agent.original", "useragent": "user_agent.original", "cs-method": "http.request.method", "method": "http.request.method",
	"cs-host": "url.domain", "r-dns": "url.domain", "dst_host": "url.domain", "s-computername": "gateway.node", "c-uri": original, "cs-uri": original,
	"c-uri-stem": "url.path", "cs-uri-stem": "url.path", "cs-uri-query": original, "c-uri-query": original, "c-uri-path": "url.path",
	"c-uri-extension": extension, "cs-uri-extension": extension, "cs-referrer": "http.request.referrer", "cs-referer": "http.request.referrer", "referer": "http.request.referrer",
	"cs(referer)": "http.request.referrer", "sc-status": "http.response.status_code", "status": "http.response.status_code", "sc-bytes": "http.response.body.bytes", "cs-bytes": "http.request.body.bytes",
	"cs-username": "user.id", "time-taken": "event.duration",
}

// fields gives what translates the names of a rule's fields.
func (l logsource) fields() func(string) string {
	if l.own() {
		return func(name string) string { return name }
	}
	return func(name string) string {
		to, ok := webFields[strings.ToLower(name)]
		switch {
		case !ok:
			return name
		case l.category == "proxy" && to == original:
			return full
		}
		return to
	}
}
