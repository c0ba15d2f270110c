package authenticate

import (
	"context"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// ask bounds how long the identity app is waited for beside a socket.
const ask = 5 * time.Second

// conn is what is done to an open socket.
type conn interface {
	Close(code int, reason string)
}

// guard has the socket that may open end with its session, or with the last token given out for it.
func (h *Handler) guard(w http.ResponseWriter, r *http.Request, id *reqctx.Identity, raw string) (http.ResponseWriter, *http.Request) {
	w, r, tap := wsframe.Attach(w, r)
	tap.OnOpen(func(c *wsframe.Conn) func() { return h.watch(r.Context(), c, id, raw) })
	return w, r
}

// watch begins to watch an open socket's session; the returned function ends it.
func (h *Handler) watch(ctx context.Context, c conn, id *reqctx.Identity, raw string) (end func()) {
	cancel := h.identity.Watch(id.Session, func(reason string) {
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
	e := &expiry{h: h, ctx: ctx, conn: c, session: id.Session}
	e.arm(id.Expires)
	return func() {
		e.stop()
		cancel()
	}
}

// expiry ends a socket when the last access token of its session has expired. A client that refreshes keeps it open.
type expiry struct {
	h       *Handler
	ctx     context.Context // the request's: it lasts as long as the socket
	conn    conn
	session string

	mu    sync.Mutex
	timer *time.Timer
	done  bool
}

func (e *expiry) arm(at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.done {
		e.timer = time.AfterFunc(time.Until(at), e.check)
	}
}

func (e *expiry) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.done = true
	if e.timer != nil {
		e.timer.Stop()
	}
}

func (e *expiry) check() {
	defer e.h.ground.Hold()()
	ctx, cancel := context.WithTimeout(e.ctx, ask)
	defer cancel()
	at, err := e.h.identity.Deadline(ctx, e.session)
	switch {
	case e.ctx.Err() != nil: // the socket has ended
	case err == nil && at.After(time.Now()):
		e.arm(at)
	case err == nil || isEnded(err):
		socketCloses.WithLabelValues("expired").Inc()
		e.conn.Close(wsframe.CodePolicy, "token expired")
	default: // fail closed; the client may come back
		socketCloses.WithLabelValues("error").Inc()
		e.h.logger.Error("a socket's session could not be checked: it is closed", zap.Error(err), zap.String("session", e.session))
		e.conn.Close(wsframe.CodeTryLater, "try again later")
	}
}
