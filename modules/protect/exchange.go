package protect

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/protect/record"
)

// exchange encrypts what a request brings, asks the back end, and decrypts what it answers.
func (h *Handler) exchange(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, p *plan, vars record.Vars, next caddyhttp.Handler) error {
	if f := ready(rc, p); f != nil {
		h.refuse(w, r, rc, p.name, f)
		return nil
	}
	out, free, f := h.protect(w, r, rc, p, vars)
	defer free()
	if f != nil {
		h.refuse(w, r, rc, p.name, f)
		return nil
	}
	if p.open == nil {
		return h.ask(w, r, out, rc, p, next)
	}
	a := newAnswer(w, h, p, h.env(vars), out, rc.Caller(r))
	if err := h.serve(a, r, out, rc, next); err != nil {
		return err
	}
	return h.finish(a, r, rc)
}

// ready tells whether a request may be worked on. Fail closed.
func ready(rc *reqctx.Request, p *plan) *fault {
	switch {
	case p.missing != nil:
		return &fault{http.StatusServiceUnavailable, wordUnavailable, p.missing}
	case p.protects() && (rc.Decision == nil || !rc.Decision.Allow):
		return &fault{http.StatusServiceUnavailable, wordUnavailable, errNoDecision}
	}
	return nil
}

// ask calls the back end, whose answer passes as it is. What was wrong with the body may be known only then.
func (h *Handler) ask(w http.ResponseWriter, r, out *http.Request, rc *reqctx.Request, p *plan, next caddyhttp.Handler) error {
	body := out.Body
	begun := &begun{ResponseWriter: w}
	err := next.ServeHTTP(begun, out)
	if f := blame(body); f != nil && !begun.yes {
		h.refuse(w, r, rc, p.name, f)
		return nil
	}
	if err == nil && p.protects() {
		requestsPassed.Inc()
	}
	return err
}

// begun knows whether an answer has begun.
type begun struct {
	http.ResponseWriter
	yes bool
}

// Unwrap serves http.ResponseController.
func (b *begun) Unwrap() http.ResponseWriter {
	b.yes = true // whoever reaches through may write
	return b.ResponseWriter
}

// WriteHeader implements http.ResponseWriter.
func (b *begun) WriteHeader(status int) {
	b.yes = b.yes || status >= 200 || status == http.StatusSwitchingProtocols
	b.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (b *begun) Write(p []byte) (int, error) {
	b.yes = true
	return b.ResponseWriter.Write(p)
}

// serve calls the back end. A proxy whose copying was ended by what it wrote panics, as proxies do: that is ours to answer.
func (h *Handler) serve(a *answer, r, out *http.Request, rc *reqctx.Request, next caddyhttp.Handler) (err error) {
	defer func() {
		if a.failed == nil {
			return
		}
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			panic(p)
		}
		err = nil
	}()
	body := out.Body
	err = next.ServeHTTP(a, out)
	if f := blame(body); f != nil && a.state == undecided {
		a.failed = f
		return nil
	}
	if err != nil && a.sent {
		panic(http.ErrAbortHandler) // an error page has no place in the middle of an answer
	}
	return err
}

// finish sends what was held back, or an error in its place.
func (h *Handler) finish(a *answer, r *http.Request, rc *reqctx.Request) error {
	if a.failed == nil {
		a.failed = a.close()
	}
	count(a.Counts)
	if a.failed == nil {
		answersPassed.Inc()
		requestsPassed.Inc()
		return nil
	}
	f := a.failed
	if f.word == wordToken || f.word == wordInvalid || f.word == wordErased && f.status == http.StatusConflict { // the request's body was to blame
		h.refuse(a.ResponseWriter, r, rc, a.plan.name, f)
		return nil
	}
	h.logger.Error("an answer of the back end was withheld", zap.String("route", a.plan.name), zap.Error(f))
	h.tell(r, rc, a.plan.name, "protect-answer-withheld", f)
	if a.sent { // it can't be taken back: the client must see that it ends too early
		answersEnded.Inc()
		panic(http.ErrAbortHandler)
	}
	answersWithheld.Inc()
	p := problem.Problem{Status: f.status}
	if f.status == http.StatusServiceUnavailable {
		p.RetryAfter = retryAfter
	}
	problem.Write(a.ResponseWriter, r, p)
	return nil
}
