package authenticate

import (
	"context"
	"net/http"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// ask bounds how long the identity app is waited for beside a socket.
const ask = 5 * time.Second

// conn is what is done to an open socket.
type conn interface {
	Send(text string) error
	Close(code int, reason string)
}

// guard has the socket that may open end with its session, or with the last token given out for it.
func (h *Handler) guard(w http.ResponseWriter, r *http.Request, id *reqctx.Identity, cred *credential) (http.ResponseWriter, *http.Request) {
	raw := ""
	if cred != nil {
		raw = cred.token
	}
	w, r, tap := wsframe.Attach(w, r)
	tap.OnOpen(func(c *wsframe.Conn) func() { return h.watch(r.Context(), c, id, raw) })
	return w, r
}

// watch begins to watch an open socket; the returned function ends it. An identity without a session is good until it expires.
func (h *Handler) watch(ctx context.Context, c conn, id *reqctx.Identity, raw string) (end func()) {
	cancel := func() {}
	if id.Session != "" {
		cancel = h.watchSession(ctx, c, id, raw)
	}
	e := &expiry{h: h, ctx: ctx, conn: c, session: id.Session, expires: id.Expires}
	e.begin()
	return func() {
		e.stop()
		cancel()
	}
}

func (h *Handler) watchSession(ctx context.Context, c conn, id *reqctx.Identity, raw string) (cancel func()) {
	cancel = h.identity.Watch(id.Session, func(reason string) {
		socketCloses.WithLabelValues("ended").Inc()
		c.Close(wsframe.CodePolicy, reason)
	})
	// The session may have ended after the token was verified and before the watch began.
	if _, ok := h.identity.Known(raw); !ok {
		recheck, done := context.WithTimeout(ctx, ask)
		defer done()
		if _, err := h.identity.Verify(recheck, raw); err != nil { // fail closed, whatever the error
			socketCloses.WithLabelValues("ended").Inc()
			c.Close(wsframe.CodePolicy, "session ended")
		}
	}
	return cancel
}
