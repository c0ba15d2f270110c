package ship

import (
	"net/netip"
	"strconv"
	"strings"
)

// cefSeverity is CEF's 0 to 10.
var cefSeverity = [...]string{"1", "3", "5", "8", "10"}

// In the header, backslash and pipe are escaped; in the extension, backslash, equals sign and line ends. Other control characters say nothing.
var (
	cefHeader    = strings.NewReplacer(`\`, `\\`, `|`, `\|`, "\r", " ", "\n", " ")
	cefExtension = strings.NewReplacer(`\`, `\\`, `=`, `\=`, "\r", `\r`, "\n", `\n`)
)

// cefFields are the extension's keys and where their values come from.
var cefFields = [][2]string{
	{"act", "event.action"}, {"cat", "event.category"}, {"outcome", "event.outcome"}, {"reason", "event.reason"},
	{"externalId", "event.id"}, {"suid", "user.id"}, {"requestMethod", "http.request.method"}, {"request", "url.path"}, {"dhost", "url.domain"},
	{"requestClientApplication", "user_agent.original"}, {"in", "http.request.body.bytes"}, {"out", "http.response.body.bytes"}, {"dvchost", "gateway.node"},
}

// cefLabelled are keys that a second one names.
var cefLabelled = [][3]string{
	{"cs1", "requestId", "http.request.id"}, {"cs2", "session", "gateway.session"}, {"cs3", "country", "source.geo.country_iso_code"},
	{"cs4", "route", "gateway.route"}, {"cs5", "device", "gateway.device"}, {"cn1", "status", "http.response.status_code"}, {"cn2", "risk", "gateway.risk.score"},
}

// cef writes an event as ArcSight's Common Event Format, version 0 (CEF implementation standard, revision 25).
func cef(e *flat) []byte {
	name := e.text("event.reason")
	if name == "" {
		name = e.text("event.action")
	}
	var b strings.Builder
	b.WriteString("CEF:0|ConvoSphere|Gateway|1|")
	b.WriteString(cefHeader.Replace(clean(e.text("event.action"))))
	b.WriteByte('|')
	b.WriteString(cefHeader.Replace(clean(name)))
	b.WriteByte('|')
	b.WriteString(cefSeverity[e.level()])
	b.WriteString("|rt=")
	b.WriteString(strconv.FormatInt(e.time().UnixMilli(), 10))
	put := func(key, value string) {
		if value != "" {
			b.WriteString(" " + key + "=")
			b.WriteString(cefExtension.Replace(clean(value)))
		}
	}
	if ip, err := netip.ParseAddr(e.text("source.ip")); err == nil {
		if ip = ip.Unmap(); ip.Is4() {
			put("src", ip.String())
		} else { // src holds IPv4 alone
			put("c6a2Label", "Source IPv6 Address")
			put("c6a2", ip.WithZone("").String())
		}
	}
	for _, f := range cefFields {
		put(f[0], e.text(f[1]))
	}
	for _, f := range cefLabelled {
		if v := e.text(f[2]); v != "" {
			put(f[0]+"Label", f[1])
			put(f[0], v)
		}
	}
	if rules := strings.Join(e.list("rule.id"), ","); rules != "" {
		put("cs6Label", "rules")
		put("cs6", rules)
	}
	return []byte(b.String())
}

// clean takes out control characters but line ends, and what is no UTF-8.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\r' || r == 0x7f || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
