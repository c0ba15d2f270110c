package clamd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Why there is no verdict.
var (
	ErrDown    = errors.New("clamd: the scanner does not answer")
	ErrBusy    = errors.New("clamd: all connections are in use")
	ErrTooLong = errors.New("clamd: the file is longer than the scanner takes")
)

// Verdict is what the scanner says of a file that it has seen whole.
type Verdict struct {
	Signature string // what was found: letters, digits and .-_/; "" nothing
}

// Options of a scanner; zero fields have defaults.
type Options struct {
	Address     string        // tcp://HOST:PORT or unix:///PATH
	Connections int           // scans at one time; default 8
	Timeout     time.Duration // of one scan, and a second more for each MiB; default 30s
	Queue       time.Duration // how long a scan waits for a connection; default 5s
	Limit       int64         // bytes of a file; default 25 MiB, as Debian's clamd.conf has it
	Every       time.Duration // how often it is looked for; default 5s, and a fifth of it while it is gone

	// Changed is told when the scanner is lost and when it is back, beside the requests. It must not wait.
	Changed func(up bool)
}

func (o Options) filled() Options {
	if o.Connections == 0 {
		o.Connections = 8
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Queue == 0 {
		o.Queue = 5 * time.Second
	}
	if o.Limit == 0 {
		o.Limit = 25 << 20
	}
	if o.Every == 0 {
		o.Every = 5 * time.Second
	}
	if o.Changed == nil {
		o.Changed = func(bool) {}
	}
	return o
}

// ParseAddress tells the parts of an address for net.Dial.
func ParseAddress(s string) (network, address string, err error) {
	if path, ok := strings.CutPrefix(s, "unix://"); ok && strings.HasPrefix(path, "/") {
		return "unix", path, nil
	}
	hostPort, ok := strings.CutPrefix(s, "tcp://")
	if ok {
		host, port, splitErr := net.SplitHostPort(hostPort)
		if splitErr == nil && host != "" && port != "" {
			return "tcp", hostPort, nil
		}
	}
	return "", "", fmt.Errorf("scanner %q: it is tcp://HOST:PORT or unix:///PATH", s)
}

// Scanner is a daemon and the connections with it. It is safe for use by many.
type Scanner struct {
	o                Options
	network, address string
	seats            chan struct{} // one for each connection in use
	up               atomic.Bool
	look             chan struct{} // a scan failed: look now
	cancel           context.CancelFunc
	done             chan struct{}

	mu      sync.Mutex
	idle    []*session // the one used last is at the end
	version string
	closed  bool
}

// Open begins to look for the daemon, which need not be there. Until the first look it counts as there. Close it.
func Open(ctx context.Context, o Options) (*Scanner, error) {
	o = o.filled()
	network, address, err := ParseAddress(o.Address)
	if err != nil {
		return nil, err
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx)) // it ends with Close
	s := &Scanner{
		o: o, network: network, address: address, seats: make(chan struct{}, o.Connections), look: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{}),
	}
	s.up.Store(true)
	go s.watch(run)
	return s, nil
}

// Close ends the watch and the connections that wait. Scans in flight end by themselves.
func (s *Scanner) Close() error {
	s.cancel()
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.idle {
		c.end()
	}
	s.idle = nil
	return nil
}

// Up tells whether the daemon answered when it was last looked for.
func (s *Scanner) Up() bool { return s.up.Load() }

// Limit is how many bytes a file may have.
func (s *Scanner) Limit() int64 { return s.o.Limit }

// Version is the daemon's, as "1.4.6/27500"; "" before it has answered.
func (s *Scanner) Version() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

// Scan has the daemon look at a file. Errors: ErrTooLong, ErrBusy, ErrDown, those of content, and ctx's.
func (s *Scanner) Scan(ctx context.Context, content io.ReaderAt, size int64) (Verdict, error) {
	if size > s.o.Limit {
		return Verdict{}, ErrTooLong
	}
	if !s.up.Load() {
		return Verdict{}, ErrDown
	}
	leave, err := s.seat(ctx)
	if err != nil {
		return Verdict{}, err
	}
	defer leave()
	for {
		c, kept, err := s.session(ctx)
		if err != nil {
			return Verdict{}, s.failed(ctx, err)
		}
		v, err := c.scan(ctx, content, size, s.o.Timeout)
		if err == nil {
			s.keep(c)
			return v, nil
		}
		c.end()
		var ours *readError
		switch {
		case errors.Is(err, ErrTooLong), errors.As(err, &ours):
			return Verdict{}, err
		case kept && !timedOut(err) && ctx.Err() == nil:
			continue // the daemon has closed it since, or was started again: another one
		}
		return Verdict{}, s.failed(ctx, err)
	}
}

// failed is the error of a scan that the daemon did not answer. Whether the daemon is gone, or this one file was too much for it, the watch finds out.
func (s *Scanner) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	select {
	case s.look <- struct{}{}:
	default:
	}
	return fmt.Errorf("%w: %w", ErrDown, err)
}

// seat waits for one of the connections.
func (s *Scanner) seat(ctx context.Context) (leave func(), err error) {
	leave = func() { <-s.seats }
	select {
	case s.seats <- struct{}{}:
		return leave, nil
	default:
	}
	t := time.NewTimer(s.o.Queue)
	defer t.Stop()
	select {
	case s.seats <- struct{}{}:
		return leave, nil
	case <-t.C:
		return nil, ErrBusy
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// session takes a connection that was kept, or makes one.
func (s *Scanner) session(ctx context.Context) (c *session, kept bool, err error) {
	s.mu.Lock()
	for len(s.idle) > 0 {
		c := s.idle[len(s.idle)-1]
		s.idle = s.idle[:len(s.idle)-1]
		if time.Since(c.used) < idleFor {
			s.mu.Unlock()
			return c, true, nil
		}
		c.end()
	}
	s.mu.Unlock()
	c, err = dial(ctx, s.network, s.address)
	return c, false, err
}

func (s *Scanner) keep(c *session) {
	c.used = time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.end()
		return
	}
	s.idle = append(s.idle, c)
}

// watch looks for the daemon, and closes connections that nobody uses, until ctx ends.
func (s *Scanner) watch(ctx context.Context) {
	defer close(s.done)
	for {
		s.see(ctx)
		every := s.o.Every
		if !s.up.Load() {
			every /= 5
		}
		t := time.NewTimer(every)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		case <-s.look:
			t.Stop()
		}
		s.expire()
	}
}

// see looks once.
func (s *Scanner) see(ctx context.Context) {
	version, err := s.hello(ctx)
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		s.mu.Lock()
		s.version = version
		s.mu.Unlock()
	}
	if up := err == nil; s.up.Swap(up) != up {
		s.o.Changed(up)
	}
}

func (s *Scanner) hello(ctx context.Context) (version string, err error) {
	c, err := dial(ctx, s.network, s.address)
	if err != nil {
		return "", err
	}
	defer c.end()
	engine, signatures, err := c.hello(ctx)
	if signatures != "" {
		engine += "/" + signatures
	}
	return engine, err
}

// expire closes what has waited too long.
func (s *Scanner) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.idle) > 0 && time.Since(s.idle[0].used) >= idleFor {
		s.idle[0].end()
		s.idle = s.idle[1:]
	}
}
