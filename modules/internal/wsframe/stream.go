package wsframe

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// maxHead bounds the head of a 101 that is written through the hijacked connection.
const maxHead = 64 << 10

// stream is the connection as the proxy sees it: reading yields the client's frames that passed, writing takes the back end's.
type stream struct {
	c *Conn

	rmu     sync.Mutex   // one reader at a time
	pending bytes.Buffer // passed, to be read; under in.lock

	wmu  sync.Mutex // one feeder of out at a time
	head []byte     // of an answer that is written through the connection (net/http/httputil does); under wmu

	open    atomic.Bool // the 101 was sent, and the handlers know
	copying atomic.Bool // ReadFrom runs
}

// Read yields frames that passed. The proxies come by WriteTo.
func (s *stream) Read(p []byte) (int, error) {
	c := s.c
	if !c.enter() {
		return 0, net.ErrClosed
	}
	defer c.leave()
	s.rmu.Lock()
	defer s.rmu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	if c.in.dst == nil {
		s.readInto(&s.pending)
	}
	var end error
	for {
		if n := s.takePending(p); n > 0 {
			return n, nil
		}
		if end != nil {
			return 0, end
		}
		var done bool
		if done, end = s.pull(); done && end == nil {
			end = io.EOF
		}
	}
}

// WriteTo copies the client's frames that passed into w until the client ends.
func (s *stream) WriteTo(w io.Writer) (int64, error) {
	c := s.c
	if !c.enter() {
		return 0, net.ErrClosed
	}
	defer c.leave()
	s.rmu.Lock()
	defer s.rmu.Unlock()
	c.setBack(w)
	s.readInto(w)
	if !c.in.acquire(nil) {
		return 0, errClosed
	}
	n, err := s.pending.WriteTo(w)
	start := c.in.wrote.Load()
	c.in.free()
	for err == nil {
		var done bool
		if done, err = s.pull(); done {
			break
		}
	}
	return n + c.in.wrote.Load() - start, err
}

// readInto sets where frames go that pass; needs rmu. A closing that began before there was such a place is made up for.
func (s *stream) readInto(w io.Writer) {
	c := s.c
	if !c.in.acquire(nil) {
		return
	}
	defer c.in.free()
	c.in.dst = w
	if c.closing.Load() && !c.in.shut {
		_ = c.in.put(closeFrame(In, CodeGoingAway, ""), true) // reading shows what became of the socket
	}
}

func (s *stream) takePending(p []byte) int {
	// After the cut nobody else writes to it.
	if s.c.in.acquire(nil) {
		defer s.c.in.free()
	}
	n, _ := s.pending.Read(p) // io.EOF: nothing there
	return n
}

// pull reads once from the client and passes on what may pass. done: the client sends no more.
func (s *stream) pull() (done bool, err error) {
	c := s.c
	if !s.open.Load() {
		return true, errNoOpening
	}
	b, rerr := c.fill()
	if len(b) > 0 {
		c.touch()
		err := c.in.feed(b)
		_, _ = c.br.Discard(len(b)) // it was peeked
		if err != nil {
			return true, err
		}
	}
	if rerr == nil {
		return false, nil
	}
	var timeout net.Error
	if errors.As(rerr, &timeout) && timeout.Timeout() {
		return true, rerr // the proxy's own read deadline: it may go on
	}
	c.clientGone()
	if c.closing.Load() {
		c.depart()
		return true, errClosed
	}
	if rerr == io.EOF {
		return true, nil
	}
	return true, rerr
}

// fill waits for bytes of the client: first what net/http had read ahead, then from the connection itself (reading through net/http's reader
// would end the request's context with the client's last byte, and with it the half of the socket that still runs).
func (c *Conn) fill() ([]byte, error) {
	var err error
	if c.br.Buffered() == 0 {
		if !c.direct {
			c.br.Reset(c.conn)
			c.direct = true
		}
		_, err = c.br.Peek(1)
	}
	b, _ := c.br.Peek(c.br.Buffered())
	return b, err
}

// Write takes frames of the back end. Beside a ReadFrom it takes one whole control frame: a proxy that shuts down says so.
func (s *stream) Write(p []byte) (int, error) {
	c := s.c
	if !c.enter() {
		return 0, net.ErrClosed
	}
	defer c.leave()
	if s.copying.Load() {
		return s.writeAside(p)
	}
	s.wmu.Lock()
	defer s.wmu.Unlock()
	if err := s.push(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// ReadFrom copies frames of the back end that pass until it ends.
func (s *stream) ReadFrom(r io.Reader) (n int64, err error) {
	c := s.c
	if !c.enter() {
		return 0, net.ErrClosed
	}
	defer c.leave()
	c.setBack(r)
	s.copying.Store(true)
	defer s.copying.Store(false)
	for {
		k, rerr := r.Read(c.scratch)
		n += int64(k)
		if k > 0 {
			c.touch()
			s.wmu.Lock()
			err = s.push(c.scratch[:k])
			s.wmu.Unlock()
		}
		if err == nil && rerr == nil {
			continue
		}
		if c.draining.Load() {
			c.farewell() // to a back end that ends without a close frame, too
		}
		if c.closing.Load() {
			<-c.cutc // the client is still to answer; the proxy would cut it on an error
			return n, errClosed
		}
		if err == nil && rerr != io.EOF {
			err = rerr
		}
		if errors.Is(rerr, net.ErrClosed) {
			s.goingAway()
		}
		return n, err
	}
}

// goingAway says so to a client whose back end's connection the proxy itself has closed. Caddy, when it stops, says it on both connections, but closes
// each at once, in no order: where the back end's is first, the copying ends here before the client has been told.
func (s *stream) goingAway() {
	s.c.mu.Lock()
	gone := s.c.inDone
	s.c.mu.Unlock()
	if !gone {
		_ = s.sayGoodbye(closeFrame(Out, CodeGoingAway, ""), CodeGoingAway, "") // who is not there any more needs no word
	}
}

// sayGoodbye writes a close frame to the client that is the gateway's own, beside the copying.
func (s *stream) sayGoodbye(frame []byte, code int, reason string) error {
	c := s.c
	giveUp := time.NewTimer(aside)
	defer giveUp.Stop()
	c.wanted.Store(time.Now().Add(aside).UnixNano())
	c.mu.Lock()
	if c.code == 0 { // before the client has it: the proxy may end the socket as soon as it answers
		c.code, c.reason = code, reason
	}
	c.mu.Unlock()
	if !c.out.tell(frame, giveUp.C) {
		return io.ErrClosedPipe
	}
	return nil
}

// push looks at bytes that the back end's side wrote; needs wmu.
func (s *stream) push(p []byte) error {
	if s.open.Load() {
		return s.c.out.feed(p)
	}
	room := maxHead - len(s.head)
	s.head = append(s.head, p[:min(len(p), room)]...)
	end := bytes.Index(s.head, []byte("\r\n\r\n"))
	if end < 0 {
		if len(p) > room {
			return errNoOpening
		}
		return nil
	}
	end += 4
	rest := append(append([]byte(nil), s.head[end:]...), p[min(len(p), room):]...)
	head := s.head[:end]
	s.head = nil
	if err := s.sendHead(head); err != nil {
		return err
	}
	s.opened()
	if len(rest) == 0 {
		return nil
	}
	return s.c.out.feed(rest)
}

// sendHead passes the 101 on, if it is one that the tap can follow.
func (s *stream) sendHead(head []byte) error {
	answer, err := parseHead(head)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols || extended(answer.Header) {
		_, _ = client{s.c}.Write([]byte("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")) // refused either way
		return errNoOpening
	}
	_, err = client{s.c}.Write(head)
	return err
}

func (s *stream) opened() {
	s.c.opened()
	s.open.Store(true)
}

// writeAside writes what comes from beside the copying: one whole control frame, such as Caddy's close frame when it
// shuts down or drops a configuration. Such a close frame is the gateway's.
func (s *stream) writeAside(b []byte) (int, error) {
	p := parser{}
	n, ev, refused := p.next(b)
	if refused != nil || ev != control || n != len(b) {
		return 0, errors.New("wsframe: only a control frame can be written beside the copying")
	}
	if p.opcode != opClose {
		return n, nil // nobody would be told of the answer
	}
	code, reason := 0, ""
	if payload := p.ctl[headroom:][:p.nctl]; len(payload) >= 2 {
		code, reason = int(payload[0])<<8|int(payload[1]), string(payload[2:])
	}
	if err := s.sayGoodbye(seal(p.ctl[:headroom+p.nctl], opClose, nil), code, reason); err != nil {
		return 0, err
	}
	return n, nil
}

// CloseWrite ends what goes to the client, as far as its connection can be half closed.
func (s *stream) CloseWrite() error {
	c := s.c
	if c.closing.Load() {
		return nil // the close frame is still to be written
	}
	half, ok := c.conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	if !c.out.acquire(nil) {
		return net.ErrClosed
	}
	defer c.out.free()
	c.out.broken = true
	return half.CloseWrite()
}

// Close ends the socket.
func (s *stream) Close() error {
	s.c.end()
	return nil
}

func (s *stream) LocalAddr() net.Addr               { return s.c.conn.LocalAddr() }
func (s *stream) RemoteAddr() net.Addr              { return s.c.conn.RemoteAddr() }
func (s *stream) SetReadDeadline(t time.Time) error { return s.c.conn.SetReadDeadline(t) }

func (s *stream) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// SetWriteDeadline sets one beside the tap's own; the earlier holds.
func (s *stream) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		s.c.wanted.Store(0)
		return nil
	}
	s.c.wanted.Store(t.UnixNano())
	return s.c.conn.SetWriteDeadline(t)
}

var (
	_ net.Conn      = (*stream)(nil)
	_ io.ReaderFrom = (*stream)(nil)
	_ io.WriterTo   = (*stream)(nil)
)
