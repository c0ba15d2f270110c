package wsframe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime/debug"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

var (
	errClosing = errors.New("wsframe: socket closing")
	errClosed  = errors.New("wsframe: socket closed by the gateway")
)

// half is one direction of a socket.
type half struct {
	parser
	c   *Conn
	dir Direction
	m   Message // what hooks are shown; one at a time

	fresh [4]byte // the mask of the frame being written

	deaf  bool        // nothing of this side is looked at any more: it has sent its close frame, or its frames make no sense
	slow  *time.Timer // runs while a message is unfinished
	timed bool
	full  time.Time // when the bucket of control frames is empty again

	// Writing to the other side. A channel for a lock: whoever closes must be able to give up waiting.
	lock   chan struct{}
	dst    io.Writer
	shut   bool // a close frame was written
	broken bool // a write failed, or the side takes no more

	wrote           atomic.Int64 // bytes written to dst
	messages, bytes atomic.Int64 // of messages that passed, and their payloads
	refused         atomic.Int64 // messages that a hook did not let pass
}

// feed looks at bytes that came from one side, and passes on what may pass. Its error ends the copying of that
// direction; that the socket is closing is none, since what comes must then be read on to find the answer.
func (h *half) feed(b []byte) error {
	for len(b) > 0 && !h.deaf {
		if h.c.closing.Load() && !h.discard {
			h.dropPayload()
		}
		n, ev, refused := h.next(b)
		b = b[n:]
		var err error
		switch {
		case refused != nil:
			h.refuse(refused)
			h.dropPayload()
			h.deaf = refused.Code == CodeProtocol
		case ev == message:
			h.untime()
			err = h.message()
		case ev == control:
			if !h.open {
				h.untime()
			}
			err = h.control()
		}
		if err != nil && (errors.Is(err, errClosed) || !h.c.closing.Load() && !errors.Is(err, errClosing)) {
			return err
		}
	}
	if h.partial() && !h.deaf {
		h.time()
	} else {
		h.untime()
	}
	return nil
}

// refuse closes the socket because of what a side sent. The client is told, if it was the back end, no more than that.
func (h *half) refuse(why *Close) {
	if h.dir == In {
		h.c.shutdown(why.Code, why.Reason, CodeGoingAway)
		return
	}
	h.c.shutdown(CodeInternal, "invalid answer: "+why.Reason, why.Code)
}

// message shows a complete message to the hooks and passes it on.
func (h *half) message() error {
	defer h.release()
	if h.discard || h.dir == In && h.c.draining.Load() {
		return nil
	}
	payload := h.buf.b[headroom:]
	if h.text && !utf8.Valid(payload) {
		h.refuse(&Close{CodeInvalidText, "text is not UTF-8"})
		return nil
	}
	h.m = Message{Dir: h.dir, Binary: !h.text, Data: payload}
	defer func() { h.m = Message{} }()
	for i := range h.c.hooks {
		if !h.decide(h.hook(i)) {
			return nil
		}
	}
	if d := h.m.Data; len(d) != len(payload) || len(d) > 0 && &d[0] != &payload[0] {
		h.buf.b = append(h.buf.b[:headroom], d...)
	}
	opcode := byte(opText)
	if h.m.Binary {
		opcode = opBinary
	}
	size := int64(h.buf.len())
	if h.dir == In {
		h.c.owed.Store(true) // before the answer can come
	}
	if err := h.write(seal(h.buf.b, opcode, h.newKey()), false); err != nil {
		return err
	}
	if h.dir == Out {
		h.c.owed.Store(false)
	}
	h.messages.Add(1)
	h.bytes.Add(size)
	return nil
}

// hook is the one that is asked as the i-th.
func (h *half) hook(i int) Hook {
	if h.dir == Out {
		i = len(h.c.hooks) - 1 - i
	}
	return h.c.hooks[i]
}

// decide asks one hook and does what it says. Anything but a clear yes does not pass.
func (h *half) decide(hook Hook) bool {
	err := call(h.c.ctx, hook, &h.m)
	if err == nil {
		return true
	}
	var refused *Close
	switch {
	case errors.Is(err, Drop):
		h.refused.Add(1)
	case errors.As(err, &refused):
		h.refused.Add(1)
		h.c.shutdown(refused.Code, refused.Reason, CodeGoingAway)
	default:
		if !h.c.closing.Load() { // else the hook was cancelled, most likely
			h.c.failed(err)
		}
		h.c.shutdown(CodeInternal, "internal error", CodeGoingAway)
	}
	return false
}

// call makes a panic an error.
func call(ctx context.Context, hook Hook, m *Message) (err error) {
	defer recovered(&err)
	return hook(ctx, m)
}

func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	}
}

// control passes a control frame on.
func (h *half) control() error {
	payload := h.ctl[headroom : headroom+h.nctl]
	if h.discard {
		if h.opcode == opClose {
			h.deaf = true
			return h.answered()
		}
		return nil
	}
	if h.dir == In && !h.allowControl(time.Now()) {
		h.refuse(&Close{CodePolicy, "too many control frames"})
		return nil
	}
	if h.opcode == opClose {
		if refused := checkClose(payload); refused != nil {
			h.refuse(refused)
			h.deaf = true
			return nil
		}
		h.deaf = true
		h.release() // of a message that the side began and won't end
		if h.dir == Out && h.c.draining.Load() {
			h.c.farewell() // it has said all; the client learns the gateway's reason
			return nil
		}
		h.c.expectEnd()
		if h.dir == In {
			h.c.clientGone()
		}
	}
	return h.write(seal(h.ctl[:headroom+h.nctl], h.opcode, h.newKey()), h.opcode == opClose)
}

// answered ends the closing when the client, who is the one to be told, has answered.
func (h *half) answered() error {
	if h.dir == In {
		h.c.depart()
		return errClosed
	}
	return nil
}

// allowControl counts a control frame: a bucket of two seconds' worth (GCRA).
func (h *half) allowControl(now time.Time) bool {
	every := time.Second / time.Duration(h.c.limits.Control)
	if h.full.Before(now) {
		h.full = now
	}
	h.full = h.full.Add(every)
	return h.full.Sub(now) <= 2*time.Second
}

// newKey is a fresh mask for what goes to the back end, nil for the client.
func (h *half) newKey() *[4]byte {
	if h.dir == Out {
		return nil
	}
	h.fresh = newKey()
	return &h.fresh
}

func newKey() [4]byte {
	n := rand.Uint32()
	return [4]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}
}

// write writes one whole frame to the other side, unless the socket is closing.
func (h *half) write(frame []byte, last bool) error {
	if !h.acquire(nil) {
		return errClosing
	}
	defer h.free()
	if h.c.closing.Load() || h.shut {
		return errClosing
	}
	return h.put(frame, last)
}

// tell writes a close frame to the other side, unless it has had one. It tells whether that side can still be waited for.
func (h *half) tell(frame []byte, giveUp <-chan time.Time) bool {
	if !h.acquire(giveUp) {
		return false
	}
	defer h.free()
	if h.shut || h.broken || h.dst == nil {
		return h.shut && !h.broken
	}
	return h.put(frame, true) == nil
}

// put needs the lock.
func (h *half) put(frame []byte, last bool) error {
	if h.broken {
		return io.ErrClosedPipe
	}
	h.shut = h.shut || last
	n, err := h.dst.Write(frame)
	h.wrote.Add(int64(n))
	if err != nil {
		h.broken = true // perhaps within a frame
		return fmt.Errorf("writing %s: %w", h.dir, err)
	}
	return nil
}

// acquire waits for the lock until the connections are cut.
func (h *half) acquire(giveUp <-chan time.Time) bool {
	select {
	case h.lock <- struct{}{}:
		return true
	default:
	}
	select {
	case h.lock <- struct{}{}:
		return true
	case <-h.c.cutc:
	case <-giveUp:
	}
	return false
}

func (h *half) free() { <-h.lock }

// time starts the clock of an unfinished message, if it does not run yet.
func (h *half) time() {
	if h.timed {
		return
	}
	h.timed = true
	if h.slow == nil {
		h.slow = time.AfterFunc(h.c.limits.Assemble, func() { h.refuse(&Close{CodePolicy, "message took too long"}) })
		return
	}
	h.slow.Reset(h.c.limits.Assemble)
}

func (h *half) untime() {
	if h.timed {
		h.timed = false
		h.slow.Stop()
	}
}
