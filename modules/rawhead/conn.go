package rawhead

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"reflect"

	"github.com/convosphere/gateway/modules/internal/wire"
)

type listener struct{ net.Listener }

// Accept wraps a connection. Behind TLS it stays one that tells the state of TLS: Caddy asks for it.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	plain := &conn{Conn: c}
	if s, ok := c.(stater); ok {
		return &tlsConn{plain, s}, nil
	}
	return plain, nil
}

type stater interface{ ConnectionState() tls.ConnectionState }

// conn shows the tracker what is read.
type conn struct {
	net.Conn
	tracker wire.Tracker
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.tracker.Saw(p[:n])
	return n, err
}

// ReadFrom lets the kernel copy, where the connection can.
func (c *conn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// CloseWrite lets the server say that it is done while it waits for the client's end.
func (c *conn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}

// tlsConn is a conn behind TLS.
type tlsConn struct {
	*conn
	stater
}

// Read implements net.Conn. The handshake, which net/http would do of a *tls.Conn, happens in the first Read.
func (c *tlsConn) Read(p []byte) (int, error) {
	n, err := c.conn.Read(p)
	var not tls.RecordHeaderError
	if err != nil && errors.As(err, &not) && not.Conn != nil && looksLikeHTTP(not.RecordHeader) {
		// As net/http answers it.
		_, _ = io.WriteString(not.Conn, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
		not.Conn.Close()
		return n, io.EOF
	}
	return n, err
}

func looksLikeHTTP(record [5]byte) bool {
	switch string(record[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO":
		return true
	}
	return false
}

// find returns our connection below the ones that Caddy puts around it, nil if there is none. Those are structs with the connection in
// a field Conn, which they embed; their types are private.
func find(c net.Conn) *conn {
	for depth := 0; depth < 8; depth++ {
		switch ours := c.(type) {
		case *conn:
			return ours
		case *tlsConn:
			return ours.conn
		}
		v := reflect.ValueOf(c)
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return nil
		}
		field := v.FieldByName("Conn")
		if !field.IsValid() || !field.CanInterface() {
			return nil
		}
		inner, ok := field.Interface().(net.Conn)
		if !ok {
			return nil
		}
		c = inner
	}
	return nil
}
