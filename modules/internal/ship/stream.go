package ship

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// stream is a connection that only we write to. What the other side says is thrown away; that it closes, even only its half, is noticed.
type stream struct {
	conn net.Conn // TLS or raw
	tcp  *net.TCPConn
	shut atomic.Bool
	done chan struct{}
}

var errGone = errors.New("the receiver closed the connection")

func dialStream(ctx context.Context, address string, t *tls.Config) (*stream, error) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connecting to the receiver: %w", err)
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		_ = conn.Close() // never used
		return nil, errors.New("connecting to the receiver: it is no TCP connection")
	}
	s := &stream{conn: conn, tcp: tcp, done: make(chan struct{})}
	if t != nil {
		secured := tls.Client(conn, t)
		handshake, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if err := secured.HandshakeContext(handshake); err != nil {
			_ = conn.Close() // never used
			return nil, fmt.Errorf("agreeing on TLS with the receiver: %w", err)
		}
		s.conn = secured
	}
	go s.watch()
	return s, nil
}

// watch ends when the connection does, at the latest with close.
func (s *stream) watch() {
	defer close(s.done)
	_, _ = io.Copy(io.Discard, s.conn) // whatever ended it, it ended
	s.shut.Store(true)
}

func (s *stream) gone() bool { return s.shut.Load() }

// send writes all and waits until the other machine has it.
func (s *stream) send(ctx context.Context, buf []byte) error {
	if end, ok := ctx.Deadline(); ok {
		if err := s.conn.SetWriteDeadline(end); err != nil {
			return fmt.Errorf("sending to the receiver: %w", err)
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := s.conn.Write(buf); err != nil {
		return fmt.Errorf("sending to the receiver: %w", err)
	}
	for wait := 50 * time.Microsecond; ; wait = min(2*wait, 20*time.Millisecond) {
		if s.gone() {
			return errGone // what it has read of the batch is not known: it is sent again
		}
		n, err := unacknowledged(s.tcp)
		if err != nil {
			return fmt.Errorf("asking what was sent: %w", err)
		}
		if n == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the receiver's machine: %w", ctx.Err())
		case <-time.After(wait):
		}
	}
}

func (s *stream) close() {
	_ = s.conn.SetDeadline(time.Now().Add(time.Second)) // TLS says goodbye
	_ = s.conn.Close()                                  // what was not sent is sent again
	<-s.done
}
