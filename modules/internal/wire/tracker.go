package wire

import (
	"bytes"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
)

const (
	maxHead  = 64 << 10 // bytes of one head
	maxAhead = 8        // heads that wait: a client may send requests without waiting for answers
	keep     = 4 << 10  // a buffer up to this size is kept for the next head
	maxBlank = 4        // CR and LF that net/http forgives before a request that follows a POST
)

// Tracker follows one connection. The zero value is ready.
type Tracker struct {
	blind atomic.Bool // nothing is recorded any more

	mu    sync.Mutex
	heads [][]byte // complete ones; the first is that of the request in hand
	buf   []byte   // the one that is arriving
	line  int      // where in buf its last line begins
	body  int64    // bytes that still belong to the request before
	blank int      // how many CR and LF may still come before the head
}

// Saw takes note of bytes that the server has read, before the server does.
func (t *Tracker) Saw(p []byte) {
	if t.blind.Load() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(p) > 0 && !t.blind.Load() {
		if t.body > 0 {
			n := min(t.body, int64(len(p)))
			t.body -= n
			p = p[n:]
			continue
		}
		if len(t.buf) == 0 && t.blank > 0 && (p[0] == '\r' || p[0] == '\n') {
			t.blank--
			p = p[1:]
			continue
		}
		p = t.take(p)
	}
}

// take adds p up to the end of a line to the head, and returns the rest.
func (t *Tracker) take(p []byte) (rest []byte) {
	n := bytes.IndexByte(p, '\n') + 1
	if n == 0 {
		n = len(p)
	}
	if len(t.buf)+n > maxHead {
		t.stop()
		return nil
	}
	t.buf = append(t.buf, p[:n]...)
	if p[n-1] != '\n' {
		return nil
	}
	line := withoutEnd(t.buf[t.line:])
	switch {
	case len(line) == 0 && t.line == 0: // no request line
		t.stop()
	case len(line) == 0:
		t.complete()
	case line[0] == ' ' || line[0] == '\t': // folded
		t.stop()
	default:
		t.line = len(t.buf)
	}
	return p[n:]
}

// complete puts a head in the queue and works out where the next one begins.
func (t *Tracker) complete() {
	f, ok := framing(t.buf)
	if !ok || len(t.heads) == maxAhead {
		t.stop()
		return
	}
	t.heads = append(t.heads, t.buf)
	t.buf, t.line, t.body, t.blank = nil, 0, f.body, 0
	if f.post {
		t.blank = maxBlank
	}
	if f.last {
		t.stop()
	}
}

// stop ends the recording. Heads that are complete still belong to the requests that they began.
func (t *Tracker) stop() {
	t.blind.Store(true)
	t.buf, t.line = nil, 0
}

// Answered says that the server is done with the request in hand and will turn to the next.
func (t *Tracker) Answered() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.heads) == 0 {
		// A request that was not followed: what the tracker believes to be the next head may lie anywhere.
		t.stop()
		return
	}
	done := t.heads[0]
	copy(t.heads, t.heads[1:])
	last := len(t.heads) - 1
	t.heads[last] = nil
	t.heads = t.heads[:last]
	if t.buf == nil && cap(done) <= keep && !t.blind.Load() {
		t.buf = done[:0]
	}
}

// Forget ends the tracking: the connection is no longer HTTP/1, or closed.
func (t *Tracker) Forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stop()
	t.heads = nil
}

// current is the head of the request in hand, if its first line is this one. One that differs is a sign that tracker and server
// have parted ways, so nothing is believed any more.
func (t *Tracker) current(line string) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.heads) == 0 {
		return "", false
	}
	first, _, _ := bytes.Cut(t.heads[0], []byte("\n"))
	if string(bytes.TrimSuffix(first, []byte("\r"))) != line {
		t.stop()
		t.heads = nil
		return "", false
	}
	return string(t.heads[0]), true
}

// frame is how a request is framed, as far as a tracker needs it.
type frame struct {
	body int64
	post bool // the server forgives line ends that follow its body
	last bool // what follows can't be told for certain
}

// framing reads a head as net/http does. It is false where net/http would refuse it, or might.
func framing(head []byte) (f frame, ok bool) {
	n := bytes.IndexByte(head, '\n') + 1
	method, rest, ok := bytes.Cut(withoutEnd(head[:n]), []byte(" "))
	_, version, more := bytes.Cut(rest, []byte(" "))
	if !ok || !more {
		return f, false
	}
	f.post = string(method) == "POST"
	f.last = string(version) != "HTTP/1.1" || string(method) == "CONNECT"
	length := int64(-1)
	for line := range bytes.Lines(head[n:]) {
		if line = withoutEnd(line); len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return f, false
		}
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			n, ok := digits(bytes.Trim(value, " \t"))
			if !ok || length >= 0 && length != n {
				return f, false
			}
			length = n
		case bytes.EqualFold(name, []byte("Transfer-Encoding")), bytes.EqualFold(name, []byte("Upgrade")):
			f.last = true
		}
	}
	f.body = max(length, 0)
	return f, true
}

// digits reads a number of digits alone.
func digits(b []byte) (int64, bool) {
	n, err := strconv.ParseUint(string(b), 10, 63)
	return int64(n), err == nil && n < math.MaxInt64
}

func withoutEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}
