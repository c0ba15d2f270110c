package extended

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

func (d *Dialer) open3(ctx context.Context, r *http.Request, early []byte) (Stream, *http.Response, error) {
	conn, err := quic.DialAddr(ctx, r.URL.Host, d.tls(http3.NextProtoH3), nil)
	if err != nil {
		return nil, nil, err
	}
	s := &stream3{conn: conn}
	res, err := s.open(ctx, r, d.protocol(), early)
	if err != nil {
		s.Vanish()
		return nil, nil, err
	}
	if res.StatusCode != http.StatusOK {
		b, err := io.ReadAll(res.Body)
		res.Body = io.NopCloser(bytes.NewReader(b))
		s.Vanish()
		return nil, res, err
	}
	return s, res, nil
}

// stream3 is a stream of HTTP/3.
type stream3 struct {
	*http3.RequestStream
	conn *quic.Conn
}

func (s *stream3) open(ctx context.Context, r *http.Request, protocol string, early []byte) (*http.Response, error) {
	cc := new(http3.Transport).NewClientConn(s.conn)
	select {
	case <-cc.ReceivedSettings():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var err error
	if s.RequestStream, err = cc.OpenRequestStream(ctx); err != nil {
		return nil, err
	}
	r.Proto, r.ProtoMajor = protocol, 3
	if err := s.SendRequestHeader(r); err != nil {
		return nil, err
	}
	if len(early) > 0 {
		if _, err := s.Write(early); err != nil {
			return nil, err
		}
	}
	return s.ReadResponse()
}

func (s *stream3) CloseWrite() error { return s.RequestStream.Close() }

func (s *stream3) Close() error {
	_ = s.RequestStream.Close() // the connection ends
	s.CancelRead(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
	s.Vanish()
	return nil
}

func (s *stream3) Vanish() {
	_ = s.conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "") // it has none
}

func (s *stream3) LocalAddr() net.Addr  { return s.conn.LocalAddr() }
func (s *stream3) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }
