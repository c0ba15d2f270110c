package wsframe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Direction is where a message goes.
type Direction uint8

const (
	In  Direction = iota // client → back end
	Out                  // back end → client
)

// String is "in" or "out".
func (d Direction) String() string {
	if d == In {
		return "in"
	}
	return "out"
}

// Message is one whole message, reassembled and unmasked.
type Message struct {
	Dir    Direction
	Binary bool   // else text, which is valid UTF-8
	Data   []byte // a hook may replace or change it; it must not keep it, the memory is used again
}

// Hook decides on one message. Hooks of a socket are called one after another, as a message meets them on its way: what comes in, in the
// order they were registered, what goes out, in the opposite one. Those of one direction are never called at the same time, those of the
// two directions may be. What it returns decides:
// nil: the message passes on. A *Close (also wrapped): it is refused and the socket closes with that code and reason.
// Drop: it is not passed on, no later hook sees it, the socket stays. Any other error, and a panic: the socket closes with 1011.
// The context carries the request's values and ends when the socket closes.
type Hook func(ctx context.Context, m *Message) error

// Drop, returned by a Hook, keeps a message from passing on without closing the socket.
//
//lint:ignore ST1012 it is read where it is returned, as wsframe.Drop: a signal, like http.ErrAbortHandler, and no failure
var Drop = errors.New("wsframe: message dropped")

// Close, returned by a Hook, refuses the message and closes the socket.
type Close struct {
	Code   int    // RFC 6455 section 7.4; one that may not be sent becomes 1008
	Reason string // told to the client, cut to 123 bytes
}

// Error makes a Close an error.
func (c *Close) Error() string { return fmt.Sprintf("websocket closed: %d %s", c.Code, c.Reason) }

// Close codes of RFC 6455 section 7.4.1 that gateways use.
const (
	CodeGoingAway   = 1001
	CodeProtocol    = 1002
	CodeUnsupported = 1003
	CodeInvalidText = 1007
	CodePolicy      = 1008
	CodeTooBig      = 1009
	CodeInternal    = 1011
	CodeTryLater    = 1013
)

// Tap is what handlers register on, before they call the next handler. It belongs to one request.
type Tap struct {
	ctx context.Context
	rc  *reqctx.Request

	mu      sync.Mutex
	hooks   []Hook
	opens   []func(*Conn) func()
	failure []func(error)
	limits  Limits
}

// OnMessage adds a hook, for both directions. Handlers register from the outermost to the innermost, so that what one of them changes on the
// way out (a field that is decrypted) has been changed when those further out look.
func (t *Tap) OnMessage(h Hook) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hooks = append(t.hooks, h)
}

// OnOpen has f called once, when the 101 was sent and before any message passes; not at all where no socket opens. The function that f
// returns (nil for none) is called once when the socket has ended, however it ended, and no hook of it runs any more.
func (t *Tap) OnOpen(f func(c *Conn) (onEnd func())) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.opens = append(t.opens, f)
}

// OnFailure has f told of what no client learns: a hook's unexpected error, or its panic with the stack, which
// closed the socket with 1011. f is called beside the request and must not block.
func (t *Tap) OnFailure(f func(error)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failure = append(t.failure, f)
}

// Limit sets limits. Of several calls the smaller of each limit wins; zero fields ask for nothing.
func (t *Tap) Limit(l Limits) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.limits = t.limits.tightest(l)
}

type key struct{}

// Attach puts the tap on a request for which IsHandshake holds. The first call wraps w, takes all extensions out of the offer
// and puts the Tap into r's context; later calls return w and r as given, with the same Tap. The returned writer and request must be the ones passed on.
func Attach(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request, *Tap) {
	if t, ok := r.Context().Value(key{}).(*Tap); ok {
		return w, r, t
	}
	r, rc := reqctx.Ensure(r)
	t := &Tap{rc: rc}
	r = r.WithContext(context.WithValue(r.Context(), key{}, t))
	t.ctx = r.Context()
	deleteFold(r.Header, "Sec-WebSocket-Extensions")
	return &writer{ResponseWriter: w, tap: t, r: r, connect: exchangeOf(r)}, r, t
}
