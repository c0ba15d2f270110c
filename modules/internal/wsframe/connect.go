package wsframe

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6455 names it; it proves that the back end understood, no more
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/convosphere/gateway/modules/internal/problem"
)

// Extended tells whether r is a WebSocket handshake by extended CONNECT, over HTTP/2 (RFC 8441) or HTTP/3 (RFC 9220): the protocol is
// the one word "websocket", there is exactly one Sec-WebSocket-Version (13), and the stream, which is the socket, is open without a length.
// There is no key. Such a request is no IsHandshake yet: FromConnect makes it one.
func Extended(r *http.Request) bool {
	if r.Method != http.MethodConnect || protocol(r) != "websocket" {
		return false
	}
	if r.ContentLength >= 0 || r.Body == nil || r.Body == http.NoBody || r.URL == nil || !strings.HasPrefix(r.URL.Path, "/") {
		return false
	}
	version, ok := single(r.Header, "Sec-Websocket-Version")
	return ok && version == "13"
}

// protocol is what an extended CONNECT asks for; "" where r is none. HTTP/2 gives it as a header, quic-go in place of the version.
func protocol(r *http.Request) string {
	switch {
	case r.Method != http.MethodConnect || r.ProtoMajor < 2:
		return ""
	case r.ProtoMajor > 2:
		if strings.HasPrefix(r.Proto, "HTTP/") {
			return ""
		}
		return r.Proto
	}
	return strings.Join(r.Header[":protocol"], ",")
}

// FromConnect serves a request for which Extended holds as the handshake that it stands for: a GET with Upgrade, Connection and a key of
// our own, on a writer that takes a 101 and gives out the stream by Hijack. Whatever serves it treats it as a socket over HTTP/1.1, the
// proxy as well: one way to look at methods, routes, rules and frames. The version alone stays what it was.
//
// The client is told of a socket only when there is one: 200 answers a CONNECT that opened, so a 101 with a wrong
// Sec-WebSocket-Accept, which no client would notice any more, an answer of the class 2xx, and none at all become a 502.
//
// As with a hijacked connection, the frames pass by whatever wraps w and the body outside: they are written to the server's own writer.
// Nobody uses w and the body after FromConnect has returned.
func FromConnect(w http.ResponseWriter, r *http.Request, s Stream, serve func(http.ResponseWriter, *http.Request) error) error {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // it never fails
	x := &exchange{ResponseWriter: w, carrier: newCarrier(w, r, s), key: base64.StdEncoding.EncodeToString(nonce[:])}
	defer x.carrier.release()
	x.r = r.WithContext(context.WithValue(r.Context(), connectKey{}, x))
	g := x.r
	g.Method, g.Proto = http.MethodGet, fmt.Sprintf("HTTP/%d.%d", r.ProtoMajor, r.ProtoMinor)
	g.Body, g.ContentLength, g.Trailer = http.NoBody, 0, nil
	g.Header = r.Header.Clone()
	delete(g.Header, ":protocol")
	g.Header["Connection"], g.Header["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
	g.Header["Sec-Websocket-Key"] = []string{x.key}
	err := serve(x, g)
	if err == nil && !x.answered {
		x.WriteHeader(http.StatusOK) // it would be said for us
	}
	return err
}

// Stream is what a server has of a stream, beside the response writer.
type Stream struct {
	Body io.ReadCloser // the request's, without what wraps it
	Conn io.Closer     // what carries the stream; nil if unknown. Closed where the client takes not even the end of the stream
}

type connectKey struct{}

// exchangeOf is what FromConnect made of the request, nil if it made nothing.
func exchangeOf(r *http.Request) *exchange {
	if r.ProtoMajor < 2 {
		return nil
	}
	x, _ := r.Context().Value(connectKey{}).(*exchange)
	return x
}

// exchange is the response writer of a handshake that came by extended CONNECT.
type exchange struct {
	http.ResponseWriter
	r        *http.Request
	key      string
	carrier  *carrier
	answered bool
	opened   bool // with a 101
	refused  bool // with a 502 instead of what was to be written
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// refuses tells whether an answer would make the client believe in a socket that isn't there.
func (x *exchange) refuses(status int, h http.Header) bool {
	return status == http.StatusSwitchingProtocols && !x.accepted(h) || status >= 200 && status < 300
}

// accepted checks what clients of HTTP/1.1 check themselves (RFC 6455 section 4.1).
func (x *exchange) accepted(h http.Header) bool {
	sum := sha1.Sum([]byte(x.key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	var values []string
	for k, v := range h {
		if strings.EqualFold(k, "Sec-WebSocket-Accept") {
			values = append(values, v...)
		}
	}
	return len(values) == 1 && strings.TrimSpace(values[0]) == base64.StdEncoding.EncodeToString(sum[:])
}

// hopHeaders are of HTTP/1.1 alone. net/http reads "Connection: close" as the wish to end the whole HTTP/2 connection.
var hopHeaders = []string{"Connection", "Upgrade", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Sec-WebSocket-Accept"}

// WriteHeader answers the CONNECT.
func (x *exchange) WriteHeader(status int) {
	if x.answered {
		return
	}
	h := x.Header()
	for _, name := range hopHeaders {
		if name != "Sec-WebSocket-Accept" || status != http.StatusSwitchingProtocols {
			deleteFold(h, name)
		}
	}
	switch {
	case status < 200 && status != http.StatusSwitchingProtocols:
		x.ResponseWriter.WriteHeader(status)
	case x.refuses(status, h):
		x.answered, x.refused = true, true
		refuse(x.ResponseWriter, x.r)
	case status == http.StatusSwitchingProtocols:
		x.answered, x.opened = true, true
		for _, name := range []string{"Sec-WebSocket-Accept", "Content-Length", "Trailer"} {
			deleteFold(h, name)
		}
		x.ResponseWriter.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(x.ResponseWriter).Flush() // who writes learns of it
	default:
		x.answered = true
		x.ResponseWriter.WriteHeader(status)
	}
}

// refuse answers as a gateway does whose back end makes no sense.
func refuse(w http.ResponseWriter, r *http.Request) {
	for _, name := range []string{"Upgrade", "Connection", "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"} {
		deleteFold(w.Header(), name)
	}
	problem.Write(w, r, problem.Problem{Status: http.StatusBadGateway})
}

// Write writes of an answer that opened nothing.
func (x *exchange) Write(b []byte) (int, error) {
	x.WriteHeader(http.StatusOK) // unless there was one
	switch {
	case x.opened:
		return 0, http.ErrHijacked
	case x.refused:
		return len(b), nil
	}
	return x.ResponseWriter.Write(b)
}

// Flush is for those who ask for an http.Flusher.
func (x *exchange) Flush() { _ = x.FlushError() } // http.Flusher can't tell

// FlushError flushes what is under the writer.
func (x *exchange) FlushError() error {
	x.WriteHeader(http.StatusOK) // unless there was one
	if x.opened {
		return nil // it was, with the head
	}
	return http.NewResponseController(x.ResponseWriter).Flush()
}

var (
	errNotOpened  = errors.New("wsframe: the socket has not been opened with a 101")
	errUnfollowed = errors.New("wsframe: the back end's answer can't be followed")
)

// Hijack gives out the stream, once a 101 was written. (A proxy that writes the 101 into the connection afterwards, as
// net/http/httputil's does, serves HTTP/1.1 alone.)
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !x.opened {
		return nil, nil, errNotOpened
	}
	return x.carrier.take()
}
