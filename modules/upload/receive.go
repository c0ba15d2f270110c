package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	multipart "github.com/convosphere/gateway/modules/internal/form"
)

const chunk = 32 << 10

var (
	chunks     = sync.Pool{New: func() any { return new([chunk]byte) }}
	errTooLong = errors.New("the body is longer than it may be")
	errGone    = errors.New("the client has gone")
	errSlow    = errors.New("the client takes too long to send the body")
)

// receive spools the body. Errors: errTooLong, errGone, errSlow, those of the spool.
func (x *exchange) receive() error {
	start := time.Now()
	defer func() { phases.WithLabelValues("receive").Observe(time.Since(start).Seconds()) }()
	var err error
	if x.file, err = x.h.spool.New(x.rc.Caller(x.r)); err != nil {
		return err
	}
	wait, done := x.h.patience(x.w)
	defer done()
	x.cut = true
	buf := chunks.Get().(*[chunk]byte)
	defer chunks.Put(buf)
	for n := int64(0); ; {
		wait(n)
		k, readErr := x.r.Body.Read(buf[:])
		n += int64(k)
		if _, err := x.file.Write(buf[:k]); err != nil {
			return err
		}
		switch {
		case n > x.rules.MaxSize:
			return errTooLong
		case readErr == io.EOF:
			x.cut = false
			received.Add(float64(n))
			spooled.Set(float64(x.h.spool.Used()))
			return nil
		case readErr != nil:
			return broken(readErr)
		}
	}
}

// broken tells why a body could not be read to its end.
func broken(err error) error {
	var tooLarge *http.MaxBytesError // by a request_body directive outside of us
	var timeout net.Error
	switch {
	case errors.As(err, &tooLarge):
		return errTooLong
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return errSlow
	}
	return fmt.Errorf("%w: %w", errGone, err) // or sent broken chunks, or less than was announced
}

// patience gives a client BodyTimeout for a body, and a second more for each 32 KiB that came, by the connection's read
// deadline. done takes the deadline away: what follows on the connection has its own.
func (h *Handler) patience(w http.ResponseWriter) (wait func(received int64), done func()) {
	control, start, last := http.NewResponseController(w), time.Now(), time.Time{}
	wait = func(received int64) {
		until := start.Add(time.Duration(h.BodyTimeout) + time.Duration(received/chunk)*time.Second)
		if until.Sub(last) < time.Second {
			return
		}
		last = until
		_ = control.SetReadDeadline(until) // not every server can; then its own limits hold
	}
	return wait, func() { _ = control.SetReadDeadline(time.Time{}) }
}

// measure reads a part to its end, and tells its length, and whether it is text. Whether one longer than most is text, nobody asks.
func measure(p *multipart.Part, most int64) (size int64, text bool, err error) {
	buf := chunks.Get().(*[chunk]byte)
	defer chunks.Put(buf)
	text = true
	tail := 0 // bytes of a sign that lies across two reads
	for {
		k, err := p.Read(buf[tail:])
		size += int64(k)
		if text && size <= most && !p.File {
			b := buf[:tail+k]
			cut := len(b) - incomplete(b)
			text = isText(b[:cut])
			tail = copy(buf[:], b[cut:])
		}
		if err == io.EOF {
			return size, text && tail == 0, nil
		}
		if err != nil {
			return size, false, err
		}
	}
}

func isText(b []byte) bool {
	for _, c := range b {
		if c == 0 {
			return false
		}
	}
	return utf8.Valid(b)
}

// incomplete is how many bytes at the end may be the beginning of a sign.
func incomplete(b []byte) int {
	for n := 1; n <= min(len(b), utf8.UTFMax-1); n++ {
		if utf8.RuneStart(b[len(b)-n]) {
			if utf8.FullRune(b[len(b)-n:]) {
				return 0
			}
			return n
		}
	}
	return 0
}
