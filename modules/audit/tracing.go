package audit

import (
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/redact"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/trace"
)

// trace begins the trace of the request, where requests are traced. It must come before the first handler begins.
func (h *Handler) trace(r *http.Request, rc *reqctx.Request) {
	if h.ground == nil || h.ground.Tracer == nil {
		return
	}
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	rc.Trace = h.ground.Tracer.Start(r, trusted, rc.Start)
	if rc.Trace.Sampled() {
		rc.Cost.Follow(rc.Trace)
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set("http.gw.trace_id", rc.Trace.ID())
	}
	if extra, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
		extra.Set(zap.String("trace_id", rc.Trace.ID())) // of Caddy's access log
	}
}

// traced hands over the trace of a request that has ended, or become a socket.
func traced(s seen, r *http.Request, rc *reqctx.Request, status int) {
	if rc.Trace == nil {
		return
	}
	method, upstream := methodOf(s.method), ""
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		upstream, _ = repl.GetString("http.reverse_proxy.upstream.hostport")
	}
	a := trace.Answer{Name: method, Status: status, Why: rc.Problem, Upstream: upstream, Attrs: []trace.Attr{
		trace.Text("http.request.method", method), trace.Text("network.protocol.version", protocolOf(r)), trace.Text("gateway.request_id", rc.ID),
	}}
	add := func(k, v string) {
		if v != "" {
			a.Attrs = append(a.Attrs, trace.Text(k, v))
		}
	}
	if rc.Route != "" { // the configuration's own words: as many names as it has routes
		a.Name = rc.Route
		if rc.Route[0] == '/' {
			a.Name = method + " " + rc.Route
		}
		add("http.route", rc.Route)
	}
	add("url.path", event.Cut(redact.Path(s.path, rc.Route), 256))
	add("gateway.problem", rc.Problem)
	add("gateway.problem_by", rc.By)
	if status >= 500 {
		add("error.type", rc.Problem)
	}
	rc.Trace.Finish(a, time.Now())
}

// methodOf is one of those that HTTP has, as conventions want it: a client may write any.
func methodOf(m string) string {
	if slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"}, m) {
		return m
	}
	return "_OTHER"
}

func protocolOf(r *http.Request) string {
	switch r.ProtoMajor {
	case 1:
		if r.ProtoMinor == 0 {
			return "1.0"
		}
		return "1.1"
	case 2:
		return "2"
	}
	return "3"
}

// socketAttrs are what passed.
func socketAttrs(k reqctx.Socket) []trace.Attr {
	return []trace.Attr{
		trace.Number("gateway.socket.messages_in", k.MessagesIn), trace.Number("gateway.socket.messages_out", k.MessagesOut),
		trace.Number("gateway.socket.bytes_in", k.BytesIn), trace.Number("gateway.socket.bytes_out", k.BytesOut),
		trace.Number("gateway.socket.refused", k.Refused), trace.Number("gateway.socket.close_code", int64(k.CloseCode)),
	}
}
