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

	"github.com/convosphere/gateway/modules/authorize/strictjson"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// applyTime bounds how long a change of grants may take.
const applyTime = 5 * time.Second

// partial are request headers that would make the back end answer with less than the whole, or not as plain text.
var partial = []string{"Range", "If-Range", "If-None-Match", "If-Modified-Since"}

// exchange asks the back end and works on its answer before any of it goes to the client.
func (h *Handler) exchange(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, rt *route, in engine.Input, v values, next caddyhttp.Handler) error {
	if len(rt.effects) > 0 {
		ctx, cancel := outlive(r.Context())
		defer cancel()
		r = r.WithContext(ctx)
	}
	for _, k := range partial {
		r.Header.Del(k)
	}
	r.Header.Set("Accept-Encoding", "identity")
	a := newAnswer(w, h.MaxAnswer, rt.treat(r.Method))
	if err := serve(a, r, next); err != nil {
		return err
	}
	if a.state == undecided {
		a.WriteHeader(http.StatusOK) // as net/http would
	}
	if a.state == pass {
		return nil
	}
	out, err := h.work(a, r, rc, rt, in, v)
	switch {
	case err == nil:
		return a.send(out, r.Method == http.MethodHead)
	case errors.Is(err, errUnavailable):
		h.logFailure(rt, err)
		withheld.Inc()
		problem.Write(w, r, problem.Problem{Status: http.StatusServiceUnavailable, RetryAfter: retryAfter})
	default:
		h.logFailure(rt, err)
		withheld.Inc()
		problem.Write(w, r, problem.Problem{Status: http.StatusBadGateway})
	}
	return nil
}

// serve calls the back end. A proxy whose copying was ended by a too large answer panics, as proxies do: that is ours to answer.
func serve(a *answer, r *http.Request, next caddyhttp.Handler) (err error) {
	defer func() {
		if !a.tooLarge {
			return
		}
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			panic(p)
		}
		err = nil
	}()
	return next.ServeHTTP(a, r)
}

// work does with a held answer what the route says. It returns the body to send, nil for the one that came.
func (h *Handler) work(a *answer, r *http.Request, rc *reqctx.Request, rt *route, in engine.Input, v values) ([]byte, error) {
	switch {
	case a.state == refuse:
		return nil, fmt.Errorf("%w: status %d", errAnswer, a.status)
	case a.tooLarge:
		return nil, errTooLarge
	case r.Method == http.MethodHead:
		a.unlabel()
		return nil, nil
	}
	_, needsJSON := rt.effects.on(a.status)
	filtered := rt.filter != nil && a.status == http.StatusOK
	var doc *strictjson.Value
	if needsJSON || filtered {
		var err error
		if doc, err = a.json(); err != nil {
			return nil, err
		}
	}
	add, remove, err := rt.effects.resolve(a.status, answerVars(v, doc), rc.Identity)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswer, err)
	}
	if err := h.apply(r.Context(), add, remove); err != nil {
		return nil, err
	}
	if !filtered {
		return nil, nil
	}
	out, removed, err := rt.filter.apply(r.Context(), h.decide, in, a.body.Bytes(), doc)
	filteredOut.Add(float64(removed))
	return out, err
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
func (h *Handler) apply(ctx context.Context, add, remove []grant.Grant) error {
	if len(add) == 0 && len(remove) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTime)
	defer cancel()
	if err := h.policy.Apply(ctx, add, remove); err != nil {
		grantsFailed.Inc()
		h.logger.Error("grants could not be changed", zap.Error(err))
		return fmt.Errorf("%w: %w", errUnavailable, err)
	}
	grantsStored.Add(float64(len(add) + len(remove)))
	return nil
}
