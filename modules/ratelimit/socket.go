package ratelimit

import (
	"context"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// socket counts the socket, which lasts as long as the next handler, and charges its messages.
func (h *Handler) socket(a *asked, next caddyhttp.Handler) caddyhttp.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error { return h.serveSocket(w, r, a, next) }
}

func (h *Handler) serveSocket(w http.ResponseWriter, r *http.Request, a *asked, next caddyhttp.Handler) error {
	rc, client := a.rc, a.client
	if h.Sockets > 0 {
		if !h.state.open(client, h.Sockets) {
			socketsRefused.Inc()
			rc.Limited = "sockets"
			problem.Write(w, r, problem.Problem{Status: http.StatusTooManyRequests, Type: "rate-limited", Title: "Too many open sockets"})
			return nil
		}
		defer h.state.closed(client)
	}
	charges, _ := h.charge(nil, h.messages, a)
	if len(charges) == 0 {
		return next.ServeHTTP(w, r)
	}
	w, r, tap := wsframe.Attach(w, r)
	// Messages of one direction come one after another, so the charges serve them all.
	tap.OnMessage(func(ctx context.Context, m *wsframe.Message) error {
		if m.Dir != wsframe.In {
			return nil
		}
		if h.tiered || h.sized { // the tier may be another one by now
			a.tier, a.size = h.tier(rc), int64(len(m.Data))
			charges, _ = h.charge(charges[:0], h.messages, a)
		}
		d := h.limiter.Take(ctx, charges)
		count(messagesTotal, charges, d)
		switch {
		case d.Unavailable:
			// Fail closed: a zone that says so could not be counted.
			return &wsframe.Close{Code: wsframe.CodeTryLater, Reason: "try again later"}
		case !d.Allowed:
			return &wsframe.Close{Code: wsframe.CodePolicy, Reason: "rate limit"}
		}
		return nil
	})
	return next.ServeHTTP(w, r)
}
