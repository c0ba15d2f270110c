package extended

//lint:file-ignore SA1019 one stream on a connection that the test holds, extended CONNECT included: net/http offers no such client

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

func (d *Dialer) open2(ctx context.Context, r *http.Request, early []byte) (Stream, *http.Response, error) {
	connect := d.Dial
	if connect == nil {
		connect = new(net.Dialer).DialContext
	}
	tcp, err := connect(ctx, "tcp", r.URL.Host)
	if err != nil {
		return nil, nil, err
	}
	conn := tcp
	if d.TLS != nil {
		conn = tls.Client(tcp, d.tls("h2"))
	}
	cc, err := (&http2.Transport{AllowHTTP: true}).NewClientConn(conn)
	if err != nil {
		tcp.Close()
		return nil, nil, err
	}
	s := &stream2{Conn: conn, tcp: tcp, cc: cc}
	var life context.Context
	life, s.cancel = context.WithCancel(context.Background())
	stop := context.AfterFunc(ctx, s.cancel) // for the time of the opening
	defer stop()
	body, pipe := io.Pipe()
	s.body = pipe
	r.Header[":protocol"] = []string{d.protocol()}
	r.Body = body // the transport closes it when the stream has ended, which ends what is being written
	r.ContentLength = -1
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if len(early) > 0 {
			_, _ = s.body.Write(early) // whoever reads learns of it
		}
	}()
	res, err := cc.RoundTrip(r.WithContext(life))
	if err != nil {
		s.Close()
		<-sent
		return nil, nil, err
	}
	s.answer = res.Body
	if res.StatusCode != http.StatusOK {
		b, err := io.ReadAll(res.Body)
		res.Body = io.NopCloser(bytes.NewReader(b))
		s.Close()
		<-sent
		return nil, res, err
	}
	<-sent
	return s, res, nil
}

// stream2 is a stream of HTTP/2.
type stream2 struct {
	net.Conn // for the addresses
	tcp      net.Conn
	cc       *http2.ClientConn
	body     *io.PipeWriter
	answer   io.ReadCloser
	cancel   context.CancelFunc

	mu    sync.Mutex
	late  bool
	timer *time.Timer
	until time.Time // of writes
}

func (s *stream2) Read(p []byte) (int, error) {
	n, err := s.answer.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.late {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// Write gives up at the deadline; the stream is of no use for writing then.
func (s *stream2) Write(p []byte) (int, error) {
	s.mu.Lock()
	until := s.until
	s.mu.Unlock()
	if until.IsZero() {
		return s.body.Write(p)
	}
	done := make(chan error, 1)
	b := bytes.Clone(p)
	go func() {
		_, err := s.body.Write(b)
		done <- err
	}()
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case err := <-done:
		return len(p), err
	case <-timer.C:
		return 0, os.ErrDeadlineExceeded
	}
}

func (s *stream2) CloseWrite() error { return s.body.Close() }

func (s *stream2) Close() error {
	s.mu.Lock()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	s.cancel()
	_ = s.body.CloseWithError(net.ErrClosed) // a pipe's has no error
	if s.answer != nil {
		_ = s.answer.Close() // the connection ends
	}
	_ = s.cc.Close() // as above
	return s.Conn.Close()
}

func (s *stream2) Vanish() {
	if tcp, ok := s.tcp.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // then it ends politely
	}
	_ = s.tcp.Close() // the test sees what it did
}

// SetDeadline cancels the stream when the time has come.
func (s *stream2) SetDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.timer = time.AfterFunc(time.Until(t), func() {
		s.mu.Lock()
		s.late = true
		s.mu.Unlock()
		s.cancel()
		_ = s.body.CloseWithError(os.ErrDeadlineExceeded) // a pipe's has no error
	})
	return nil
}

func (s *stream2) SetReadDeadline(t time.Time) error { return s.SetDeadline(t) }

func (s *stream2) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = t
	return nil
}
