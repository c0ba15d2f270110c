package body

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/protect/stream"
)

// Opening says how an answer's body is decrypted.
type Opening struct {
	Find  stream.Find
	Plain bool // what is not encrypted passes, as it was stored before it was
}

// ErrAnswer says that an answer is none that can be decrypted.
var ErrAnswer = errors.New("the answer is no encrypted file")

// Answer is a response writer that decrypts.
type Answer struct {
	http.ResponseWriter
	o       Opening
	head    bool // the request is HEAD
	span    *span
	ifRange []string

	header http.Header // the back end's, kept apart until it is passed on
	status int
	state  state
	opener *stream.Opener
	size   int64 // of the plaintext; -1: not known
	skip   int64 // bytes that come before the range
	left   int64 // bytes that are still to be sent; -1: all there are
	sent   bool  // the headers are out
	failed error // ends the back end's writing
}

type state uint8

const (
	undecided state = iota
	pass            // it streams as it is
	opening         // it is decrypted
	refused         // it is not what it should be
)

// errEnough ends the back end's writing once a range is complete.
var errEnough = errors.New("the range is complete")

// NewAnswer decrypts the answer to r, which it makes ask for the whole, and for what can be read. r must be the caller's own copy, its header too.
func NewAnswer(w http.ResponseWriter, r *http.Request, o Opening) *Answer {
	a := &Answer{ResponseWriter: w, o: o, head: r.Method == http.MethodHead, header: w.Header().Clone(), size: -1, left: -1}
	if r.Method == http.MethodGet { // ranges are of GET alone
		a.span, a.ifRange = readRange(r.Header), r.Header["If-Range"]
	}
	delete(r.Header, "Range")
	delete(r.Header, "If-Range")
	untag(r.Header)
	r.Header["Accept-Encoding"] = []string{"identity"}
	return a
}

// Unwrap serves http.ResponseController.
func (a *Answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Header returns the back end's headers; once the answer passes as it is, those of the connection, for trailers.
func (a *Answer) Header() http.Header {
	if a.state == pass {
		return a.ResponseWriter.Header()
	}
	return a.header
}

// WriteHeader takes the status, and with it decides what is done.
func (a *Answer) WriteHeader(status int) {
	if a.state != undecided {
		return
	}
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		a.ResponseWriter.WriteHeader(status) // the answer follows
		return
	}
	a.status = status
	switch {
	case status == http.StatusPartialContent, status < 200, status < 300 && encoded(a.header):
		a.state, a.failed = refused, fmt.Errorf("%w: status %d, or encoded", ErrAnswer, status)
	case status >= 300 || status == http.StatusNoContent || status == http.StatusResetContent:
		a.state = pass
		if status == http.StatusNotModified || status == http.StatusNoContent {
			a.retag()
		}
		if status == http.StatusNotModified {
			delete(a.header, "Content-Length") // a ciphertext's
		}
		a.commit()
	default:
		a.state = opening
		a.opener = stream.NewOpener(emitter{a}, a.o.Find)
		if sealed, ok := number(a.header.Get("Content-Length")); ok {
			if n, ok := stream.PlainSize(sealed); ok {
				a.size = n
			}
		}
	}
}

func encoded(h http.Header) bool {
	for _, e := range h["Content-Encoding"] {
		if e = strings.TrimSpace(e); e != "" && !strings.EqualFold(e, "identity") {
			return true
		}
	}
	return false
}

// Write decrypts. Its error ends the back end's writing.
func (a *Answer) Write(b []byte) (int, error) {
	if a.state == undecided {
		a.WriteHeader(http.StatusOK)
	}
	switch {
	case a.state == pass:
		return a.ResponseWriter.Write(b)
	case a.failed != nil:
		return 0, a.failed
	case a.head:
		return len(b), nil
	}
	n, err := a.opener.Write(b)
	if a.o.Plain && errors.Is(err, stream.ErrPlain) {
		return len(b), a.passPlain(b[n:])
	}
	a.failed = err
	return n, err
}

// passPlain lets an answer pass that was never encrypted.
func (a *Answer) passPlain(rest []byte) error {
	a.state = pass
	a.unlabel()
	a.commit()
	for _, p := range [][]byte{a.opener.Begin(), rest} {
		if _, err := a.ResponseWriter.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// emitter takes what was decrypted.
type emitter struct{ a *Answer }

func (e emitter) Write(p []byte) (int, error) {
	a := e.a
	if !a.sent {
		a.begin()
	}
	n := len(p)
	if a.skip > 0 {
		drop := min(a.skip, int64(len(p)))
		a.skip, p = a.skip-drop, p[drop:]
	}
	if a.left >= 0 {
		p = p[:min(a.left, int64(len(p)))]
		a.left -= int64(len(p))
	}
	if len(p) > 0 {
		if _, err := a.ResponseWriter.Write(p); err != nil {
			return 0, err
		}
	}
	if a.left == 0 {
		return n, errEnough
	}
	return n, nil
}

// begin sends the headers of the plaintext.
func (a *Answer) begin() {
	h := a.header
	a.retag()
	a.unlabel()
	delete(h, "Accept-Ranges")
	delete(h, "Content-Length")
	if a.size < 0 || a.status != http.StatusOK {
		a.commit()
		return
	}
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Length", strconv.FormatInt(a.size, 10))
	if a.span != nil && holds(a.ifRange, h.Get("Etag"), h.Get("Last-Modified")) {
		a.part()
	}
	a.commit()
}

// part makes the answer one of a range.
func (a *Answer) part() {
	h := a.header
	first, n, ok := a.span.of(a.size)
	if !ok {
		a.status, a.left = http.StatusRequestedRangeNotSatisfiable, 0
		h.Set("Content-Range", "bytes */"+strconv.FormatInt(a.size, 10))
		h.Set("Content-Length", "0")
		delete(h, "Content-Type")
		return
	}
	a.status, a.skip, a.left = http.StatusPartialContent, first, n
	h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, first+n-1, a.size))
	h.Set("Content-Length", strconv.FormatInt(n, 10))
}

// retag makes the back end's entity tag one of the plaintext.
func (a *Answer) retag() {
	if etag := a.header.Get("Etag"); etag != "" {
		if a.header.Del("Etag"); tagged(etag) != "" {
			a.header.Set("Etag", tagged(etag))
		}
	}
}

// unlabel takes away what speaks of the body as it came, trailers too, and keeps the answer out of caches that people share.
func (a *Answer) unlabel() {
	for k := range a.header {
		if strings.HasPrefix(k, http.TrailerPrefix) {
			delete(a.header, k)
		}
	}
	for _, k := range describesBody {
		delete(a.header, k)
	}
	for _, k := range []string{"Content-Range", "Cdn-Cache-Control", "Surrogate-Control"} {
		a.header.Del(k)
	}
	if !private(a.header["Cache-Control"]) {
		a.header.Set("Cache-Control", "private, no-cache")
	}
}

// private tells whether Cache-Control keeps an answer out of caches that people share.
func private(values []string) (yes bool) {
	for directive := range strings.SplitSeq(strings.Join(values, ","), ",") {
		switch name := strings.ToLower(strings.TrimSpace(directive)); {
		case name == "private", name == "no-store":
			yes = true
		case name == "public", strings.HasPrefix(name, "s-maxage"):
			return false
		}
	}
	return yes
}

// commit sends status and headers.
func (a *Answer) commit() {
	h := a.ResponseWriter.Header()
	clear(h)
	maps.Copy(h, a.header)
	a.sent = true
	a.ResponseWriter.WriteHeader(a.status)
}

// Flush implements http.Flusher.
func (a *Answer) Flush() { _ = a.FlushError() } // http.Flusher can't tell

// FlushError passes a flush on once something is out.
func (a *Answer) FlushError() error {
	if !a.sent {
		return nil
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// ReadFrom keeps io.Copy from going around Write.
func (a *Answer) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{a}, r)
}
