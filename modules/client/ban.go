package client

import (
	"net/http"

	"github.com/convosphere/gateway/modules/internal/ban"
	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// banned tells whether the client may not come. It fails open where there is nobody to ask: no gateway app, a client without an address. A trusted
// proxy that calls for itself is never banned, whatever says which proxies are trusted.
func (h *Handler) banned(r *http.Request, rc *reqctx.Request) (ban.Ban, bool) {
	if h.ground == nil {
		return ban.Ban{}, false
	}
	b, ok := h.ground.Bans.Banned(rc.Client.IP)
	if ok && fromTrustedProxy(r) && !rc.Client.Proxy.IsValid() {
		return ban.Ban{}, false
	}
	return b, ok
}

// turnAway refuses a banned client, as cheaply as it can be done, and ends its connection. That of a trusted proxy is others' too and stays.
func (h *Handler) turnAway(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, b ban.Ban) error {
	rc.Banned = true
	refused.WithLabelValues("banned").Inc()
	h.ground.Bans.Refused(b)
	if r.ProtoMajor < 3 && !fromTrustedProxy(r) {
		w.Header().Set("Connection", "close") // over HTTP/2, net/http sends GOAWAY for it
	}
	problem.Write(w, r, problem.Problem{Status: http.StatusForbidden, Type: "banned", Title: "Your address is banned"})
	return nil
}

// guard has the socket that may open end when its client is banned, or when a response closes its client's or its person's sockets.
func (h *Handler) guard(w http.ResponseWriter, r *http.Request, rc *reqctx.Request) (http.ResponseWriter, *http.Request) {
	w, r, tap := wsframe.Attach(w, r)
	tap.OnOpen(func(c *wsframe.Conn) func() {
		unban := h.ground.Bans.Watch(rc.Client.IP, func(b ban.Ban) {
			h.ground.Bans.Refused(b)
			c.Close(wsframe.CodePolicy, "banned")
		})
		// Only now is it known who is signed in: that is found further in.
		unwatch := h.ground.Measures.Watch(measure.Caller(rc), func() {
			refused.WithLabelValues("measure").Inc()
			c.Close(wsframe.CodePolicy, "closed by the operator")
		})
		return func() {
			unban()
			unwatch()
		}
	})
	return w, r
}
