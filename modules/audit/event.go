package audit

import (
	"net"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/redact"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// What is kept of texts that only live detection sees.
const (
	maxQuery    = 2 << 10
	maxReferrer = 512
)

// seen is what the event keeps of the request as it came in.
type seen struct{ method, host, path, query, agent, referrer, remote string }

func seenOf(r *http.Request) seen {
	remote, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		remote = r.RemoteAddr // a unix socket's
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host // no port
	}
	return seen{
		r.Method, host, r.URL.EscapedPath(), event.Cut(r.URL.RawQuery, maxQuery), r.UserAgent(), event.Cut(r.Referer(), maxReferrer), remote,
	}
}

// statusGone is nginx's word for a client that left before the answer; it is only written in events.
const statusGone = 499

func eventOf(s seen, rc *reqctx.Request, status int, out, in int64, ctxErr error) *event.Event {
	if status == 0 {
		status = http.StatusOK // net/http's own answer where nobody wrote one
		if ctxErr != nil {
			status = statusGone
		}
	}
	e := &event.Event{
		Category: "web", Action: "http-request", Outcome: event.Success,
		Method: s.method, Host: s.host, Path: redact.Path(s.path, rc.Route), UserAgent: s.agent, Query: s.query, Referrer: s.referrer,
		Status: status, BytesIn: in, BytesOut: out, Duration: time.Since(rc.Start),
	}
	s.about(e, rc)
	if status >= 400 {
		e.Outcome = event.Failure
	}
	add := func(k, v string) {
		if v != "" {
			e.Fields = append(e.Fields, zap.String(k, v))
		}
	}
	add("gateway.problem", rc.Problem)
	add("gateway.problem_by", rc.By)
	add("gateway.refused", rc.Refused)
	add("gateway.classification", rc.Class)
	e.Fields = append(e.Fields, limitFields(rc)...)
	if v := rc.Verdict; v != nil {
		e.RuleIDs = v.Rules
		if len(v.Rules) > 0 {
			e.Fields = append(e.Fields, verdictFields(v)...)
		}
		if v.Response != "" {
			add("gateway.waf.response", v.Response)
			e.Outcome = event.Failure // also where the status was sent already
		}
	}
	if len(rc.Invalid) > 0 {
		e.Fields = append(e.Fields, zap.Strings("gateway.invalid", invalid(rc.Invalid)))
	}
	if d := rc.Decision; d != nil {
		e.Fields = append(e.Fields, zap.Bool("gateway.decision.allow", d.Allow))
		add("gateway.decision.reason", event.Cut(d.Reason, 256))
		add("gateway.decision.revision", d.Revision)
		add("gateway.decision.tier", d.Tier)
	}
	if k := rc.Socket; k != nil {
		e.Action = "websocket"
		e.Fields = append(e.Fields, socketFields(*k)...)
		if k.CloseCode != 0 {
			e.Fields = append(e.Fields, zap.Int("gateway.socket.close_code", k.CloseCode))
			add("gateway.socket.close_reason", k.CloseReason)
			if k.CloseCode == 1008 || k.CloseCode == 1009 {
				e.Outcome = event.Failure
			}
		}
	}
	return e
}

// about fills in which request it was and whose.
func (s seen) about(e *event.Event, rc *reqctx.Request) {
	if e.About(rc); e.SourceIP == "" {
		e.SourceIP = s.remote
	}
}

// invalid says in words what was not as it must be: "body /text is missing".
func invalid(found []reqctx.Invalid) []string {
	all := make([]string, len(found))
	for i, f := range found {
		all[i] = strings.Join(strings.Fields(f.In+" "+f.Place+" "+f.Reason), " ")
	}
	return all
}

// limitFields is what a limit refused, or would have.
func limitFields(rc *reqctx.Request) (fields []zap.Field) {
	if rc.Limited != "" {
		fields = append(fields, zap.String("gateway.zone", rc.Limited))
	}
	if rc.LimitedKey != "" {
		fields = append(fields, zap.String("gateway.zone_key", rc.LimitedKey))
	}
	if len(rc.LimitedBy) > 1 {
		fields = append(fields, zap.Strings("gateway.zones", rc.LimitedBy))
	}
	if len(rc.Shadowed) > 0 {
		fields = append(fields, zap.Strings("gateway.zones_shadow", rc.Shadowed))
	}
	return fields
}
