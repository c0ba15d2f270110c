package wsframe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	grace     = 2 * time.Second  // for the client to answer the gateway's close frame
	handshake = 10 * time.Second // for two sides that close by themselves to be done
	aside     = time.Second      // for a close frame that the proxy itself writes when it shuts down
)

// Conn is an open socket.
//
// Three goroutines at most work on it: the proxy's two that copy (pumps), and for the time of a closing that the gateway began, one that
// writes the close frames. The proxy's Close of the connection (end) waits for the last, and the last pump to leave runs the onEnd functions.
type Conn struct {
	tap    *Tap
	hooks  []Hook
	limits Limits
	ctx    context.Context // for hooks: ends as soon as the socket closes
	cancel context.CancelFunc
	unwind func() bool // undoes the watch on the request's own context

	conn     net.Conn
	br       *bufio.Reader // over conn; net/http keeps its memory anyway
	direct   bool          // br has given up what net/http had buffered and reads from conn itself
	scratch  []byte        // what the back end sends is read into it
	deadline time.Time     // the write deadline that conn has; under out.lock
	wanted   atomic.Int64  // the write deadline that the proxy asked for, in Unix nanoseconds; 0 none

	in, out half
	last    atomic.Int64 // when a byte last came, Unix nanoseconds; only with an idle limit
	closing atomic.Bool  // the gateway closes: no data passes any more; written under mu

	leaves   bool        // Drain was called; under mu
	draining atomic.Bool // no message of the client's passes any more; what the back end still has to say does
	owed     atomic.Bool // the last message was the client's

	cutc    chan struct{} // closed when the connections are cut
	cutOnce sync.Once
	endOnce sync.Once
	herald  sync.WaitGroup // the goroutine that writes the close frames

	mu       sync.Mutex
	code     int
	reason   string
	ended    bool
	inDone   bool // the client has sent its close frame, or sends no more
	pumps    int
	onEnd    []func()
	back     io.Closer // the back end's connection, as far as the proxy shows it
	timer    *time.Timer
	idle     *time.Timer
	active   *time.Timer // runs where somebody is told of activity
	finished bool
}

func newConn(t *Tap, conn net.Conn, brw *bufio.ReadWriter) *Conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &Conn{tap: t, hooks: t.hooks, limits: t.limits.orDefaults(), conn: conn, br: brw.Reader, cutc: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(t.ctx)
	// Nobody writes through net/http's own buffer any more, and it lives as long as the handler does.
	if c.scratch = brw.Writer.AvailableBuffer(); cap(c.scratch) < 1024 {
		c.scratch = make([]byte, 0, 4096)
	}
	c.scratch = c.scratch[:cap(c.scratch)]
	c.in = half{c: c, dir: In, lock: make(chan struct{}, 1), parser: parser{masked: true, limit: c.limits.Message, frames: c.limits.Frames}}
	c.out = half{c: c, dir: Out, lock: make(chan struct{}, 1), parser: parser{limit: c.limits.MessageOut, frames: c.limits.Frames}}
	c.out.dst = client{c}
	// A handler that panicked, or forgot the connection, must not leave it open.
	c.unwind = context.AfterFunc(t.ctx, c.end)
	return c
}

// opened tells the handlers that the 101 was sent.
func (c *Conn) opened() {
	c.tap.mu.Lock()
	opens := c.tap.opens
	c.tap.mu.Unlock()
	for _, f := range opens {
		onEnd, err := open(c, f)
		if err != nil {
			c.failed(err)
			c.shutdown(CodeInternal, "internal error", CodeGoingAway)
		}
		if onEnd != nil {
			c.mu.Lock()
			c.onEnd = append(c.onEnd, onEnd)
			c.mu.Unlock()
		}
	}
	c.watchActivity()
	c.joinDrain()
	if c.limits.Idle > 0 {
		c.touch()
		c.mu.Lock()
		c.idle = time.AfterFunc(c.limits.Idle, c.checkIdle)
		c.mu.Unlock()
	}
}

func open(c *Conn, f func(*Conn) func()) (onEnd func(), err error) {
	defer recovered(&err)
	return f(c), nil
}

// Close closes the socket from any goroutine, at any time, and returns at once: the client gets a close frame with code and reason
// (cut to 123 bytes), no more data passes either way, and the connections are cut when the client has answered, at the latest 2 seconds
// later. Only the first call counts.
func (c *Conn) Close(code int, reason string) { c.shutdown(code, reason, CodeGoingAway) }

// shutdown begins the closing: code and reason for the client, backCode for the back end.
func (c *Conn) shutdown(code int, reason string, backCode int) {
	if !sendable(code) {
		code = CodePolicy
	}
	reason = publicReason(reason)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || c.closing.Load() {
		return
	}
	c.herald.Add(1) // before anybody can see that the socket is closing, and waits for the herald to cut
	c.closing.Store(true)
	c.code, c.reason = code, reason
	c.cancel()
	c.cutAfter(grace)
	go c.sayClose(code, reason, backCode)
}

// sayClose writes the close frames. It waits for a frame that is being written, at most until the connections are cut.
func (c *Conn) sayClose(code int, reason string, backCode int) {
	wait := c.out.tell(closeFrame(Out, code, reason), nil)
	c.in.tell(closeFrame(In, backCode, ""), nil)
	c.mu.Lock()
	wait = wait && !c.inDone
	c.mu.Unlock()
	c.herald.Done()
	if !wait {
		c.cut()
	}
}

// cutAfter needs mu. The first one counts, unless the gateway's own closing is sooner.
func (c *Conn) cutAfter(d time.Duration) {
	switch {
	case c.ended:
	case c.timer == nil:
		c.timer = time.AfterFunc(d, c.cut)
	case d < handshake:
		c.timer.Reset(d)
	}
}

// expectEnd bounds the closing that a side has begun by itself.
func (c *Conn) expectEnd() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cutAfter(handshake)
}

// depart cuts the connections once the close frames are written.
func (c *Conn) depart() {
	c.herald.Wait()
	c.cut()
}

// cut closes both connections, which wakes whoever reads or writes on them.
func (c *Conn) cut() {
	c.cutOnce.Do(func() {
		close(c.cutc)
		_ = c.conn.Close() // the client learned what there was to tell
		c.mu.Lock()
		back := c.back
		c.mu.Unlock()
		if back != nil {
			_ = back.Close() // the proxy closes it again
		}
	})
}

// clientGone notes that the client has sent its close frame or sends no more, so that a closing need not wait for its answer.
func (c *Conn) clientGone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inDone = true
}

// setBack notes the back end's connection, to be closed with the client's when the gateway closes: a proxy that is blocked writing
// to it would not return otherwise.
func (c *Conn) setBack(v any) {
	if back, ok := v.(io.Closer); ok {
		c.mu.Lock()
		c.back = back
		c.mu.Unlock()
	}
}

// end is the proxy's Close: the socket is over.
func (c *Conn) end() {
	c.endOnce.Do(func() {
		c.mu.Lock()
		c.ended = true
		for _, t := range []*time.Timer{c.timer, c.idle, c.active} {
			if t != nil {
				t.Stop()
			}
		}
		closing := c.closing.Load()
		c.mu.Unlock()
		c.cancel()
		if closing {
			c.cut()
		} else {
			// The proxy closes its back end itself, and may have something to tell it first.
			c.cutOnce.Do(func() {
				close(c.cutc)
				_ = c.conn.Close()
			})
		}
		c.herald.Wait()
		c.unwind()
		c.record()
	})
	c.finish()
}

// record leaves what passed on the request. It runs in the proxy's goroutine, within ServeHTTP.
func (c *Conn) record() {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.passed()
	s.CloseCode, s.CloseReason = c.code, c.reason
	c.tap.rc.Socket = &s
}

// enter counts a goroutine that may call hooks; false when the socket has ended.
func (c *Conn) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return false
	}
	c.pumps++
	return true
}

func (c *Conn) leave() {
	c.mu.Lock()
	c.pumps--
	c.mu.Unlock()
	c.finish()
}

// finish runs the onEnd functions, last registered first, when the socket has ended and nobody is in it any more.
func (c *Conn) finish() {
	c.mu.Lock()
	if !c.ended || c.pumps > 0 || c.finished {
		c.mu.Unlock()
		return
	}
	c.finished = true
	onEnd := c.onEnd
	c.mu.Unlock()
	c.in.stop()
	c.out.stop()
	for i := len(onEnd) - 1; i >= 0; i-- {
		if err := run(onEnd[i]); err != nil {
			c.failed(err)
		}
	}
}

func run(f func()) (err error) {
	defer recovered(&err)
	f()
	return nil
}

// stop gives back what a direction holds; its pump has left.
func (h *half) stop() {
	h.untime()
	h.release()
}

// failed tells of an error inside the gateway.
func (c *Conn) failed(err error) {
	c.tap.mu.Lock()
	defer c.tap.mu.Unlock()
	for _, f := range c.tap.failure {
		_ = run(func() { f(fmt.Errorf("websocket: %w", err)) }) // it was the one to tell of errors
	}
}

// touch notes that a byte came.
func (c *Conn) touch() {
	if c.limits.Idle > 0 {
		c.last.Store(time.Now().UnixNano())
	}
}

func (c *Conn) checkIdle() {
	left := c.limits.Idle - time.Since(time.Unix(0, c.last.Load()))
	if left <= 0 {
		c.Close(CodeGoingAway, "idle")
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.idle.Reset(left)
	}
}

// client writes to the client with a deadline that is moved only when it has come near: setting one costs as much as a small write.
type client struct{ c *Conn }

func (w client) Write(b []byte) (int, error) {
	c, now := w.c, time.Now()
	if wanted := c.wanted.Load(); wanted != 0 {
		c.deadline = time.Unix(0, min(wanted, now.Add(c.limits.Write).UnixNano()))
		if err := c.conn.SetWriteDeadline(c.deadline); err != nil {
			return 0, err
		}
	} else if c.deadline.Sub(now) < c.limits.Write {
		c.deadline = now.Add(2 * c.limits.Write)
		if err := c.conn.SetWriteDeadline(c.deadline); err != nil {
			return 0, err
		}
	}
	return c.conn.Write(b)
}

var errNoOpening = errors.New("wsframe: nothing passes before the 101")
