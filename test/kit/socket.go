package kit

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/extended"
)

// Frame is a JSON message of the chat's socket.
type Frame map[string]any

// Str returns a member that is a string, "" else.
func (f Frame) Str(name string) string {
	s, _ := f[name].(string)
	return s
}

// Message returns the message that the frame carries.
func (f Frame) Message() Frame {
	m, _ := f["message"].(map[string]any)
	return m
}

// Socket is an open WebSocket whose messages are read at once and kept.
type Socket struct {
	conn *websocket.Conn
	who  string

	mu     sync.Mutex
	frames []Frame
	raw    []string
	next   int   // of Expect
	err    error // why reading ended
	closed time.Time
	done   chan struct{}
}

// Dial opens the chat's socket and returns the answer to the handshake: the socket is nil where that is not 101.
func (c *Client) Dial(t T, opts ...Opt) (*Socket, *http.Response) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequest("GET", c.Node.URL+"/api/ws", nil)
	if err != nil {
		t.Fatalf("socket: %v", err)
	}
	r.Header.Set("User-Agent", "convosphere-e2e/1")
	r.Header.Set("Origin", c.Node.URL)
	if c.Access != "" {
		r.Header.Set("Authorization", "Bearer "+c.Access)
	}
	for _, o := range opts {
		o(r)
	}
	hc := *c.HTTP
	hc.Timeout = 0 // it would end the socket
	conn, res, err := websocket.Dial(ctx, r.URL.String(), &websocket.DialOptions{HTTPClient: &hc, HTTPHeader: r.Header})
	if err != nil {
		if res != nil && res.StatusCode != http.StatusSwitchingProtocols {
			return nil, res
		}
		t.Fatalf("socket of %s: %v", c.User, err)
	}
	conn.SetReadLimit(1 << 20)
	s := &Socket{conn: conn, who: c.User, done: make(chan struct{})}
	go s.read()
	t.Cleanup(func() {
		conn.CloseNow()
		<-s.done
	})
	return s, res
}

// Over returns the same person, whose sockets are opened over another version of HTTP: 2 or 3. Over HTTP/3 the address is any.
func (c *Client) Over(version int) *Client {
	d := *c
	hc := *c.HTTP
	dialer := &extended.Dialer{Version: version, TLS: c.Node.TLS()}
	if version == 2 {
		dialer.Dial = c.Node.dialer(c.IP)
	}
	hc.Transport = dialer
	d.HTTP = &hc
	return &d
}

// Socket opens the chat's socket.
func (c *Client) Socket(t T, opts ...Opt) *Socket {
	t.Helper()
	s, res := c.Dial(t, opts...)
	if s == nil {
		t.Fatalf("socket of %s: the handshake answers %d", c.User, res.StatusCode)
	}
	return s
}

func (s *Socket) read() {
	defer close(s.done)
	for {
		_, data, err := s.conn.Read(context.Background()) // CloseNow ends it
		s.mu.Lock()
		if err != nil {
			s.err, s.closed = err, time.Now()
			s.mu.Unlock()
			return
		}
		f := Frame{}
		if json.Unmarshal(data, &f) != nil {
			f = Frame{"type": "not JSON"}
		}
		s.frames, s.raw = append(s.frames, f), append(s.raw, string(data))
		s.mu.Unlock()
	}
}

// Send writes a JSON message. That the gateway has closed the socket meanwhile is no error here.
func (s *Socket) Send(t T, f Frame) {
	t.Helper()
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatalf("socket of %s: %v", s.who, err)
	}
	s.Write(t, websocket.MessageText, b)
}

// Write writes a message as it is.
func (s *Socket) Write(t T, kind websocket.MessageType, b []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.conn.Write(ctx, kind, b); err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatalf("socket of %s: writing: %v", s.who, err)
	}
}

// Join joins a room and waits for the answer.
func (s *Socket) Join(t T, room string) *Socket {
	t.Helper()
	s.Send(t, Frame{"type": "join", "room": room})
	s.Expect(t, "joined "+room, func(f Frame) bool { return f.Str("type") == "joined" && f.Str("room") == room })
	return s
}

// Expect waits for a message after the ones that earlier calls returned.
func (s *Socket) Expect(t T, what string, ok func(Frame) bool) Frame {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		for ; s.next < len(s.frames); s.next++ {
			if f := s.frames[s.next]; ok(f) {
				s.next++
				s.mu.Unlock()
				return f
			}
		}
		err, raw := s.err, s.raw
		s.mu.Unlock()
		if err != nil || time.Now().After(end) {
			t.Fatalf("socket of %s: no %s (ended: %v); received %q", s.who, what, err, raw)
		}
	}
}

// ExpectText waits for a message of the chat with this text.
func (s *Socket) ExpectText(t T, text string) Frame {
	t.Helper()
	return s.Expect(t, "message "+text, func(f Frame) bool {
		return f.Str("type") == "message" && f.Message().Str("text") == text
	})
}

// Received returns all messages so far, as they came.
func (s *Socket) Received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.raw...)
}

// Open tells whether the socket has not ended.
func (s *Socket) Open() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// Closed waits for the other side to close the socket, and returns code and reason; -1 where it
// was cut without a close frame.
func (s *Socket) Closed(t T, within time.Duration) (websocket.StatusCode, string) {
	t.Helper()
	select {
	case <-s.done:
	case <-time.After(within):
		t.Fatalf("socket of %s: still open after %s; received %q", s.who, within, s.Received())
	}
	var ce websocket.CloseError
	if errors.As(s.err, &ce) {
		return ce.Code, ce.Reason
	}
	return -1, s.err.Error()
}

// WantClosed fails the test unless the socket is closed with the code in time.
func (s *Socket) WantClosed(t T, code websocket.StatusCode, within time.Duration) {
	t.Helper()
	if got, reason := s.Closed(t, within); got != code {
		t.Fatalf("socket of %s: closed with %d %q, want %d", s.who, got, reason, code)
	}
}

// Close closes it from this side.
func (s *Socket) Close() {
	_ = s.conn.Close(websocket.StatusNormalClosure, "") // the other side may have gone first
	<-s.done
}
