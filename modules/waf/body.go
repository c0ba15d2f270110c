package waf

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/corazawaf/coraza/v3/types"

	"github.com/convosphere/gateway/modules/waf/screen"
)

const (
	chunk       = 32 << 10
	maxBoundary = 200 // RFC 2046 allows 70
)

var (
	chunks       = sync.Pool{New: func() any { return new([chunk]byte) }}
	errTooLong   = errors.New("the body is over its limit")
	errTooMany   = errors.New("the multipart body has too many parts")
	errCookies   = errors.New("the request has too many cookies")
	errEnded     = errors.New("the request has ended")
	errNoStorage = errors.New("the body could not be kept")
)

// limits of one request's body.
type limits struct {
	bytes    int64
	boundary []byte // of a multipart body: "--" and the boundary
	parts    int    // of a multipart body: each field is an argument, each file one on disk
}

func (h *Handler) limits(r *http.Request) limits {
	// Only for what the rules leave unread, octet streams as 590020 has it and the files of forms: they take seconds for megabytes that they read.
	if declared := r.Header["Content-Type"]; len(declared) != 1 {
		return limits{bytes: h.BodyLimit}
	} else if screen.Raw(declared[0]) {
		return limits{bytes: h.UploadLimit}
	}
	contentType := strings.TrimSpace(r.Header.Get("Content-Type"))               // of Unicode's white space too, as Coraza does
	if !strings.HasPrefix(strings.ToLower(contentType), "multipart/form-data") { // other kinds are read as forms
		return limits{bytes: h.BodyLimit}
	}
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" || len(params["boundary"]) > maxBoundary {
		return limits{bytes: h.BodyLimit} // malformed: the rules say so, and it is no upload
	}
	return limits{bytes: h.UploadLimit, boundary: []byte("--" + params["boundary"]), parts: h.MaxArguments}
}

// receive reads the body into the transaction. Where it is over the limit it returns errTooLong, and the one byte that was
// read too many in extra. Errors of the client's connection are returned as they are; those of our own are errNoStorage.
func receive(tx types.Transaction, body io.Reader, l limits, wait func(received int64)) (n int64, first byte, extra []byte, err error) {
	buf := chunks.Get().(*[chunk]byte)
	defer chunks.Put(buf)
	found := false      // first, which may itself be 0
	parts, tail := 0, 0 // boundaries seen; bytes kept from the chunk before, for one that lies across
	for {
		wait(n)
		room := min(int64(chunk-tail), l.bytes-n+1)
		k, readErr := body.Read(buf[tail : int64(tail)+room])
		fresh := buf[tail : tail+k]
		if n+int64(k) > l.bytes {
			extra, fresh = []byte{fresh[k-1]}, fresh[:k-1]
			readErr = errTooLong
		}
		if !found {
			first, found = firstByte(fresh)
		}
		n += int64(len(fresh))
		// The transaction's own limit is above ours, so it interrupts nothing here.
		if _, _, err := tx.WriteRequestBody(fresh); err != nil {
			return n, first, extra, errors.Join(errNoStorage, err)
		}
		if l.boundary != nil {
			seen := buf[:tail+len(fresh)]
			if parts += bytes.Count(seen, l.boundary); parts > l.parts+1 { // the closing one is no part
				return n, first, extra, errTooMany
			}
			keep := min(len(seen), len(l.boundary)-1)
			copy(buf[:], seen[len(seen)-keep:])
			tail = keep
		}
		switch {
		case readErr == io.EOF:
			return n, first, nil, nil
		case readErr != nil:
			return n, first, extra, readErr
		}
	}
}

// firstByte is the first one that is not white space, false if there is none.
func firstByte(b []byte) (byte, bool) {
	for _, c := range b {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, true
		}
	}
	return 0, false
}

// patience gives a client BodyTimeout for a body, and a second more for each 32 KiB that came, by the connection's read
// deadline. done takes the deadline away: what follows on the connection has its own.
func (h *Handler) patience(w http.ResponseWriter) (wait func(received int64), done func()) {
	control, start, last := http.NewResponseController(w), time.Now(), time.Time{}
	wait = func(received int64) {
		until := start.Add(time.Duration(h.BodyTimeout) + time.Duration(received/chunk)*time.Second)
		if until.Equal(last) {
			return
		}
		last = until
		_ = control.SetReadDeadline(until) // not every server can; then its own limits hold
	}
	return wait, func() { _ = control.SetReadDeadline(time.Time{}) }
}

// replay is the body as the next handlers read it: from the transaction's buffer, then, where that is not all, from the connection.
// A proxy's transport may read on when the request has ended; the buffer belongs to another request then, so such reads fail.
type replay struct {
	mu       sync.Mutex
	buffered io.Reader // nil once the transaction has ended
	whole    bool      // the buffer was read to its end
	rest     io.ReadCloser
	more     bool // rest holds bytes after the buffered ones
	end      func()
}

// Read implements io.Reader.
func (b *replay) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := b.fromBuffer(p)
	if err == io.EOF && b.more {
		return b.rest.Read(p)
	}
	return n, err
}

func (b *replay) fromBuffer(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.whole {
		return 0, io.EOF
	}
	if b.buffered == nil {
		return 0, errEnded
	}
	n, err := b.buffered.Read(p)
	if err == io.EOF {
		b.whole = true
		if n > 0 {
			err = nil
		}
	}
	return n, err
}

// Close ends the transaction: nobody reads the body again.
func (b *replay) Close() error {
	b.stop()
	return b.rest.Close()
}

func (b *replay) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buffered = nil
	if b.end != nil {
		b.end()
		b.end = nil
	}
}
