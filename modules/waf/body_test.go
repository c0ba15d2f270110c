package waf

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/corazawaf/coraza/v3/experimental"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func TestBodyLimits(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	h := provision(t, &Handler{BodyLimit: 300 << 10, UploadLimit: 2 << 20})
	text := func(n int) string { return `"` + strings.Repeat("a", n-2) + `"` }
	upload := func(file int) string {
		return "--b0\r\nContent-Disposition: form-data; name=\"f\"; filename=\"p.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n" +
			strings.Repeat("\x01", file) + "\r\n--b0--\r\n"
	}
	multi := "multipart/form-data; boundary=b0"
	parts := func(n int) string {
		return strings.Repeat("--b0\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n", n) + "--b0--\r\n"
	}
	for _, c := range []struct {
		name, contentType, body string
		status                  int
	}{
		{"at the limit", js, text(300 << 10), 200}, // over the memory limit: from disk
		{"over the limit", js, text(300<<10 + 1), 413},
		{"upload", multi, upload(1 << 20), 200},
		{"upload over the limit", multi, upload(2 << 20), 413},
		{"long field in an upload", multi, multipartBody("a", strings.Repeat("a", 400<<10)), 413},
		{"many parts", multi, parts(250), 200},
		{"too many parts", multi, parts(251), 400},
		{"stream", "application/octet-stream", strings.Repeat("\x00", 1<<20), 200},
		{"stream over the limit", "application/octet-stream", strings.Repeat("\x00", 2<<20+1), 413},
		{"endless boundary", "multipart/form-data; boundary=" + strings.Repeat("b", 40<<10), "x", 400},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s chunked=%t", c.name, chunked), func(t *testing.T) {
				r := request("POST", "/x", c.contentType, c.body)
				if chunked {
					r.ContentLength, r.TransferEncoding = -1, []string{"chunked"}
				}
				o := do(t, h, r)
				if o.status != c.status || o.reached != (c.status == 200) {
					t.Fatalf("status %d, passed on %t, verdict %+v", o.status, o.reached, o.verdict)
				}
				if o.reached && o.body != c.body {
					t.Errorf("%d bytes of %d were passed on, or others", len(o.body), len(c.body))
				}
			})
		}
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left on disk: %v %v", left, err)
	}
}

// broken gives some bytes, then an error.
type broken struct {
	io.Reader
	err error
}

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = b.err
	}
	return n, err
}

func TestBodyErrors(t *testing.T) {
	h := provision(t, &Handler{})
	for _, c := range []struct {
		err    error
		status int
	}{
		{io.ErrUnexpectedEOF, 400},
		{errors.New("malformed chunked encoding"), 400},
		{&http.MaxBytesError{Limit: 1}, 413},
		{fmt.Errorf("read: %w", os.ErrDeadlineExceeded), 408},
	} {
		r := request("POST", "/x", js, `{"a":1}`)
		r.Body = io.NopCloser(broken{strings.NewReader(`{"a"`), c.err})
		if o := do(t, h, r); o.status != c.status || o.reached || o.header.Get("Connection") != "close" {
			t.Errorf("%v: %+v", c.err, o)
		}
	}
}

// A body that can't be written down is not passed on uninspected.
func TestFullDiskFailsClosed(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for _, mode := range []string{Block, Detect} {
		h := provision(t, &Handler{Mode: mode, BodyLimit: 1 << 20, UploadLimit: 17 << 20})
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		o := do(t, h, request("POST", "/x", js, `"`+strings.Repeat("a", 200<<10)+`"`))
		if o.status != 503 || o.reached || o.header.Get("Retry-After") != "1" {
			t.Errorf("%s: %+v", mode, o)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// A transport may read the body of a request that has ended: it must not get another request's bytes.
func TestReadAfterTheEnd(t *testing.T) {
	h := provision(t, &Handler{})
	var kept io.ReadCloser
	body := jsonText("first")
	err := h.ServeHTTP(httptest.NewRecorder(), request("POST", "/x", js, body), caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		kept = r.Body
		_, err := io.ReadFull(kept, make([]byte, 5))
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	do(t, h, request("POST", "/x", js, jsonText("second")))
	if n, err := kept.Read(make([]byte, 100)); n != 0 || !errors.Is(err, errEnded) {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if err := kept.Close(); err != nil {
		t.Error(err)
	}
}

// serve is a server with the handler in it; the next handler echoes the body.
func serve(t *testing.T, h *Handler) net.Addr {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			b, err := io.ReadAll(r.Body)
			_, _ = fmt.Fprintf(w, "%s|%s", b, r.Trailer.Get("X-Sum"))
			return err
		}))
		if err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr()
}

func TestSlowBody(t *testing.T) {
	h := provision(t, &Handler{BodyTimeout: caddy.Duration(150 * time.Millisecond)})
	c, err := net.Dial("tcp", serve(t, h).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	start := time.Now()
	fmt.Fprintf(c, "POST /x HTTP/1.1\r\nHost: a.example.com\r\nUser-Agent: t\r\nAccept: */*\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"a\":")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != http.StatusRequestTimeout || !res.Close {
		t.Fatalf("%+v %v", res, err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("it took %s", d)
	}
}

// The deadline of the body must not end what follows: a slow answer, the next request on the connection.
func TestDeadlineIsTakenAway(t *testing.T) {
	h := provision(t, &Handler{BodyTimeout: caddy.Duration(200 * time.Millisecond)})
	c, err := net.Dial("tcp", serve(t, h).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReader(c)
	for range 2 {
		fmt.Fprintf(c, "POST /x HTTP/1.1\r\nHost: a.example.com\r\nUser-Agent: t\r\nAccept: */*\r\nContent-Type: application/json\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n0\r\nX-Sum: 7\r\n\r\n")
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(res.Body); res.StatusCode != 200 || string(b) != `{"a":1}|7` {
			t.Fatalf("%d %s", res.StatusCode, b)
		}
		time.Sleep(300 * time.Millisecond)
	}
}

func TestHandshakeIsARequest(t *testing.T) {
	h := provision(t, &Handler{})
	handshake := func(target string) *http.Request {
		r := request("GET", target, "", "")
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		r.Header.Set("Sec-WebSocket-Version", "13")
		r.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
		r.Header.Set("Origin", "https://chat.example.com")
		return r
	}
	if o := do(t, h, handshake("/api/ws")); !o.reached {
		t.Errorf("%+v %+v", o, o.verdict)
	}
	if o := do(t, h, handshake("/api/ws?room=%27%20OR%20%271%27=%271")); o.reached {
		t.Error("an attack in the query of a handshake passed")
	}
}

// Whatever the pieces in which a body arrives, all of it is kept, and each boundary is counted.
func FuzzReceive(f *testing.F) {
	h := provision(f, &Handler{})
	f.Add([]byte("--b0\r\n\r\nx\r\n--b0--"), uint8(3), "b0", uint16(100))
	f.Add(bytes.Repeat([]byte("--b0"), 1200), uint8(255), "b0", uint16(60000))
	f.Add([]byte("  {\"a\":1}"), uint8(1), "", uint16(4))
	f.Add([]byte("\x000000"), uint8(3), "0", uint16(100)) // a first byte that is 0 is one
	f.Fuzz(func(t *testing.T, body []byte, piece uint8, boundary string, limit uint16) {
		if len(body) > 1<<16 || len(boundary) > maxBoundary {
			return
		}
		r := request("POST", "/x", js, "")
		tx := h.rules.begin(experimental.Options{ID: "fuzz"})
		defer func() { _ = h.rules.end(tx) }()
		if h.head(tx, r, new(reqctx.Request)) != nil {
			t.Fatal("interrupted")
		}
		l := limits{bytes: int64(limit), parts: 1000}
		if boundary != "" {
			l.boundary = []byte("--" + boundary)
		}
		n, first, extra, err := receive(tx, &pieces{body, int(piece) + 1}, l, func(int64) {})
		if want, _ := firstByte(body[:n]); first != want {
			t.Errorf("first byte %q", first)
		}
		count := 0
		if l.boundary != nil {
			count = bytes.Count(body, l.boundary)
		}
		switch {
		case len(body) > int(limit) && errors.Is(err, errTooLong):
			if n != int64(limit) || len(extra) != 1 || extra[0] != body[limit] {
				t.Errorf("%d bytes, extra %v", n, extra)
			}
		case errors.Is(err, errTooMany):
			// Pieces may cut so that boundaries which overlap are counted apart; never are fewer counted.
			if count == 0 {
				t.Error("boundaries where there are none")
			}
			return
		case err != nil:
			t.Fatal(err)
		case n != int64(len(body)):
			t.Errorf("%d bytes of %d", n, len(body))
		case count > l.parts+1:
			t.Errorf("%d boundaries were accepted", count)
		}
		b, err := tx.RequestBodyReader()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(b); err != nil || !bytes.Equal(got, body[:n]) {
			t.Errorf("kept %d bytes of %d, %v", len(got), n, err)
		}
	})
}

// pieces gives a few bytes at a time.
type pieces struct {
	b []byte
	n int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.n)], p.b)
	p.b = p.b[n:]
	return n, nil
}
