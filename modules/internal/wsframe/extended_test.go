package wsframe_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/extended"
)

func (g *gate) dialer() *extended.Dialer {
	d := &extended.Dialer{Version: g.version}
	if g.secure {
		d.TLS = &tls.Config{ServerName: "localhost", InsecureSkipVerify: true}
	}
	return d
}

// transport is what a library's handshake goes by.
func (g *gate) transport(t *testing.T) http.RoundTripper {
	if g.version > 1 {
		return g.dialer()
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// handshakeHeader is what a browser sends along with an extended CONNECT.
func handshakeHeader() http.Header {
	return http.Header{"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Extensions": {"permessage-deflate; client_max_window_bits"}}
}

func askExtended(t *testing.T, g *gate, h http.Header, more []byte) (*peer, *http.Response) {
	t.Helper()
	s, resp, err := g.dialer().Open(testContext(t), "https://"+g.addr+"/ws", h, more)
	if err != nil {
		t.Fatal(err)
	}
	if s == nil {
		return nil, resp
	}
	p := newPeer(t, s)
	p.closeWrite, p.vanish = s.CloseWrite, s.Vanish
	return p, resp
}

// The timeouts of a server are for requests: they end no socket, be it silent.
func TestServerTimeouts(t *testing.T) {
	b := &raw{}
	for _, version := range []int{1, 2, 3} {
		t.Run((&gate{version: version}).dialer().String(), func(t *testing.T) {
			g := newGate()
			g.version, g.secure, g.timeout = version, true, 200*time.Millisecond
			caddyProxy(t, g, nil, b.start(t), false)
			defer g.stop()
			p := dial(t, g)
			back := b.conn(t)
			for range 3 {
				time.Sleep(300 * time.Millisecond)
				p.send(t, frame(1, "in", true))
				expect(t, back, 1, "in")
				time.Sleep(300 * time.Millisecond)
				if _, err := back.Write(frame(1, "out", false)); err != nil {
					t.Fatal(err)
				}
				expect(t, p.br, 1, "out")
			}
			back.Close()
			p.Close()
			g.over(t, time.Second)
		})
	}
}

// The back end gets the handshake of HTTP/1.1 that the CONNECT stands for, and what it answers reaches the client.
func TestHandshakeAtTheBackEnd(t *testing.T) {
	got := make(chan *http.Request, 10)
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r
		h := w.Header()
		for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Accept": acceptOf(r), "Sec-WebSocket-Protocol": "chat", "X-Back": "yes"} {
			h.Set(name, value)
		}
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conn.Close()
	}))
	defer back.Close()
	through(t, func(*testing.T) string { return back.Listener.Addr().String() }, nil, func(t *testing.T, g *gate) {
		if g.version < 2 {
			return
		}
		h := handshakeHeader()
		h.Set("Origin", "https://gw.example")
		h.Set("Sec-WebSocket-Protocol", "chat, other")
		h.Set("Sec-WebSocket-Key", "not ours to keep")
		_, resp := askExtended(t, g, h, nil)
		if resp.StatusCode != 200 || resp.Header.Get("Sec-WebSocket-Protocol") != "chat" || resp.Header.Get("X-Back") != "yes" {
			t.Errorf("answered %s %v", resp.Status, resp.Header)
		}
		for _, name := range []string{"Connection", "Upgrade", "Sec-WebSocket-Accept"} {
			if v := resp.Header.Values(name); len(v) > 0 {
				t.Errorf("the client got %s: %q", name, v)
			}
		}
		r := <-got
		key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
		if err != nil || len(key) != 16 {
			t.Errorf("key %q", r.Header.Values("Sec-WebSocket-Key"))
		}
		if r.Method != "GET" || r.RequestURI != "/ws" || r.Proto != "HTTP/1.1" || r.ContentLength != 0 || len(r.Trailer) != 0 {
			t.Errorf("%s %s %s, length %d, trailers %v", r.Method, r.RequestURI, r.Proto, r.ContentLength, r.Trailer)
		}
		for name, want := range map[string]string{
			"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Origin": "https://gw.example", "Sec-WebSocket-Protocol": "chat, other",
			"Sec-WebSocket-Extensions": "", ":protocol": "",
		} {
			if v := strings.Join(r.Header.Values(name), ","); v != want {
				t.Errorf("%s: %q, want %q", name, v, want)
			}
		}
		g.over(t, time.Second)
	})
}

// A client of HTTP/2 and 3 takes any 2xx for an open socket: it gets none unless there is one.
func TestNoSocketNoSuccess(t *testing.T) {
	var answer atomic.Pointer[string]
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096)) // the handshake
			_, _ = io.WriteString(conn, *answer.Load())
			_ = conn.Close()
		}
	}()
	const upgrade = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	for name, c := range map[string]struct {
		answer string
		status int
	}{
		"a page":           {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", 502},
		"a page of chunks": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", 502},
		"no content":       {"HTTP/1.1 204 No Content\r\n\r\n", 502},
		"no proof":         {upgrade + "\r\n", 502},
		"a wrong proof":    {upgrade + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", 502},
		"another protocol": {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 502},
		"a refusal":        {"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", 403},
		"early hints":      {"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404},
	} {
		t.Run(name, func(t *testing.T) {
			answer.Store(&c.answer)
			through(t, func(*testing.T) string { return ln.Addr().String() }, nil, func(t *testing.T, g *gate) {
				if g.version < 2 {
					return
				}
				if g.version == 3 && name == "early hints" {
					return // the test's client reads none
				}
				_, resp := ask(t, g)
				body, err := io.ReadAll(resp.Body)
				if err != nil || resp.StatusCode != c.status || strings.Contains(string(body), "body") {
					t.Errorf("answered %s %q, %v", resp.Status, body, err)
				}
				if rc := <-g.ended; rc.Socket != nil || g.opened.Load() != 0 {
					t.Error("a socket opened")
				}
			})
		})
	}
}

// A handler's error is answered by whoever is outside: nothing is said before.
func TestHandlersError(t *testing.T) {
	g := newGate()
	g.version = 2
	g.serve(nil, func(http.ResponseWriter, *http.Request) error { return errors.New("no") }, true)
	defer g.stop()
	_, resp := ask(t, g)
	if resp.StatusCode != 200 { // net/http's own, as nobody answers here
		t.Errorf("answered %s", resp.Status)
	}
}

// deaf is a client's connection that can stop reading, with little room for what nobody reads.
type deaf struct {
	*net.TCPConn
	stopped chan struct{}
	closed  chan struct{}
}

func (d *deaf) Read(p []byte) (int, error) {
	select {
	case <-d.stopped:
		<-d.closed
		return 0, net.ErrClosed
	default:
	}
	return d.TCPConn.Read(p)
}

// A client that reads nothing of its HTTP/2 connection, not even the end of a stream, holds nobody: the connection is closed.
func TestDeafConnection(t *testing.T) {
	b := &raw{}
	g := newGate()
	g.version = 2
	caddyProxy(t, g, nil, b.start(t), false)
	defer g.stop()
	d := &deaf{stopped: make(chan struct{}), closed: make(chan struct{})}
	defer close(d.closed)
	dialer := g.dialer()
	dialer.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		d.TCPConn = conn.(*net.TCPConn)
		return d, d.SetReadBuffer(4096)
	}
	s, _, err := dialer.Open(testContext(t), "http://"+g.addr+"/ws", handshakeHeader(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	back := b.conn(t)
	c := g.conn(t)
	close(d.stopped)
	flood(back, frame(2, strings.Repeat("x", 60000), false))
	c.Close(1008, "logged out")
	if s := g.over(t, 5*time.Second); s.CloseCode != 1008 {
		t.Errorf("recorded %+v", s)
	}
}
