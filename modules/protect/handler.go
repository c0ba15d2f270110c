package protect

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/internal/wsframe"
	"github.com/convosphere/gateway/modules/protect/record"
)

// ServeHTTP encrypts what comes in and decrypts what goes out. Every way out that is not next is a refusal: the handler fails closed.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if wsframe.Extended(r) {
		return host.FromConnect(h, w, r, next)
	}
	r, rc := reqctx.Ensure(r)
	next = rc.Cost.Begin(cost.Protect, next)
	defer rc.Cost.End()
	defer h.ground.Hold()()
	return h.output.Serve(w, r, func(w http.ResponseWriter, r *http.Request) error { return h.inside(w, r, rc, next) })
}

// inside is what is done within the look at answers, which sees them decrypted.
func (h *Handler) inside(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, next caddyhttp.Handler) error {
	if wsframe.IsHandshake(r) {
		w, r = h.watchOutput(w, r)
	}
	if !h.encrypts() {
		if f := owed(r, rc, nothing); f != nil {
			h.refuse(w, r, rc, rc.Route, f)
			return nil
		}
		return next.ServeHTTP(w, r)
	}
	r = h.disown(r)
	p, vars, err := h.planOf(r)
	if err == nil && wsframe.IsHandshake(r) {
		w, r, err = h.watchSocket(w, r, rc)
	}
	if err != nil {
		requestsInvalid.Inc()
		problem.Write(w, r, problem.Problem{Status: http.StatusBadRequest})
		return nil
	}
	if f := owed(r, rc, p); f != nil { // also of what asks for a file: it may have a body
		h.refuse(w, r, rc, p.name, f)
		return nil
	}
	if p.file.opening(r.Method) {
		return h.openFile(w, r, rc, p, vars, next)
	}
	return h.exchange(w, r, rc, p, vars, next)
}

// encrypts tells whether any route has something to protect. Where none has, tokens mean nothing, and nothing is looked at.
func (h *Handler) encrypts() bool { return h.needsKeys() || h.planner.plans().any }

// nothing is the plan of a route that has nothing to protect. Tokens have no business there either.
var nothing = &plan{}

// planOf finds what is to be done.
func (h *Handler) planOf(r *http.Request) (*plan, record.Vars, error) {
	segs, err := route.Segments(r.URL)
	if err != nil {
		return nil, nil, err
	}
	at, err := h.router.Find(r.Method, segs)
	if err != nil {
		return nil, nil, err
	}
	f, err := h.files.Find(r.Method, segs)
	if err != nil {
		return nil, nil, err
	}
	p := h.planner.plans().of(at, f, r.Method, segs)
	switch {
	case p == nil:
		return nothing, record.NoVars, nil
	case f != nil:
		return p, f.vars(segs), nil
	case at == nil:
		return p, record.NoVars, nil
	}
	return p, at.vars(segs), nil
}
