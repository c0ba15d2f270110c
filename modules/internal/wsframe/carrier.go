package wsframe

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// patience is how long a write that was given up may go on before the whole connection is closed.
const patience = time.Second

// longAgo is a deadline that wakes whoever waits.
var longAgo = time.Unix(1, 0)

// carrier is a stream of HTTP/2 or HTTP/3 as a connection: the request's body is read, the response is written and flushed.
//
// The servers' own write deadlines can't be used as a connection's: HTTP/2's resets a stream on which nothing is being written. So
// the carrier watches its writes itself, and only gives up by them.
type carrier struct {
	w    http.ResponseWriter // the server's own
	rc   *http.ResponseController
	body io.ReadCloser
	conn io.Closer // may be nil

	local, remote net.Addr

	wlock sync.Mutex // one writer at a time; taken before mu

	mu       sync.Mutex
	idle     sync.Cond // on mu: reads and writing have changed
	reads    int
	writing  bool
	taken    bool
	closed   bool
	aborted  bool // a write was given up
	deadline time.Time
	overdue  *time.Timer // runs while something is written
	killer   *time.Timer
}

func newCarrier(w http.ResponseWriter, r *http.Request, s Stream) *carrier {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = u.Unwrap()
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil {
		local = peerAddr("")
	}
	c := &carrier{w: w, rc: http.NewResponseController(w), body: s.Body, conn: s.Conn, local: local, remote: peerAddr(r.RemoteAddr)}
	c.idle.L = &c.mu
	return c
}

// take hands the connection out, once.
func (c *carrier) take() (net.Conn, *bufio.ReadWriter, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken {
		return nil, nil, http.ErrHijacked
	}
	c.taken = true
	// A server's timeouts are for requests; hijacking a connection lifts them, too.
	if err := errors.Join(c.rc.SetReadDeadline(time.Time{}), c.rc.SetWriteDeadline(time.Time{})); err != nil {
		return nil, nil, err
	}
	return c, bufio.NewReadWriter(bufio.NewReader(c), bufio.NewWriter(c)), nil
}

// Read reads what the client sent.
func (c *carrier) Read(p []byte) (int, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return 0, net.ErrClosed
	}
	c.reads++
	c.mu.Unlock()
	n, err := c.body.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads--
	c.idle.Broadcast()
	if c.closed {
		return 0, net.ErrClosed
	}
	return n, err
}

// Write sends to the client at once.
func (c *carrier) Write(p []byte) (int, error) {
	c.wlock.Lock()
	defer c.wlock.Unlock()
	if err := c.beginWrite(); err != nil {
		return 0, err
	}
	n, err := c.w.Write(p)
	if err == nil {
		err = c.rc.Flush()
	}
	return n, c.endWrite(err)
}

func (c *carrier) beginWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	left := time.Until(c.deadline)
	if c.aborted || !c.deadline.IsZero() && left <= 0 {
		return os.ErrDeadlineExceeded
	}
	c.writing = true
	if !c.deadline.IsZero() {
		c.watch(left)
	}
	return nil
}

func (c *carrier) endWrite(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = false
	for _, t := range []*time.Timer{c.overdue, c.killer} {
		if t != nil {
			t.Stop()
		}
	}
	c.idle.Broadcast()
	switch {
	case err == nil:
		return nil
	case c.closed:
		return net.ErrClosed
	case c.aborted:
		return os.ErrDeadlineExceeded
	}
	return err
}

// watch needs mu.
func (c *carrier) watch(left time.Duration) {
	if c.overdue == nil {
		c.overdue = time.AfterFunc(left, c.checkOverdue)
		return
	}
	c.overdue.Reset(left)
}

func (c *carrier) checkOverdue() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing && !c.deadline.IsZero() && !time.Now().Before(c.deadline) { // else it was moved meanwhile
		c.abort()
	}
}

// abort gives up what is being written; needs mu. It ends the stream, as part of a frame may have been sent.
func (c *carrier) abort() {
	if c.aborted {
		return
	}
	c.aborted = true
	_ = c.rc.SetWriteDeadline(longAgo) // take would have failed
	if c.conn != nil {
		c.killer = time.AfterFunc(patience, c.kill)
	}
}

// kill closes the connection of a client that takes not even the end of the stream.
func (c *carrier) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing {
		_ = c.conn.Close() // what it carried is lost anyway
	}
}

// Close wakes whoever reads or writes, and lets nobody in any more. The stream ends when its handler returns.
func (c *carrier) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	if c.reads > 0 {
		if err := c.rc.SetReadDeadline(longAgo); err != nil {
			_ = c.body.Close() // it does as well
		}
	}
	if c.writing {
		c.abort()
	}
	return nil
}

// release waits until nobody uses the writer and the body, which are the server's when the handler has returned.
func (c *carrier) release() {
	_ = c.Close() // it has no error
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.reads > 0 || c.writing {
		c.idle.Wait()
	}
}

func (c *carrier) LocalAddr() net.Addr  { return c.local }
func (c *carrier) RemoteAddr() net.Addr { return c.remote }

// SetReadDeadline sets the server's. One that has passed can't be taken back over HTTP/2.
func (c *carrier) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	return c.rc.SetReadDeadline(t)
}

// SetWriteDeadline is for what is being written and what will be.
func (c *carrier) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.deadline = t
	if c.writing && !t.IsZero() {
		c.watch(time.Until(t))
	}
	return nil
}

// SetDeadline sets both.
func (c *carrier) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// peerAddr is an address of which only the text is known.
type peerAddr string

func (peerAddr) Network() string  { return "tcp" }
func (a peerAddr) String() string { return string(a) }

var _ net.Conn = (*carrier)(nil)
