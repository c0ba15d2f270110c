package waf

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/waf/screen"
)

// response stands between the handlers further in and the client. An answer that is not inspected streams through. A text is kept back until
// its end or the limit and inspected whole: nothing of it, no header either, has reached the client when it is refused. From its first flush on
// it is watched: what comes is inspected together with the end of what came before, and passed on.
//
// Like every ResponseWriter it is used by one goroutine at a time; which one may change.
type response struct {
	*caddyhttp.ResponseWriterWrapper // Push and Unwrap

	h    *Handler
	r    *http.Request
	rc   *reqctx.Request
	stop context.CancelFunc // of the request that the handlers further in work on

	base   http.Header // before they were called
	kept   http.Header // as they were with the status, while it is kept back
	state  responseState
	status int
	live   bool // asks to be passed on as it comes, whatever was configured: an event stream
	flush  bool // each write is flushed
	json   bool // its texts have the escapes of JSON
	origin bool // text begins with the first byte of the whole

	asked  *screen.Exchange // what the screen knows of the request, once it was asked
	asking screen.Result

	text    []byte // what was passed on last, for leaks that lie across, then what is kept back
	passed  int    // bytes of text that were passed on
	finding finding
	took    time.Duration
	began   bool // the rules have seen some of it
}

// responseState is what is done with an answer.
type responseState uint8

const (
	waiting  responseState = iota // for the status
	sniffing                      // for the first bytes: no header says what they are
	streams                       // it is not inspected, or no more
	holding                       // it is kept back
	watching                      // it is inspected as it comes by
	withheld                      // refused: nothing of it was sent, nothing will be
	ended                         // refused after its first byte
)

// errWithheld ends the writing of who answers.
var errWithheld = errors.New("the answer is withheld")

var texts = sync.Pool{New: func() any { b := make([]byte, 0, 8<<10); return &b }}

// free gives the memory of the text back.
func (a *response) free() {
	if b := a.text[:0]; b != nil && cap(b) <= 2*defaultResponseLimit {
		texts.Put(&b)
	}
	a.text = nil
}

// respond calls the handlers further in and inspects what they answer.
func (h *Handler) respond(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, x *exchange, next caddyhttp.Handler) error {
	// A compressed answer can't be read. encode, outside of us, has read this already and compresses what we pass on.
	r.Header.Set("Accept-Encoding", "identity")
	if r.Method == http.MethodHead || r.Method == http.MethodConnect {
		return next.ServeHTTP(w, r)
	}
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	a := &response{
		ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w},
		h:                     h, r: r, rc: rc, stop: stop, base: w.Header().Clone(), origin: true,
	}
	if x.clean {
		a.asked, a.asking = x.screened, screen.Result{Known: true, Clean: true, Out: h.rules.screen.Out()}
	}
	defer a.free()
	return a.finish(a.call(r.WithContext(ctx), next))
}

// call calls the handlers further in. What they do when a write fails, also a panic as a proxy's, is no news when it failed because the answer is refused.
func (a *response) call(r *http.Request, next caddyhttp.Handler) (err error) {
	returned := false
	defer func() {
		if a.state == sniffing || a.state == holding {
			if !returned || err != nil {
				a.forget() // whoever answers further out does so with headers of its own
			}
			return
		}
		if a.state == withheld || a.state == ended {
			if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // the value itself is the signal
				panic(p)
			}
			err = nil
		}
	}()
	err = next.ServeHTTP(a, r)
	returned = true
	return err
}

// finish passes on what is kept back, or answers in its place.
func (a *response) finish(err error) error {
	if err != nil && (a.state == sniffing || a.state == holding) {
		return err // nothing was sent: it is answered further out
	}
	switch a.state {
	case sniffing: // without a body
		a.commit()
	case holding:
		if a.inspect() {
			a.measure()
			a.pass()
		}
	case watching:
		if a.passed < len(a.text) && a.inspect() {
			a.pass()
		}
	}
	a.record()
	switch a.state {
	case withheld:
		a.forget()
		a.refuse()
		return nil
	case ended:
		panic(http.ErrAbortHandler) // cuts the connection or the stream, so that nobody takes the part for the whole
	}
	return err
}

// WriteHeader takes the status and with it decides what is done.
func (a *response) WriteHeader(status int) {
	if a.state != waiting {
		return
	}
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		a.ResponseWriter.WriteHeader(status) // early hints and the like; the answer follows
		return
	}
	a.status = status
	h := a.Header()
	switch media := mediaType(h.Get("Content-Type")); {
	case status == http.StatusSwitchingProtocols, status == http.StatusNoContent, status == http.StatusResetContent, status == http.StatusNotModified:
		a.state = streams // no body
	case a.rc.Problem != "":
		a.state = streams // the gateway's own, and so nothing of the inside
	case media == "", media == "multipart/byteranges":
		a.state = sniffing
	case a.h.Responses.inspects(media):
		a.hold(media)
	default:
		a.state = streams
	}
	if a.state == holding || a.state == sniffing {
		if e := h.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
			a.state = streams
			responses.WithLabelValues(encoded).Inc()
		}
	}
	if a.state == streams {
		a.base = nil // a socket may be open for days
		a.ResponseWriter.WriteHeader(status)
		return
	}
	a.kept = h.Clone()
	// RFC 10036: it asks to be passed on as it comes.
	a.flush = caddyhttp.IsIncremental(h)
}

func (a *response) hold(media string) {
	a.state = holding
	a.live = media == "text/event-stream"
	a.json = escaped(media)
	if a.status == http.StatusPartialContent {
		at := a.Header().Get("Content-Range")
		a.origin = at == "" || strings.HasPrefix(at, "bytes 0-")
	}
}

// sniff decides by the first bytes.
func (a *response) sniff(b []byte) {
	media := mediaType(a.kept.Get("Content-Type"))
	if media != "" { // parts of a file, each with its type
		head := bytes.ToLower(b[:min(len(b), 1024)])
		_, line, _ := bytes.Cut(head, []byte("content-type:"))
		line, _, _ = bytes.Cut(line, []byte("\n"))
		media = mediaType(string(line))
	} else {
		media = mediaType(http.DetectContentType(b)) // as the server will
		if media == "text/plain" && (b[0] == '{' || b[0] == '[') {
			a.json = true
		}
	}
	if a.h.Responses.inspects(media) {
		json := a.json
		a.hold(media)
		a.json = a.json || json
		return
	}
	a.commit()
	a.state = streams
}

// Write keeps, inspects and passes on.
func (a *response) Write(b []byte) (int, error) {
	if a.state == waiting {
		a.WriteHeader(http.StatusOK)
	}
	if len(b) == 0 {
		return 0, nil
	}
	if a.state == sniffing {
		a.sniff(b)
	}
	switch a.state {
	case streams:
		return a.ResponseWriter.Write(b)
	case withheld, ended:
		return 0, errWithheld
	}
	n := 0
	for n < len(b) {
		room := window
		if a.state == holding {
			room = int(a.h.Responses.Limit)
		}
		if a.text == nil {
			a.text = (*texts.Get().(*[]byte))[:0]
		}
		k := min(room-(len(a.text)-a.passed), len(b)-n)
		a.text = append(a.text, b[n:n+k]...)
		n += k
		if n == len(b) {
			break
		}
		if err := a.advance(); err != nil {
			return n, err
		}
		if a.state == streams {
			k, err := a.ResponseWriter.Write(b[n:])
			return n + k, err
		}
	}
	if a.flush {
		return n, a.FlushError()
	}
	return n, nil
}

// ReadFrom implements io.ReaderFrom: what is not inspected is copied as without us.
func (a *response) ReadFrom(src io.Reader) (int64, error) {
	if a.state == waiting {
		a.WriteHeader(http.StatusOK)
	}
	if a.state == streams {
		return a.ResponseWriterWrapper.ReadFrom(src)
	}
	return io.Copy(struct{ io.Writer }{a}, src)
}

// Flush implements http.Flusher.
func (a *response) Flush() { _ = a.FlushError() } // http.Flusher can't tell

// FlushError passes on what is kept back, once it was inspected.
func (a *response) FlushError() error {
	if a.state == waiting {
		a.WriteHeader(http.StatusOK)
	}
	if a.state == sniffing {
		a.hold("") // without a byte of it: taken for a text
	}
	if a.state == holding && a.h.Responses.Stream == Hold && !a.live {
		return nil
	}
	if a.state != streams && (a.state != watching || a.passed < len(a.text)) {
		if err := a.advance(); err != nil {
			return err
		}
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// advance inspects what is kept back and passes it on.
func (a *response) advance() error {
	if a.state == withheld || a.state == ended {
		return errWithheld
	}
	if !a.inspect() {
		return errWithheld
	}
	first := a.state == holding
	if first {
		partial.Inc()
	}
	if err := a.pass(); err != nil {
		return err
	}
	a.state = watching
	if first && a.h.Responses.Stream == Pass {
		a.state = streams
		a.free()
		a.passed = 0
	}
	return nil
}

// pass sends what is kept back, and remembers its end.
func (a *response) pass() error {
	fresh := a.text[a.passed:]
	var err error
	if a.state == holding {
		err = a.commit(fresh...)
	} else if len(fresh) > 0 {
		_, err = a.ResponseWriter.Write(fresh)
	}
	over := max(len(a.text)-overlap, 0)
	a.origin = a.origin && over == 0
	if end := a.text[over:]; cap(a.text) > 2*window { // an event stream may be open for days
		a.text = append(make([]byte, 0, 2*overlap), end...)
	} else if over > 0 {
		a.text = append(a.text[:0], end...)
	}
	a.passed = len(a.text)
	return err
}

// commit sends status and headers as they were when the handler gave the status, then the body so far. What it wrote into the headers since are trailers.
func (a *response) commit(body ...byte) error {
	h := a.Header()
	since := maps.Clone(h)
	clear(h)
	maps.Copy(h, a.kept)
	a.ResponseWriter.WriteHeader(a.status)
	var err error
	if len(body) > 0 {
		_, err = a.ResponseWriter.Write(body)
	}
	if trailers(a.kept, since) {
		maps.Copy(h, since)
	}
	return err
}

// measure gives a complete answer its length, which the server finds out by itself only of short ones.
func (a *response) measure() {
	if _, known := a.kept["Content-Length"]; !known && !trailers(a.kept, a.Header()) {
		a.kept.Set("Content-Length", strconv.Itoa(len(a.text)))
	}
}

// trailers tells whether any were announced, or set unannounced.
func trailers(kept, now http.Header) bool {
	if len(kept["Trailer"]) > 0 {
		return true
	}
	for k := range now {
		if strings.HasPrefix(k, http.TrailerPrefix) {
			return true
		}
	}
	return false
}

// forget takes the headers back that came from further in.
func (a *response) forget() {
	h := a.Header()
	clear(h)
	maps.Copy(h, a.base)
}

var (
	_ http.Flusher  = (*response)(nil)
	_ http.Pusher   = (*response)(nil)
	_ io.ReaderFrom = (*response)(nil)
)
