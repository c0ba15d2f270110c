package audit

import (
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// ServeHTTP lets the rest of the path answer, and records how it ended.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if wsframe.Extended(r) {
		return host.FromConnect(h, w, r, next)
	}
	defer h.ground.Hold()()
	r, rc := reqctx.Ensure(r)
	// What the event tells of the request is kept now: handlers further in rewrite it.
	seen := seenOf(r)
	h.trace(r, rc)
	next = rc.Cost.Begin(cost.Audit, next)
	ended := false
	end := func() {
		if !ended {
			ended = true
			rc.Cost.End()
		}
	}
	defer end()
	// The id is ours alone: a client's is not passed on, and the client learns ours for its bug report.
	r.Header.Set("X-Request-Id", rc.ID)
	w.Header().Set("X-Request-Id", rc.ID)
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set("http.gw.request_id", rc.ID)
	}
	body := &countingBody{ReadCloser: r.Body, clock: &rc.Cost}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = body
	}
	activity := h.watch(seen, r, rc)
	refused := h.prepareToEnd(w, r, rc)
	rec := caddyhttp.NewResponseRecorder(w, nil, nil)

	if refused {
		next = caddyhttp.HandlerFunc(refuseSocket)
	}
	err, panicked := h.guard(rec, r, next)
	if err != nil && !panicked {
		h.render(rec, r, err)
	}
	e := eventOf(seen, rc, rec.Status(), int64(rec.Size()), body.n.Load(), r.Context().Err())
	if panicked {
		e.Reason = "panic"
		e.Outcome = "failure"
		if v := rc.Verdict; v != nil && v.Response == reqctx.ResponseEnded {
			e.Reason = "the answer was ended"
		}
	}
	countRequest(e.Status, rc)
	activity.end()
	end() // before the trace is handed over, which has it, too
	traced(seen, r, rc, e.Status)
	if !rc.Banned { // its ban has events, which a flood of requests can't fill the log with
		h.emit(e)
	}
	if panicked && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler) // the server's own way to cut a connection; it logs nothing
	}
	return nil
}

// guard runs the handlers further in. A panic is answered with 500; where the answer has begun already, the connection
// is cut, so that nobody takes half an answer for a whole one.
func (h *Handler) guard(rec caddyhttp.ResponseRecorder, r *http.Request, next caddyhttp.Handler) (err error, panicked bool) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		panicked = true
		err = http.ErrAbortHandler
		if v == http.ErrAbortHandler { //nolint:errorlint // the value itself is the signal
			return
		}
		panics.Inc()
		h.logger.Error("a handler panicked", zap.Any("panic", v), zap.String("request_id", reqctx.From(r.Context()).ID), zap.ByteString("stack", debug.Stack()))
		if rec.Status() == 0 {
			problem.Write(rec, r, problem.Problem{Status: http.StatusInternalServerError})
			err = nil
		}
	}()
	return next.ServeHTTP(rec, r), false
}

// render answers with the status that a handler's error names. What it says stays in the log.
func (h *Handler) render(rec caddyhttp.ResponseRecorder, r *http.Request, err error) {
	status := http.StatusInternalServerError
	var he caddyhttp.HandlerError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.As(err, &he) && he.StatusCode >= 400 && he.StatusCode < 600:
		status = he.StatusCode
	}
	rc := reqctx.From(r.Context())
	if status >= 500 {
		h.logger.Error("a request failed", zap.Error(err), zap.Int("status", status), zap.String("request_id", rc.ID), zap.String("trace_id", rc.Trace.ID()))
	}
	if rec.Status() != 0 {
		return // the answer has begun: its status stands
	}
	p := problem.Problem{Status: status}
	if status == http.StatusServiceUnavailable {
		p.RetryAfter = 5 * time.Second
	}
	problem.Write(rec, r, p)
}

// countingBody counts what was read of a request's body.
type countingBody struct {
	io.ReadCloser
	n     atomic.Int64
	clock *cost.Clock
}

func (b *countingBody) Read(p []byte) (int, error) {
	began := b.clock.Waiting()
	n, err := b.ReadCloser.Read(p)
	b.clock.Waited(began) // a slow client's time is nobody's cost
	b.n.Add(int64(n))
	return n, err
}
