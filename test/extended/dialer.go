package extended

import (
	"context"
	"crypto/sha1" //nolint:gosec // RFC 6455 names it
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

// Dialer opens streams, each on a connection of its own.
type Dialer struct {
	Version  int         // of HTTP: 2 or 3
	TLS      *tls.Config // nil, over HTTP/2: no TLS
	Protocol string      // asked for; "" means websocket

	// Connects where not nil, over HTTP/2.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Stream is an open stream.
type Stream interface {
	net.Conn
	CloseWrite() error // ends what the client sends
	Vanish()           // ends the connection without a word
}

// Open asks for a stream to an URL (http, https, ws or wss), with early sent before there is an answer. The stream is nil unless the answer is 200.
func (d *Dialer) Open(ctx context.Context, target string, h http.Header, early []byte) (Stream, *http.Response, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, nil, err
	}
	u.Scheme = "https"
	if d.TLS == nil {
		u.Scheme = "http"
	}
	r := &http.Request{Method: http.MethodConnect, URL: u, Host: u.Host, Header: h.Clone(), Proto: "HTTP/2.0", ProtoMajor: 2}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if d.Version == 3 {
		return d.open3(ctx, r, early)
	}
	return d.open2(ctx, r, early)
}

func (d *Dialer) protocol() string {
	if d.Protocol == "" {
		return "websocket"
	}
	return d.Protocol
}

func (d *Dialer) tls(protocol string) *tls.Config {
	c := d.TLS.Clone()
	c.NextProtos = []string{protocol}
	return c
}

// RoundTrip answers a handshake of HTTP/1.1 with what an extended CONNECT gets: 200 becomes 101, with the stream as the body.
func (d *Dialer) RoundTrip(r *http.Request) (*http.Response, error) {
	h := r.Header.Clone()
	for _, name := range []string{"Connection", "Upgrade", "Sec-Websocket-Key"} {
		h.Del(name)
	}
	s, res, err := d.Open(r.Context(), r.URL.String(), h, nil)
	if err != nil || s == nil {
		return res, err
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	res.StatusCode, res.Status = http.StatusSwitchingProtocols, "101 Switching Protocols"
	res.Header.Set("Connection", "Upgrade")
	res.Header.Set("Upgrade", "websocket")
	res.Header.Set("Sec-WebSocket-Accept", base64.StdEncoding.EncodeToString(sum[:]))
	res.Body = s
	return res, nil
}

// String names the version.
func (d *Dialer) String() string { return fmt.Sprintf("HTTP/%d", d.Version) }
