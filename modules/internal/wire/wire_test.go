package wire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// scripted is a connection on which a client sends bytes, in pieces, and reads nothing.
type scripted struct {
	tracker Tracker
	mu      sync.Mutex
	in      []byte
	piece   int
	closed  chan struct{}
	once    sync.Once
}

func (c *scripted) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), max(c.piece, 1))], c.in)
	c.in = c.in[n:]
	c.tracker.Saw(p[:n])
	return n, nil
}

func (c *scripted) Write(p []byte) (int, error)      { return len(p), nil }
func (c *scripted) Close() error                     { c.once.Do(func() { close(c.closed) }); return nil }
func (c *scripted) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *scripted) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *scripted) SetDeadline(time.Time) error      { return nil }
func (c *scripted) SetReadDeadline(time.Time) error  { return nil }
func (c *scripted) SetWriteDeadline(time.Time) error { return nil }

// one is a listener with one connection.
type one struct {
	c    chan net.Conn
	done chan struct{}
	once *sync.Once
}

func (l one) Accept() (net.Conn, error) {
	select {
	case c := <-l.c:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l one) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l one) Addr() net.Addr { return &net.TCPAddr{} }

// serve has net/http serve the bytes, and calls handle with each request and its head, if that is known.
func serve(in []byte, piece int, handle func(r *http.Request, h Head, known bool)) {
	c := &scripted{in: in, piece: piece, closed: make(chan struct{})}
	l := one{make(chan net.Conn, 1), make(chan struct{}), new(sync.Once)}
	s := &http.Server{
		ErrorLog:    log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context { return With(ctx, &c.tracker) },
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateIdle:
				c.tracker.Answered()
			case http.StateClosed, http.StateHijacked:
				c.tracker.Forget()
			}
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h, known := Of(r.Context(), r.Method, r.RequestURI, r.Proto)
			handle(r, h, known)
			if r.Header.Get("Unread") == "" {
				_, _ = io.Copy(io.Discard, r.Body)
			}
		}),
	}
	l.c <- c
	go func() { <-c.closed; l.Close() }()
	_ = s.Serve(l)
}

// same tells how a head differs from what net/http read of the same request, "" if it does not.
func same(r *http.Request, h Head) string {
	if want := r.Method + " " + r.RequestURI + " " + r.Proto; h.Line != want {
		return fmt.Sprintf("line %q, net/http read %q", h.Line, want)
	}
	raw := http.Header{}
	for _, f := range h.Fields {
		k := textproto.CanonicalMIMEHeaderKey(f.Name)
		raw[k] = append(raw[k], f.Value)
	}
	for _, k := range []string{"Host", "Content-Length", "Transfer-Encoding", "Trailer", "Pragma", "Cache-Control"} {
		delete(raw, k) // net/http takes these out, joins equal ones, or adds one
	}
	for k, v := range r.Header {
		if k != "Content-Length" && k != "Cache-Control" && k != "Pragma" && !slices.Equal(v, raw[k]) {
			return fmt.Sprintf("%s: %q, net/http read %q", k, raw[k], v)
		}
	}
	for k := range raw {
		if _, ok := r.Header[k]; !ok {
			return fmt.Sprintf("%s is not in what net/http read", k)
		}
	}
	return ""
}

// Whatever the bytes and however they arrive: a head is the head of its own request.
func FuzzHeadBelongsToItsRequest(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\nX_Filename: a.php\r\n\r\n",
		"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\nhost: b\r\nx.y: 1\r\n\r\n",
		"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\r\n\r\nGET /b HTTP/1.1\r\nhost: b\r\n\r\n",
		"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\nhost: b\r\n\r\n",
		"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n1\r\na\r\n0\r\n\r\nGET /a HTTP/1.1\r\nhost: b\r\n\r\n",
		"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\nA: 1\r\n\r\n",
		"GET / HTTP/1.1\nHost: a\nB: c\n\nGET / HTTP/1.1\nHost: a\nB: d\n\n",
		"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nUnread: 1\r\nContent-Length: 2\r\n\r\nabGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		f.Add([]byte(s), 1)
		f.Add([]byte(s), 4096)
	}
	f.Fuzz(func(t *testing.T, in []byte, piece int) {
		serve(in, piece, func(r *http.Request, h Head, known bool) {
			if known {
				if d := same(r, h); d != "" {
					t.Errorf("%q: %s", in, d)
				}
			}
		})
	})
}

// Of honest requests every head is known, also when the client does not wait for answers.
func TestHonestRequestsHaveTheirHeads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in bytes.Buffer
		n := rapid.IntRange(1, 6).Draw(t, "requests")
		for i := range n {
			body := rapid.SliceOfN(rapid.Byte(), 0, 5000).Draw(t, "body")
			method := rapid.SampledFrom([]string{"GET", "POST", "PUT"}).Draw(t, "method")
			fmt.Fprintf(&in, "%s /same HTTP/1.1\r\nhOsT: a\r\nX_Number: %d\r\nx-Number:  %d \r\nContent-Length: %d\r\n\r\n%s", method, i, i, len(body), body)
			if method == "POST" && rapid.Bool().Draw(t, "line") {
				in.WriteString("\r\n")
			}
		}
		seen := 0
		serve(in.Bytes(), rapid.IntRange(1, 6000).Draw(t, "piece"), func(r *http.Request, h Head, known bool) {
			number := fmt.Sprint(seen)
			seen++
			if want := []Field{{"hOsT", "a"}, {"X_Number", number}, {"x-Number", number}}; !known || !slices.Equal(h.Fields[:3], want) {
				t.Errorf("request %s: %v %+v", number, known, h)
			}
		})
		if seen != n {
			t.Errorf("%d of %d requests were served", seen, n)
		}
	})
}

// What may be framed in two ways ends the tracking: nothing rather than another's head. All requests look alike, so that the first
// line does not give one away.
func TestDoubtEndsTheTracking(t *testing.T) {
	again := "POST /a HTTP/1.1\r\nHost: a\r\nN: 2\r\nContent-Length: 0\r\n\r\n"
	for name, first := range map[string]string{
		"chunks":             "POST /a HTTP/1.1\r\nHost: a\r\nN: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
		"chunks and length":  "POST /a HTTP/1.1\r\nHost: a\r\nN: 1\r\nTransfer-Encoding: chunked\r\nContent-Length: 90\r\n\r\n1\r\na\r\n0\r\n\r\n",
		"an ignored upgrade": "POST /a HTTP/1.1\r\nHost: a\r\nN: 1\r\nUpgrade: x\r\nContent-Length: 0\r\n\r\n",
	} {
		var known []bool
		serve([]byte(first+again+again), 4096, func(r *http.Request, h Head, k bool) {
			known = append(known, k)
			if d := same(r, h); k && d != "" {
				t.Errorf("%s: %s", name, d)
			}
		})
		if !slices.Equal(known, []bool{true, false, false}) {
			t.Errorf("%s: known %v", name, known)
		}
	}
	serve([]byte("POST /a HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n"+again), 4096, func(_ *http.Request, _ Head, known bool) {
		if known {
			t.Error("a folded line was believed")
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	var k Tracker
	k.Saw([]byte("GET / HTTP/1.1\r\n"))
	for range 2 * maxHead {
		k.Saw([]byte("A"))
	}
	if !k.blind.Load() || cap(k.buf) != 0 {
		t.Errorf("after a long head: %d bytes", cap(k.buf))
	}
	k = Tracker{}
	for range 10 * maxAhead {
		k.Saw([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
	}
	if len(k.heads) > maxAhead {
		t.Errorf("%d heads wait", len(k.heads))
	}
	// What was complete before is still right.
	if raw, ok := k.current("GET / HTTP/1.1"); !ok || !strings.Contains(raw, "Host: a") {
		t.Errorf("%q", raw)
	}
}

func TestAnotherFirstLineIsNotBelieved(t *testing.T) {
	var k Tracker
	k.Saw([]byte("GET /a HTTP/1.1\r\nHost: a\r\n\r\n"))
	if _, ok := k.current("GET /b HTTP/1.1"); ok {
		t.Error("believed")
	}
	if _, ok := k.current("GET /a HTTP/1.1"); ok {
		t.Error("believed again after the two had parted ways")
	}
}

func BenchmarkTracker(b *testing.B) {
	head := []byte("GET /api/rooms HTTP/1.1\r\nHost: chat.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
		"Accept: */*\r\nAccept-Language: en-GB,en;q=0.7\r\nAccept-Encoding: gzip\r\nCookie: a=b; c=d\r\nConnection: keep-alive\r\n\r\n")
	var t Tracker
	b.ReportAllocs()
	for b.Loop() {
		t.Saw(head)
		t.Answered()
	}
}
