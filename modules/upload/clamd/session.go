package clamd

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	dialTimeout = 2 * time.Second
	idleFor     = 10 * time.Second // a connection that waited longer is not used again: the daemon closes those that wait for 30
	chunk       = 64 << 10
	perMiB      = time.Second // what a scan may take besides its timeout
)

// session is one connection with the daemon, for many scans.
type session struct {
	conn   net.Conn
	number int // of the last question
	used   time.Time
	buf    []byte // 4 bytes of length and a chunk; answers are read into it too
}

func dial(ctx context.Context, network, address string) (*session, error) {
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, buf: make([]byte, 4+chunk)}
	if err := errors.Join(conn.SetDeadline(time.Now().Add(dialTimeout)), s.say("zIDSESSION\x00")); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return s, nil
}

func (s *session) say(command string) error {
	_, err := io.WriteString(s.conn, command)
	return err
}

// scan sends size bytes of content, and tells what the daemon says. An error leaves the connection unusable.
func (s *session) scan(ctx context.Context, content io.ReaderAt, size int64, timeout time.Duration) (Verdict, error) {
	if err := s.conn.SetDeadline(time.Now().Add(timeout + time.Duration(size>>20)*perMiB)); err != nil {
		return Verdict{}, err
	}
	// A request that ends takes its scan along: the deadline is over at once.
	defer context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) })()
	s.number++
	if err := s.say("zINSTREAM\x00"); err != nil {
		return Verdict{}, err
	}
	if err := s.send(content, size); err != nil {
		var ours *readError
		if errors.As(err, &ours) {
			return Verdict{}, err
		}
		// The daemon may have hung up because of the length, and have said so before.
		if v, answerErr := s.verdict(); errors.Is(answerErr, ErrTooLong) {
			return v, answerErr
		}
		return Verdict{}, err
	}
	return s.verdict()
}

// readError is of the content, and none of the daemon's.
type readError struct{ err error }

func (e *readError) Error() string { return "reading what is to be scanned: " + e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

func (s *session) send(content io.ReaderAt, size int64) error {
	for at := int64(0); at < size; {
		n, err := content.ReadAt(s.buf[4:4+min(chunk, size-at)], at)
		if n == 0 {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return &readError{err}
		}
		binary.BigEndian.PutUint32(s.buf, uint32(n))
		if _, err := s.conn.Write(s.buf[:4+n]); err != nil {
			return err
		}
		at += int64(n)
	}
	_, err := s.conn.Write([]byte{0, 0, 0, 0})
	return err
}

func (s *session) verdict() (Verdict, error) {
	answer, err := readAnswer(s.conn, s.buf[:mostAnswer])
	if err != nil {
		return Verdict{}, err
	}
	return parseVerdict(answer, s.number)
}

// hello asks whether the daemon is there and which version it has.
func (s *session) hello(ctx context.Context) (engine, signatures string, err error) {
	defer context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) })()
	for command, read := range map[string]func(string) error{
		"zPING\x00": func(answer string) error {
			if answer != "PONG" {
				return errors.New("clamd: no PONG")
			}
			return nil
		},
		"zVERSION\x00": func(answer string) (err error) {
			engine, signatures, err = parseVersion(answer)
			return err
		},
	} {
		s.number++
		if err := s.say(command); err != nil {
			return "", "", err
		}
		answer, err := readAnswer(s.conn, s.buf[:mostAnswer])
		if err != nil {
			return "", "", err
		}
		rest, ok := strings.CutPrefix(answer, strconv.Itoa(s.number)+": ")
		if !ok {
			return "", "", errors.New("clamd: the answer is to another question")
		}
		if err := read(rest); err != nil {
			return "", "", err
		}
	}
	return engine, signatures, nil
}

// end closes the connection. What the daemon thinks of that is nothing to anybody.
func (s *session) end() { _ = s.conn.Close() }

// timedOut tells a daemon that was too slow from one that is gone.
func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
