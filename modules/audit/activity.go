package audit

import (
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/redact"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// activityEvery is how often it is told what passes on a socket.
const activityEvery = 10 * time.Second

// activity tells of a socket while it is open: else an event of it would come when it ends, hours later.
type activity struct {
	h    *Handler
	seen seen
	rc   *reqctx.Request

	mu    sync.Mutex
	told  reqctx.Socket
	since time.Time // what is told next has passed since then
	began time.Time // the socket opened
	over  bool
}

// watch has the socket that the request may become told of.
func (h *Handler) watch(s seen, r *http.Request, rc *reqctx.Request) *activity {
	if h.ground == nil {
		return nil
	}
	a := &activity{h: h, seen: s, rc: rc}
	rc.Activity = &reqctx.Activity{Every: activityEvery, Tell: a.tell, Opened: func() {
		// The trace is of the handshake: nobody could look at it for hours. What passes then has spans of its own.
		a.began = time.Now()
		a.since = a.began
		sockets.Inc()
		traced(s, r, rc, http.StatusSwitchingProtocols)
	}}
	return a
}

// tell is told what has passed until now.
func (a *activity) tell(now reqctx.Socket) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.over {
		a.emit(now)
	}
}

// end tells the rest of a socket that has ended. Nothing of it is told after.
func (a *activity) end() {
	if a == nil || a.rc.Socket == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	if !a.began.IsZero() {
		sockets.Dec()
	}
	a.emit(*a.rc.Socket)
	a.rc.Trace.Activity("socket", a.began, time.Now(), true, socketAttrs(*a.rc.Socket)...)
}

// emit needs mu.
func (a *activity) emit(now reqctx.Socket) {
	d := reqctx.Socket{
		MessagesIn: now.MessagesIn - a.told.MessagesIn, MessagesOut: now.MessagesOut - a.told.MessagesOut,
		BytesIn: now.BytesIn - a.told.BytesIn, BytesOut: now.BytesOut - a.told.BytesOut, Refused: now.Refused - a.told.Refused,
	}
	if d == (reqctx.Socket{}) {
		return
	}
	a.told = now
	from := a.since
	a.since = time.Now()
	a.rc.Trace.Activity("socket activity", from, a.since, false, socketAttrs(d)...)
	e := &event.Event{
		Category: "web", Action: "socket-activity", Outcome: event.Success, Method: a.seen.method, Host: a.seen.host,
		Path: redact.Path(a.seen.path, a.rc.Route), UserAgent: a.seen.agent, Fields: socketFields(d),
	}
	if d.Refused > 0 {
		e.Outcome = event.Failure
	}
	a.seen.about(e, a.rc)
	a.h.emit(e)
}

func socketFields(k reqctx.Socket) []zap.Field {
	fields := []zap.Field{
		zap.Int64("gateway.socket.messages_in", k.MessagesIn), zap.Int64("gateway.socket.messages_out", k.MessagesOut),
		zap.Int64("gateway.socket.bytes_in", k.BytesIn), zap.Int64("gateway.socket.bytes_out", k.BytesOut),
	}
	if k.Refused > 0 {
		fields = append(fields, zap.Int64("gateway.socket.refused", k.Refused))
	}
	return fields
}
