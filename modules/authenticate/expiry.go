package authenticate

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// expiry ends a socket when the last access token of its session has expired. A client that refreshes keeps it open: one that has not is
// told, once a token, and has the grace to do so.
//
// What has no session (a foreign token, a certificate) can't be renewed behind the socket's back and gets no grace: its client is told before it expires, to
// open another socket with the next token.
type expiry struct {
	h       *Handler
	ctx     context.Context // the request's: it lasts as long as the socket
	conn    conn
	session string
	expires time.Time // of what has no session

	mu    sync.Mutex
	timer *time.Timer
	done  bool

	told bool // the client was told of this token's expiry; only check, of which one runs at a time, uses it
}

// lookAgain is how long a socket is open at most without a look at its session or token: ended ones are heard of, but not by a gateway that was cut off
// from the database for longer than it keeps the news.
const lookAgain = 15 * time.Minute

// renewal is what the client is told: a text message in JSON.
type renewal struct {
	Type     string `json:"type"`     // "gateway.renew"
	Deadline string `json:"deadline"` // RFC 3339, UTC: the socket closes then, unless its session was refreshed
}

func (e *expiry) begin() {
	switch {
	case e.session != "":
		e.armSoon(e.expires)
	case e.h.Renewal > 0:
		e.arm(e.expires.Add(-time.Duration(e.h.Renewal)))
	default:
		e.arm(e.expires)
	}
}

// armSoon is arm for what can be looked at before.
func (e *expiry) armSoon(at time.Time) {
	if soon := time.Now().Add(lookAgain); soon.Before(at) {
		at = soon
	}
	e.arm(at)
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
	if e.session == "" {
		e.checkAlone()
		return
	}
	ctx, cancel := context.WithTimeout(e.ctx, ask)
	defer cancel()
	at, err := e.h.identity.Deadline(ctx, e.session)
	switch {
	case e.ctx.Err() != nil: // the socket has ended
	case err == nil && at.After(time.Now()):
		e.told = false
		e.armSoon(at)
	case err == nil && !e.told && e.h.Renewal > 0: // the session lives, and can be refreshed
		e.told = true
		deadline := time.Now().Add(time.Duration(e.h.Renewal))
		e.arm(deadline) // first: telling waits for a client that does not read
		e.tell(deadline)
	case err == nil || isEnded(err):
		socketCloses.WithLabelValues("expired").Inc()
		e.conn.Close(wsframe.CodePolicy, "token expired")
	default: // fail closed; the client may come back
		socketCloses.WithLabelValues("error").Inc()
		e.h.logger.Error("a socket's session could not be checked: it is closed", zap.Error(err), zap.String("session", e.session))
		e.conn.Close(wsframe.CodeTryLater, "try again later")
	}
}

func (e *expiry) checkAlone() {
	if time.Now().Before(e.expires) {
		e.arm(e.expires) // first: telling waits for a client that does not read
		e.tell(e.expires)
		return
	}
	socketCloses.WithLabelValues("expired").Inc()
	e.conn.Close(wsframe.CodePolicy, "token expired")
}

func (e *expiry) tell(deadline time.Time) {
	text, err := json.Marshal(renewal{"gateway.renew", deadline.UTC().Format(time.RFC3339)})
	if err == nil {
		err = e.conn.Send(string(text))
	}
	if err == nil {
		renewals.Inc()
	} // else the socket is closing, or will be at the deadline
}
