package wsframe_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// echo is a back end that sends every message back.
func echo(t *testing.T) string {
	srv := httptest.NewServer(http.HandlerFunc(serveEcho))
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

func serveEcho(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover, InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer c.CloseNow()
	c.SetReadLimit(-1)
	for {
		kind, data, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if err := c.Write(r.Context(), kind, data); err != nil {
			return
		}
	}
}

// raw is a back end whose connection a test holds after the 101.
type raw struct {
	conns chan net.Conn
	head  string // further header lines of the 101
}

func (b *raw) start(t *testing.T) string {
	conns := make(chan net.Conn, 10) // an earlier start may still have its own
	b.conns = conns
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		ln.Close()
		close(done)
	})
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			req, err := http.ReadRequest(bufio.NewReaderSize(conn, 4096))
			if err != nil {
				conn.Close()
				continue
			}
			if len(req.Header["Sec-Websocket-Extensions"]) != 0 {
				conn.Close() // an extension was offered: no test gets what it waits for
				continue
			}
			fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n", acceptOf(req), b.head)
			select {
			case conns <- conn:
			case <-done:
				conn.Close()
				return
			}
		}
	}()
	return ln.Addr().String()
}

// acceptOf is what proves that a handshake was understood.
func acceptOf(r *http.Request) string {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (b *raw) conn(t *testing.T) net.Conn {
	t.Helper()
	select {
	case c := <-b.conns:
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return c
	case <-time.After(30 * time.Second):
		t.Fatal("the back end saw no handshake")
	}
	return nil
}

const handshake = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"

// peer is a client that is no library.
type peer struct {
	net.Conn
	br         *bufio.Reader
	closeWrite func() error
	vanish     func() // ends the connection without a word
}

func newPeer(t *testing.T, c net.Conn) *peer {
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &peer{Conn: c, br: bufio.NewReader(c)}
}

// ask opens a connection to the gate and asks for a socket; more is sent with the handshake. The peer is of use where one opened.
func ask(t *testing.T, g *gate, more ...byte) (*peer, *http.Response) {
	t.Helper()
	if g.version > 1 {
		return askExtended(t, g, handshakeHeader(), more)
	}
	tcp, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	conn := tcp
	if g.secure {
		conn = tls.Client(tcp, &tls.Config{ServerName: "localhost", InsecureSkipVerify: true})
	}
	p := newPeer(t, conn)
	p.closeWrite = conn.(interface{ CloseWrite() error }).CloseWrite
	p.vanish = func() {
		_ = tcp.(*net.TCPConn).SetLinger(0)
		tcp.Close()
	}
	p.send(t, append([]byte(handshake), more...))
	resp, err := http.ReadResponse(p.br, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p, resp
}

func (p *peer) CloseWrite() { _ = p.closeWrite() } // the test sees what it did

// openedStatus is the status that says that a socket is open.
func (g *gate) openedStatus() int {
	if g.version > 1 {
		return http.StatusOK
	}
	return http.StatusSwitchingProtocols
}

// dial opens a socket; more is sent in the same segment as the handshake.
func dial(t *testing.T, g *gate, more ...byte) *peer {
	t.Helper()
	p, resp := ask(t, g, more...)
	if resp.StatusCode != g.openedStatus() || resp.Header.Get("Sec-Websocket-Extensions") != "" {
		t.Fatalf("answered %s %v", resp.Status, resp.Header)
	}
	return p
}

func (p *peer) send(t *testing.T, b []byte) {
	t.Helper()
	if _, err := p.Write(b); err != nil {
		t.Fatal(err)
	}
}

// frame builds one, in the clear or masked.
func frame(op byte, payload string, masked bool) []byte {
	b := []byte{0x80 | op}
	m := byte(0)
	if masked {
		m = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, m|byte(n))
	case n < 65536:
		b = binary.BigEndian.AppendUint16(append(b, m|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, m|127), uint64(n))
	}
	if !masked {
		return append(b, payload...)
	}
	k := [4]byte{1, 2, 3, 4}
	b = append(b, k[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^k[i&3])
	}
	return b
}

// readFrame reads one; the payload unmasked.
func readFrame(r io.Reader) (op byte, payload string, err error) {
	var h [2]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, "", err
	}
	n := uint64(h[1] & 0x7F)
	ext := make([]byte, map[uint64]int{126: 2, 127: 8}[n])
	if _, err := io.ReadFull(r, ext); err != nil {
		return 0, "", err
	}
	for i, c := range ext {
		if i == 0 {
			n = 0
		}
		n = n<<8 | uint64(c)
	}
	var k [4]byte
	if h[1]&0x80 != 0 {
		if _, err := io.ReadFull(r, k[:]); err != nil {
			return 0, "", err
		}
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return 0, "", err
	}
	for i := range b {
		b[i] ^= k[i&3]
	}
	return h[0] & 15, string(b), nil
}

// expect reads one frame of the kind.
func expect(t *testing.T, r io.Reader, op byte, payload string) {
	t.Helper()
	gotOp, got, err := readFrame(r)
	if err != nil || gotOp != op || got != payload {
		t.Fatalf("got op %d %.80q (%v), want op %d %.80q", gotOp, got, err, op, payload)
	}
}

func expectClose(t *testing.T, r io.Reader, code int, reason string) {
	t.Helper()
	expect(t, r, 8, string([]byte{byte(code >> 8), byte(code)})+reason)
}

// expectEnd reads to the end of the connection, which must come soon and bring no frame.
func expectEnd(t *testing.T, r io.Reader) {
	t.Helper()
	b, err := io.ReadAll(r)
	var timeout net.Error
	if len(b) > 0 || errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatalf("not the end: %.40x %v", b, err)
	}
}

func refuseBad(tap *wsframe.Tap) {
	tap.OnMessage(func(_ context.Context, m *wsframe.Message) error {
		if bytes.Contains(m.Data, []byte("bad")) {
			return &wsframe.Close{Code: 1008, Reason: "refused"}
		}
		return nil
	})
}

func TestEcho(t *testing.T) {
	var mu sync.Mutex
	seen := map[wsframe.Direction]int{}
	through(t, echo, func(tap *wsframe.Tap) {
		tap.OnMessage(func(_ context.Context, m *wsframe.Message) error {
			mu.Lock()
			defer mu.Unlock()
			seen[m.Dir]++
			return nil
		})
	}, func(t *testing.T, g *gate) {
		clear(seen)
		ctx := testContext(t)
		scheme := "ws://"
		if g.secure {
			scheme = "wss://"
		}
		c, _, err := websocket.Dial(ctx, scheme+g.addr+"/ws", &websocket.DialOptions{HTTPClient: &http.Client{Transport: g.transport(t)}, CompressionMode: websocket.CompressionContextTakeover})
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		sizes := []int{0, 1, 125, 126, 4000, 65535, 65536}
		var total int64
		go func() {
			r := rand.New(rand.NewPCG(1, 2))
			for i := range 300 {
				kind := websocket.MessageText
				if i%2 == 0 {
					kind = websocket.MessageBinary
				}
				w, err := c.Writer(ctx, kind)
				if err != nil {
					return
				}
				for rest := message(i, sizes); len(rest) > 0; {
					n := 1 + r.IntN(len(rest))
					if _, err := w.Write(rest[:n]); err != nil {
						return
					}
					rest = rest[n:]
				}
				if w.Close() != nil {
					return
				}
			}
		}()
		for i := range 300 {
			kind, data, err := c.Read(ctx)
			if err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
			if want := message(i, sizes); (kind == websocket.MessageBinary) != (i%2 == 0) || !bytes.Equal(data, want) {
				t.Fatalf("message %d: %d bytes of %v, want %d", i, len(data), kind, len(want))
			}
			total += int64(len(data))
		}
		pong := c.CloseRead(ctx)
		if err := c.Ping(ctx); err != nil {
			t.Fatal(err)
		}
		_ = pong
		if err := c.Close(websocket.StatusNormalClosure, "bye"); err != nil {
			t.Fatal(err)
		}
		s := g.over(t, 5*time.Second)
		if s.MessagesIn != 300 || s.MessagesOut != 300 || s.BytesIn != total || s.BytesOut != total || s.CloseCode != 0 {
			t.Errorf("recorded %+v", s)
		}
		mu.Lock()
		defer mu.Unlock()
		if seen[wsframe.In] != 300 || seen[wsframe.Out] != 300 {
			t.Errorf("hooks saw %v", seen)
		}
	})
}

func message(i int, sizes []int) []byte {
	return bytes.Repeat([]byte{'a' + byte(i%26)}, sizes[i%len(sizes)])
}

// Frames sent in one segment with the handshake, before the 101, pass the hooks too.
func TestBytesAlreadyBuffered(t *testing.T) {
	b := &raw{}
	through(t, b.start, refuseBad, func(t *testing.T, g *gate) {
		early := append(frame(1, "good", true), frame(1, "bad", true)...)
		p := dial(t, g, early...)
		back := b.conn(t)
		expect(t, back, 1, "good")
		expectClose(t, p.br, 1008, "refused")
		expectClose(t, back, 1001, "")
		p.send(t, frame(8, "\x03\xf0", true))
		expectEnd(t, p.br)
		expectEnd(t, back)
		if s := g.over(t, time.Second); s.CloseCode != 1008 || s.CloseReason != "refused" || s.MessagesIn != 1 {
			t.Errorf("recorded %+v", s)
		}
	})
}

func TestRefusedOut(t *testing.T) {
	b := &raw{}
	through(t, b.start, refuseBad, func(t *testing.T, g *gate) {
		p := dial(t, g)
		back := b.conn(t)
		for _, f := range [][]byte{frame(9, "ping", false), frame(1, "good", false), frame(1, "bad", false), frame(1, "more", false)} {
			if _, err := back.Write(f); err != nil {
				t.Fatal(err)
			}
		}
		expect(t, p.br, 9, "ping")
		expect(t, p.br, 1, "good")
		expectClose(t, p.br, 1008, "refused")
		expectClose(t, back, 1001, "")
		p.send(t, frame(8, "\x03\xf0", true))
		expectEnd(t, p.br)
		g.over(t, time.Second)
	})
}

func TestProtocolErrorsEndToEnd(t *testing.T) {
	b := &raw{}
	for _, tc := range []struct {
		name string
		wire []byte
		code int
	}{
		{"unmasked", frame(1, "x", false), 1002},
		{"not UTF-8", frame(1, "\xff", true), 1007},
		{"oversize", []byte{0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4, 'x'}, 1009},
	} {
		t.Run(tc.name, func(t *testing.T) {
			through(t, b.start, nil, func(t *testing.T, g *gate) {
				p := dial(t, g, tc.wire...)
				back := b.conn(t)
				op, payload, err := readFrame(p.br)
				if err != nil || op != 8 || int(binary.BigEndian.Uint16([]byte(payload))) != tc.code {
					t.Fatalf("got op %d %q, %v", op, payload, err)
				}
				expectClose(t, back, 1001, "")
				p.CloseWrite()
				expectEnd(t, p.br)
				expectEnd(t, back)
				if s := g.over(t, time.Second); s.CloseCode != tc.code || s.MessagesIn != 0 {
					t.Errorf("recorded %+v", s)
				}
			})
		})
	}
}

// A close from outside reaches two silent sides at once, and whoever does not answer is cut.
func TestCloseWhileSilent(t *testing.T) {
	b := &raw{}
	for _, answers := range []bool{true, false} {
		t.Run(fmt.Sprintf("answers=%v", answers), func(t *testing.T) {
			through(t, b.start, nil, func(t *testing.T, g *gate) {
				p := dial(t, g)
				back := b.conn(t)
				c := g.conn(t)
				start := time.Now()
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() { c.Close(1008, "logged out") })
				}
				wg.Wait()
				expectClose(t, p.br, 1008, "logged out")
				expectClose(t, back, 1001, "")
				if d := time.Since(start); d > 500*time.Millisecond {
					t.Errorf("took %s", d)
				}
				within := 3 * time.Second
				if answers {
					p.send(t, append(frame(1, "late", true), frame(8, "\x03\xf0", true)...))
					within = time.Second
				}
				expectEnd(t, p.br)
				expectEnd(t, back)
				s := g.over(t, within)
				if d := time.Since(start); !answers && d < 1500*time.Millisecond {
					t.Errorf("no grace: cut after %s", d)
				}
				if s.CloseCode != 1008 || s.CloseReason != "logged out" || s.MessagesIn != 0 {
					t.Errorf("recorded %+v", s)
				}
			})
		})
	}
}

// flood writes until the other end takes no more.
func flood(conn net.Conn, f []byte) {
	if p, ok := conn.(*peer); ok {
		conn = p.Conn
	}
	for {
		conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		if _, err := conn.Write(f); err != nil {
			return
		}
	}
}

func TestCloseWhileTheClientDoesNotRead(t *testing.T) {
	b := &raw{}
	through(t, b.start, nil, func(t *testing.T, g *gate) {
		dial(t, g)
		flood(b.conn(t), frame(2, strings.Repeat("x", 60000), false))
		g.conn(t).Close(1008, "logged out")
		if s := g.over(t, 3*time.Second); s.CloseCode != 1008 {
			t.Errorf("recorded %+v", s)
		}
	})
}

func TestCloseWhileTheBackEndDoesNotRead(t *testing.T) {
	b := &raw{}
	through(t, b.start, nil, func(t *testing.T, g *gate) {
		p := dial(t, g)
		back := b.conn(t)
		flood(p, frame(2, strings.Repeat("x", 60000), true))
		g.conn(t).Close(1008, "logged out")
		expectClose(t, p.br, 1008, "logged out")
		g.over(t, 3*time.Second)
		back.Close()
	})
}

// A client that takes nothing is cut without anybody's help.
func TestSlowClient(t *testing.T) {
	b := &raw{}
	through(t, b.start, func(tap *wsframe.Tap) { tap.Limit(wsframe.Limits{Write: 300 * time.Millisecond}) }, func(t *testing.T, g *gate) {
		dial(t, g)
		flood(b.conn(t), frame(2, strings.Repeat("x", 60000), false))
		g.over(t, 30*time.Second)
	})
}

// A client that ends its half still gets what the back end has to say.
func TestHalfClosed(t *testing.T) {
	b := &raw{}
	through(t, b.start, nil, func(t *testing.T, g *gate) {
		p := dial(t, g, frame(1, "last", true)...)
		back := b.conn(t)
		g.conn(t) // net/http takes an end that comes between the 101 and the hijacking for the client's leaving
		p.CloseWrite()
		expect(t, back, 1, "last")
		expectEnd(t, back)
		if _, err := back.Write(frame(1, "answer", false)); err != nil {
			t.Fatal(err)
		}
		back.Close()
		expect(t, p.br, 1, "answer")
		expectEnd(t, p.br)
		if s := g.over(t, time.Second); s.MessagesIn != 1 || s.MessagesOut != 1 || s.CloseCode != 0 {
			t.Errorf("recorded %+v", s)
		}
	})
}

// Both sides close by themselves: the gateway adds nothing.
func TestCloseHandshakeOfTheBackEnd(t *testing.T) {
	b := &raw{}
	through(t, b.start, nil, func(t *testing.T, g *gate) {
		p := dial(t, g)
		back := b.conn(t)
		if _, err := back.Write(append(frame(8, "\x0f\xa0over", false), frame(1, "late", false)...)); err != nil {
			t.Fatal(err)
		}
		expectClose(t, p.br, 4000, "over")
		p.send(t, append(frame(8, "\x0f\xa0", true), frame(1, "late", true)...))
		expectClose(t, back, 4000, "")
		back.Close()
		expectEnd(t, p.br)
		p.Close()
		if s := g.over(t, time.Second); s.CloseCode != 0 || s.MessagesIn+s.MessagesOut != 0 {
			t.Errorf("recorded %+v", s)
		}
	})
}

func TestPeersVanish(t *testing.T) {
	b := &raw{}
	t.Run("back end", func(t *testing.T) {
		through(t, b.start, nil, func(t *testing.T, g *gate) {
			p := dial(t, g)
			back := b.conn(t)
			if _, err := back.Write([]byte{0x81, 50, 'h', 'a'}); err != nil { // half a message
				t.Fatal(err)
			}
			back.(*net.TCPConn).SetLinger(0)
			back.Close()
			expectEnd(t, p.br)
			p.Close()
			g.over(t, time.Second)
		})
	})
	t.Run("client", func(t *testing.T) {
		through(t, b.start, nil, func(t *testing.T, g *gate) {
			p := dial(t, g, 0x81, 0x85, 1, 2, 3)
			back := b.conn(t)
			g.conn(t)
			p.vanish()
			expectEnd(t, back)
			back.Close()
			g.over(t, time.Second)
		})
	})
}

// A back end that accepts what was not offered gets no socket.
func TestExtensionAccepted(t *testing.T) {
	b := &raw{head: "Sec-WebSocket-Extensions: permessage-deflate\r\n"}
	through(t, b.start, nil, func(t *testing.T, g *gate) {
		_, resp := ask(t, g)
		if resp.StatusCode != 502 || resp.Header.Get("Upgrade") != "" || resp.Header.Get("Sec-WebSocket-Accept") != "" {
			t.Errorf("answered %s %v", resp.Status, resp.Header)
		}
		expectEnd(t, b.conn(t))
		<-g.ended
		if g.opened.Load() != 0 {
			t.Error("OnOpen was called")
		}
	})
}

// A hook's wait ends with the socket.
func TestHookCancelled(t *testing.T) {
	b := &raw{}
	waiting := make(chan struct{}, 1)
	through(t, b.start, func(tap *wsframe.Tap) {
		tap.OnMessage(func(ctx context.Context, m *wsframe.Message) error {
			waiting <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		})
		tap.OnFailure(func(err error) { t.Errorf("told as a failure: %v", err) })
	}, func(t *testing.T, g *gate) {
		p := dial(t, g, frame(1, "x", true)...)
		back := b.conn(t)
		<-waiting
		g.conn(t).Close(1008, "logged out")
		expectClose(t, p.br, 1008, "logged out")
		expectClose(t, back, 1001, "")
		p.Close()
		if s := g.over(t, time.Second); s.CloseCode != 1008 || s.MessagesIn != 0 {
			t.Errorf("recorded %+v", s)
		}
	})
}

func TestTimeLimits(t *testing.T) {
	b := &raw{}
	t.Run("message", func(t *testing.T) {
		through(t, b.start, func(tap *wsframe.Tap) { tap.Limit(wsframe.Limits{Assemble: 200 * time.Millisecond}) }, func(t *testing.T, g *gate) {
			begun := frame(1, "begun", true)
			begun[0] &^= 0x80
			p := dial(t, g, append(begun, frame(9, "alive", true)...)...)
			expect(t, b.conn(t), 9, "alive")
			expectClose(t, p.br, 1008, "message took too long")
			p.Close()
			g.over(t, time.Second)
		})
	})
	t.Run("idle", func(t *testing.T) {
		through(t, b.start, func(tap *wsframe.Tap) { tap.Limit(wsframe.Limits{Idle: 800 * time.Millisecond}) }, func(t *testing.T, g *gate) {
			start := time.Now()
			p := dial(t, g)
			back := b.conn(t)
			for i := range 4 {
				time.Sleep(250 * time.Millisecond)
				if i%2 == 0 {
					p.send(t, frame(9, "", true))
				} else if _, err := back.Write(frame(10, "", false)); err != nil {
					t.Fatal(err)
				}
			}
			expect(t, p.br, 10, "")
			expect(t, p.br, 10, "")
			expectClose(t, p.br, 1001, "idle")
			if d := time.Since(start); d < 1750*time.Millisecond {
				t.Errorf("closed after %s", d)
			}
			p.Close()
			g.over(t, time.Second)
		})
	})
}

// A socket that OnOpen closes passes nothing; a panic in OnOpen closes.
func TestClosedAtOpen(t *testing.T) {
	b := &raw{}
	through(t, b.start, func(tap *wsframe.Tap) {
		tap.OnOpen(func(c *wsframe.Conn) func() { panic("at open") })
	}, func(t *testing.T, g *gate) {
		p := dial(t, g, frame(1, "x", true)...)
		expectClose(t, p.br, 1011, "internal error")
		p.Close()
		if s := g.over(t, time.Second); s.CloseCode != 1011 || s.MessagesIn != 0 {
			t.Errorf("recorded %+v", s)
		}
	})
}

// Caddy writes a close frame through the connection when it stops or takes another configuration, while the back end's bytes are being
// copied. (Where it stops altogether, it closes QUIC connections at once.)
func TestCaddyGoes(t *testing.T) {
	b := &raw{}
	for _, c := range []struct {
		version int
		reloads bool
	}{{1, false}, {2, false}, {1, true}, {2, true}, {3, true}} {
		t.Run(fmt.Sprintf("HTTP/%d, reloads %v", c.version, c.reloads), func(t *testing.T) {
			g := newGate()
			g.version, g.secure = c.version, true
			addr := b.start(t)
			caddyProxy(t, g, nil, addr, false)
			p := dial(t, g)
			back := b.conn(t)
			// Once bytes are copied, the proxy has the connection on its list of those to say goodbye to.
			if _, err := back.Write(frame(1, "copying", false)); err != nil {
				t.Fatal(err)
			}
			expect(t, p.br, 1, "copying")
			if _, err := back.Write([]byte{0x81, 50, 'h', 'a'}); err != nil { // half a message is under way
				t.Fatal(err)
			}
			g.conn(t)
			if c.reloads {
				startCaddy(t, g, addr, true, "")
				defer g.stop()
			} else {
				g.stop()
			}
			expectClose(t, p.br, 1001, "")
			expectEnd(t, p.br)
			if s := g.over(t, 3*time.Second); s.CloseCode != 1001 {
				t.Errorf("recorded %+v", s)
			}
			p.Close()
		})
	}
}

// A handler that reads and writes the connection itself, without copying, gets the same.
func TestServedInProcess(t *testing.T) {
	for _, version := range []int{1, 2} {
		g := newGate()
		g.version = version
		g.serve(refuseBad, func(w http.ResponseWriter, r *http.Request) error { serveEcho(w, r); return nil }, version == 2)
		defer g.stop()
		p := dial(t, g, frame(1, "early", true)...)
		expect(t, p.br, 1, "early")
		big := strings.Repeat("x", 65536)
		p.send(t, frame(2, big, true))
		expect(t, p.br, 2, big)
		p.send(t, frame(9, "p", true))
		expect(t, p.br, 10, "p")
		p.send(t, frame(1, "bad", true))
		expectClose(t, p.br, 1008, "refused")
		p.send(t, frame(8, "\x03\xf0", true))
		expectEnd(t, p.br)
		if s := g.over(t, time.Second); s.CloseCode != 1008 || s.MessagesIn != 2 || s.MessagesOut != 2 {
			t.Errorf("recorded %+v", s)
		}
		p.Close()
	}
}

// A handler that panics, or forgets the connection, leaves nothing open; nor does one that forgets a goroutine that writes.
func TestForgotten(t *testing.T) {
	for _, version := range []int{1, 2} {
		for _, panics := range []bool{true, false} {
			g := newGate()
			g.version = version
			var users sync.WaitGroup // of the connection
			users.Add(2)
			g.serve(nil, func(w http.ResponseWriter, r *http.Request) error {
				head := w.Header()
				head.Set("Sec-WebSocket-Accept", acceptOf(r))
				w.WriteHeader(http.StatusSwitchingProtocols)
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					users.Add(-2)
					t.Error(err)
					return err
				}
				go func() {
					defer users.Done()
					for err == nil {
						_, err = conn.Write(frame(1, "still here", false))
					}
				}()
				go func() {
					defer users.Done()
					_, _ = conn.Read(make([]byte, 1))
				}()
				if panics {
					panic(http.ErrAbortHandler)
				}
				return nil
			}, version == 2)
			p := dial(t, g)
			_, _ = io.Copy(io.Discard, p.br) // to the end, or to where it was cut
			users.Wait()
			for start := time.Now(); g.closed.Load() != 1; time.Sleep(time.Millisecond) {
				if time.Since(start) > 30*time.Second {
					t.Fatal("onEnd was not called")
				}
			}
			p.Close()
			g.stop()
		}
	}
}

// A request that is no socket goes through the wrapped writer untouched.
func TestPlainAnswerThroughTheWriter(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "no socket here")
	}))
	defer srv.Close()
	through(t, func(*testing.T) string { return srv.Listener.Addr().String() }, nil, func(t *testing.T, g *gate) {
		_, resp := ask(t, g)
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusTeapot || string(body) != "no socket here" {
			t.Errorf("%s %q %v", resp.Status, body, err)
		}
		if rc := <-g.ended; rc.Socket != nil {
			t.Error("a socket was recorded")
		}
	})
}
