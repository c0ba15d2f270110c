package authorize

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/jsonstream"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/strictjson"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// applyTime bounds how long a change of grants may take.
const applyTime = 5 * time.Second

// partial are request headers that would make the back end answer with less than the whole, or not as plain text.
var partial = []string{"Range", "If-Range", "If-None-Match", "If-Modified-Since"}

// exchange asks the back end and works on its answer: before any of it goes to the client, or while it goes. masks are the policy's.
func (h *Handler) exchange(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, rt *compiled, in engine.Input, v values, masks *jsonstream.Masks, next caddyhttp.Handler) error {
	if len(rt.effects) > 0 {
		ctx, cancel := outlive(r.Context())
		defer cancel()
		r = r.WithContext(ctx)
	}
	for _, k := range partial {
		r.Header.Del(k)
	}
	r.Header.Set("Accept-Encoding", "identity")
	t := &transform{ctx: r.Context(), filter: rt.filter, masks: masks, h: h, limit: int(h.MaxAnswer)}
	if rt.filter != nil {
		t.question = rt.filter.question(in)
	}
	a := newAnswer(w, h.MaxAnswer, rt.treat(r.Method, masks != nil), t.stream)
	defer func() { t.over(a.stream) }()
	if err := serve(a, r, next); err != nil {
		return err
	}
	if a.state == undecided {
		a.WriteHeader(http.StatusOK) // as net/http would
	}
	if a.state == pass {
		return nil
	}
	err := h.work(a, r, rc, rt, v)
	if err == nil {
		return nil
	}
	h.logFailure(rt, err)
	withheld.Inc()
	switch {
	case a.sent: // it can't be taken back: the client must see that it ends too early
		panic(http.ErrAbortHandler)
	case errors.Is(err, errUnavailable):
		problem.Write(w, r, problem.Problem{Status: http.StatusServiceUnavailable, RetryAfter: retryAfter})
	default:
		problem.Write(w, r, problem.Problem{Status: http.StatusBadGateway})
	}
	return nil
}

// serve calls the back end. A proxy whose copying was ended by what it wrote panics, as proxies do: that is ours to answer.
func serve(a *answer, r *http.Request, next caddyhttp.Handler) (err error) {
	defer func() {
		if a.failed == nil {
			return
		}
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			panic(p)
		}
		err = nil
	}()
	if err = next.ServeHTTP(a, r); err != nil && a.sent {
		panic(http.ErrAbortHandler) // an error page has no place in the middle of an answer
	}
	return err
}

// work does with an answer what the route and the policy say, and sends it, or the rest of it. An error withholds it.
func (h *Handler) work(a *answer, r *http.Request, rc *reqctx.Request, rt *compiled, v values) error {
	switch {
	case a.state == refuse && a.unfit != nil:
		return a.unfit
	case a.state == refuse:
		return fmt.Errorf("%w: status %d", errAnswer, a.status)
	case a.failed != nil:
		return a.failed
	case r.Method == http.MethodHead:
		return a.send(nil, true, true)
	case a.state == bare:
		a.header.Del("Content-Type")
		a.header.Del("Content-Encoding")
		return a.send(nil, true, false)
	case a.state == change:
		return a.finish(rt.filter != nil)
	}
	return h.learn(a, r, rc, rt, v)
}

// finish sends the rest of an answer that was changed while it passed. An empty one has nothing to mask, but no list either.
func (a *answer) finish(filtered bool) error {
	if a.unfit != nil {
		if filtered {
			return a.unfit
		}
		return a.send(nil, true, false)
	}
	if !a.sent && !filtered && a.stream.Empty() {
		return a.send(nil, true, false)
	}
	if err := a.stream.Close(); err != nil {
		return err
	}
	if !a.sent {
		return a.send(a.stream.Take(), true, false)
	}
	_, err := a.ResponseWriter.Write(a.stream.Take())
	return err
}

// learn changes grants as an answer says that was held for it, and sends it.
func (h *Handler) learn(a *answer, r *http.Request, rc *reqctx.Request, rt *compiled, v values) error {
	var doc *strictjson.Value
	if _, needed := rt.effects.on(a.status); needed {
		var err error
		if doc, err = a.json(); err != nil {
			return err
		}
	}
	c, err := rt.effects.resolve(a.status, answerVars(v, doc), rc.Identity)
	if err != nil {
		return fmt.Errorf("%w: %w", errAnswer, err)
	}
	if err := h.apply(r.Context(), c); err != nil {
		return err
	}
	a.stream = a.begin(a.status)
	if a.stream == nil || a.body.Len() == 0 && rt.filter == nil {
		return a.send(a.body.Bytes(), false, false)
	}
	if err := a.fit(); err != nil {
		return err
	}
	body, err := a.stream.Whole(a.body.Bytes())
	if err != nil {
		return err
	}
	return a.send(body, true, false)
}

// answerVars are the variables of the request and of the answer.
func answerVars(request values, doc *strictjson.Value) values {
	return func(name string) (string, error) {
		if member, ok := strings.CutPrefix(name, responseJSON); ok && doc != nil {
			return members(doc)(member)
		}
		return request(name)
	}
}

// apply stores a change of grants. Fail closed: an error withholds what brought it about.
func (h *Handler) apply(ctx context.Context, c altered) error {
	if len(c.add) == 0 && len(c.remove) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTime)
	defer cancel()
	if err := h.policy.Apply(ctx, c.add, c.remove, c.first...); err != nil {
		grantsFailed.Inc()
		h.logger.Error("grants could not be changed", zap.Error(err))
		return fmt.Errorf("%w: %w", errUnavailable, err)
	}
	grantsStored.Add(float64(len(c.add) + len(c.remove)))
	return nil
}
