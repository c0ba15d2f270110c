package waf

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/gate"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// ServeHTTP inspects the request, then passes it on whole, or answers it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if wsframe.Extended(r) {
		return host.FromConnect(h, w, r, next)
	}
	r, rc := reqctx.Ensure(r)
	if rc.Inspected {
		return next.ServeHTTP(w, r) // a gw_waf further out has decided
	}
	rc.Inspected = true
	if h = h.of(r); h.rules == nil {
		return next.ServeHTTP(w, r)
	}
	next = rc.Cost.Begin(cost.WAF, next)
	defer rc.Cost.End()
	h = h.strict(rc)
	x := h.inspect(w, r, rc)
	defer x.end()
	requests.WithLabelValues(x.label).Inc()
	if x.label == failed {
		h.logger.Error("inspecting a request", zap.String("request_id", rc.ID), zap.Error(x.err))
	}
	if h.Mode == Detect && (x.label == failed || x.unseen) && x.whole() {
		x.status = 0 // fail open, as mode detect does
	}
	h.record(x, r, rc)
	if x.label == blocked {
		h.attacked(rc)
	}
	if x.status != 0 {
		answer(w, r, x)
		return nil
	}
	if x.body != nil {
		r.Body = x.body
	} else {
		x.end() // a long response or a socket needs no transaction
	}
	w, r, socket := h.watch(w, r, rc)
	defer socket.end()
	if !h.Responses.Off {
		return h.respond(w, r, rc, x, next)
	}
	return next.ServeHTTP(w, r)
}

// tooManyArguments is the type of a problem: the client can send the same in several requests.
const tooManyArguments = "too-many-arguments"

// answer refuses the request. It says nothing of the rules: that would tell an attacker what to change.
func answer(w http.ResponseWriter, r *http.Request, x *exchange) {
	p := problem.Problem{Status: x.status, Type: x.problem}
	switch x.status {
	case http.StatusForbidden:
		p.Type = "waf-blocked"
	case http.StatusServiceUnavailable:
		p.RetryAfter = time.Second
	}
	if x.cut && r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // the rest of the body is still on it
		drain(w, r)
	}
	problem.Write(w, r, p)
}

// drain reads a little of a body that is refused, for a little while: who is still sending when the connection closes may never see the answer.
func drain(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainFor)) // not every server can; then it is bounded by length
	_, _ = io.CopyN(io.Discard, r.Body, drainBytes)
}

const (
	drainFor   = 500 * time.Millisecond
	drainBytes = 256 << 10
)

// statusOf is the answer to a request that could not be inspected whole.
func statusOf(err error) (status int, label string) {
	var tooLarge *http.MaxBytesError // by a request_body directive outside of us
	var timeout net.Error
	switch {
	case errors.Is(err, errNoStorage):
		// Fail closed: what can't be kept can't be inspected, nor passed on whole.
		return http.StatusServiceUnavailable, failed
	case errors.Is(err, gate.ErrBusy), errors.Is(err, gate.ErrClient):
		return http.StatusServiceUnavailable, refused
	case errors.Is(err, errCookies):
		return http.StatusRequestHeaderFieldsTooLarge, refused
	case errors.Is(err, errTooMany):
		return http.StatusBadRequest, refused
	case errors.Is(err, errTooLong), errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge, refused
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return http.StatusRequestTimeout, refused
	}
	return http.StatusBadRequest, refused // broken chunks, a body shorter than announced, a client that went away
}
