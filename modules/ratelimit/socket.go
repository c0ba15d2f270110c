package ratelimit

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

const (
	defaultWarn = 5
	forgiven    = time.Minute // after which a message over the limit is forgotten
)

// conversation is a socket whose messages are counted. Messages of one direction come one after another, so the charges serve them all.
type conversation struct {
	h       *Handler
	a       *asked
	charges []limit.Charge
	conn    *wsframe.Conn // set before the first message
	heard   int           // messages of the client
	over    []time.Time   // when messages over the limit came, within the time in which they count

	mu   sync.Mutex // what the request's event tells, which is written when the request ends, maybe while a message passes
	told reqctx.Request
}

// socket charges the socket's messages. The socket lasts as long as the next handler.
func (h *Handler) socket(a *asked, next caddyhttp.Handler) caddyhttp.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error { return h.serveSocket(w, r, a, next) }
}

func (h *Handler) serveSocket(w http.ResponseWriter, r *http.Request, a *asked, next caddyhttp.Handler) error {
	charges, _ := h.charge(nil, h.messages, a)
	if len(charges) == 0 {
		return next.ServeHTTP(w, r)
	}
	w, r, tap := wsframe.Attach(w, r)
	t := &conversation{h: h, a: a, charges: charges}
	tap.OnOpen(func(c *wsframe.Conn) func() {
		t.conn = c
		return nil
	})
	tap.OnMessage(t.message)
	defer t.report()
	return next.ServeHTTP(w, r)
}

// message is the hook: it charges a message of the client, or refuses it.
func (t *conversation) message(ctx context.Context, m *wsframe.Message) error {
	if m.Dir != wsframe.In {
		return nil
	}
	t.heard++
	level := t.h.level(t.a.rc)
	if t.h.tiered || t.h.sized || level != t.a.level { // the tier and the level may be others by now
		t.a.tier, t.a.size, t.a.level = t.h.tier(t.a.rc), int64(len(m.Data)), level
		t.charges, _ = t.h.charge(t.charges[:0], t.h.messages, t.a)
	}
	d := t.h.limiter.Take(ctx, t.charges)
	count(t.charges, d)
	t.h.tally(t.a, t.charges, d)
	t.mu.Lock()
	note(&t.told, t.charges, d)
	t.mu.Unlock()
	switch {
	case d.Unavailable:
		// Fail closed: a zone that says so could not be counted.
		return &wsframe.Close{Code: wsframe.CodeTryLater, Reason: "try again later"}
	case !d.Allowed:
		t.h.misbehaved(t.a.rc, t.charges)
		return t.refuse(m)
	}
	return nil
}

// warning is what the client is told of a message that was not passed on.
type warning struct {
	Type       string   `json:"type"`
	Message    int      `json:"message"` // which of the client's on this socket, from 1
	Violated   []string `json:"violated-policies"`
	RetryAfter int64    `json:"retry_after,omitempty"` // in seconds, rounded up
	Left       int      `json:"left"`                  // how many more are dropped before the socket closes
}

// refuse drops the message and warns the client. If it goes on, the socket closes. So it does at once where the client speaks binary: it would not
// understand a warning, and must not lose a message without one.
func (t *conversation) refuse(m *wsframe.Message) error {
	closed := &wsframe.Close{Code: wsframe.CodePolicy, Reason: "rate limit"}
	if m.Binary || t.conn == nil || t.h.Warn < 0 {
		return closed
	}
	now := t.h.state.leases.now()
	t.over = slices.DeleteFunc(t.over, func(at time.Time) bool { return now.Sub(at) >= forgiven })
	if len(t.over) >= t.h.Warn {
		return closed
	}
	t.over = append(t.over, now)
	w := warning{Type: "gateway.rate-limit", Message: t.heard, Left: t.h.Warn - len(t.over)}
	for i := range t.charges {
		if c := &t.charges[i]; c.Result.Refused {
			w.Violated = append(w.Violated, c.Zone.Name)
			w.RetryAfter = max(w.RetryAfter, seconds(waitOf(c)))
		}
	}
	text, err := json.Marshal(w)
	if err == nil {
		err = t.conn.Send(string(text))
	}
	if err != nil {
		return closed // it ends anyway
	}
	return wsframe.Drop
}

// report tells the request, when it ends, what was refused of its messages.
func (t *conversation) report() {
	t.mu.Lock()
	defer t.mu.Unlock()
	rc := t.a.rc
	if t.told.Limited != "" {
		rc.Limited, rc.LimitedKey, rc.LimitedBy = t.told.Limited, t.told.LimitedKey, t.told.LimitedBy
	}
	rc.Shadowed = append(rc.Shadowed, t.told.Shadowed...)
}
