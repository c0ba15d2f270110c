package output

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/protect/detect"
)

// writer stands between the back end and the client. Like every ResponseWriter it is used by one goroutine at a time.
type writer struct {
	http.ResponseWriter
	f     *Filter
	r     *http.Request
	rc    *reqctx.Request
	base  before
	state state
	look  *look

	status   int
	length   int64 // that the headers gave; -1 none
	received int64
	header   http.Header // of what is withheld, for whoever still writes into it
	sieve    sieve       // nil: it is only held
	live     bool        // its lines are waited for
	traced   bool        // it is held to be searched for a stack trace
	held     []byte
	out      []byte
	outcome  Outcome
}

// state is what is done with an answer.
type state uint8

const (
	waiting  state = iota // for the status
	sniffing              // for the first bytes: the headers do not say what they are
	streams               // it passes as it is
	holding               // it is kept back
	passing               // it is changed while it passes
	replaced              // another was sent: what comes is dropped
	withheld              // nothing of it was sent, nothing will be
	ended                 // it is cut off after its beginning was sent
)

// sniffed is how much of a body tells what it is.
const sniffed = 512

// errWithheld ends the writing of who answers.
var errWithheld = errors.New("the answer is withheld")

// mostDropped is how much of a body is read that nobody gets, so that the connection to the back end can be used again.
const mostDropped = 256 << 10

// Unwrap serves http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Header returns the answer's headers; of one that was replaced, some that nobody gets.
func (w *writer) Header() http.Header {
	if w.header != nil {
		return w.header
	}
	return w.ResponseWriter.Header()
}

// WriteHeader takes the status and with it decides what is done.
func (w *writer) WriteHeader(status int) {
	if w.state != waiting {
		return
	}
	h := w.ResponseWriter.Header()
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		w.f.hidden.remove(h)
		w.ResponseWriter.WriteHeader(status) // early hints and the like; the answer follows
		return
	}
	w.status = status
	if w.rc.Problem != "" { // the gateway's own
		w.stream()
		return
	}
	w.f.hidden.remove(h)
	w.f.redirect(h, w.r)
	if !w.f.options.Off {
		h["X-Content-Type-Options"] = nosniff
	}
	w.length = contentLength(h)
	switch {
	case status == http.StatusSwitchingProtocols:
		w.stream()
	case status >= 500 && w.f.options.Errors == Replace:
		w.replace(status, "error")
	case status == http.StatusNoContent, status == http.StatusResetContent, status == http.StatusNotModified, w.length == 0:
		w.stream()
	default:
		w.body(h, mediaType(h.Get("Content-Type")))
	}
}

var nosniff = []string{"nosniff"}

// body decides by what kind the body is of.
func (w *writer) body(h http.Header, media string) {
	correct := w.f.options.Types == Correct && (media == "" || media == "text/html" && !isFile(h))
	if e := h.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		if w.look.strict() && (media == "" || isText(media) || isJSON(media)) {
			w.withhold(refusedEncoded) // fail closed: it can't be looked through
			return
		}
		w.stream()
		return
	}
	if correct && w.r.Method != http.MethodHead {
		w.state = sniffing
		return
	}
	w.choose(h, media)
}

// choose begins the work on a body of that type.
func (w *writer) choose(h http.Header, media string) {
	json, text := isJSON(media), isText(media)
	hard := w.look.strict()
	partial := w.status == http.StatusPartialContent
	switch {
	case hard && (json || text) && !readable(h.Get("Content-Type")):
		w.withhold(refusedEncoded)
		return
	case hard && partial && (json || text || media == "multipart/byteranges"):
		w.withhold(refusedPartial) // fail closed: what must not leave could be fetched in pieces
		return
	case json && partial:
	case json && w.look != nil:
		w.sieve = newInspector(w.look, w.f.options.Escape == HTML && !isFile(h))
	case json && w.f.options.Escape == HTML && !isFile(h):
		w.sieve = &markup{}
	case text && w.look != nil:
		w.sieve = &plain{window: window{look: w.look}, marked: hard}
	}
	w.live = isLive(media)
	traces := w.f.options.Traces
	w.traced = (json || text) && !partial && (traces == All || traces == Errors && w.status >= 400)
	switch {
	case w.sieve == nil && !w.traced:
		w.stream()
	case w.r.Method == http.MethodHead: // how long the body would become is not known
		w.unmeasure(h)
		w.stream()
	case w.sieve != nil && !w.traced && !hard && w.length > w.f.options.Hold:
		w.begin()
	default:
		w.state = holding
	}
}

// stream passes on what there is, as it is.
func (w *writer) stream() {
	w.state = streams
	w.look = nil // a socket may be open for days
	w.ResponseWriter.WriteHeader(w.status)
}

// begin passes on what is changed while it passes, and so can have another length.
func (w *writer) begin() {
	w.unmeasure(w.ResponseWriter.Header())
	w.commit()
	w.state = passing
}

// Write keeps, changes and passes on.
func (w *writer) Write(b []byte) (int, error) {
	if w.state == waiting {
		w.WriteHeader(http.StatusOK)
	}
	if len(b) == 0 {
		return 0, nil
	}
	w.received += int64(len(b))
	switch w.state {
	case streams:
		return w.ResponseWriter.Write(b)
	case replaced:
		if w.received > mostDropped {
			return 0, errWithheld
		}
		return len(b), nil
	case sniffing:
		w.held = append(w.held, b...)
		if len(w.held) < sniffed && w.received != w.length {
			return len(b), nil
		}
		return len(b), w.sniff()
	case holding:
		if len(w.held) == 0 && w.received == w.length { // it is there at once
			return len(b), w.complete(b)
		}
		w.held = append(w.held, b...)
		if int64(len(w.held)) > w.f.options.Hold {
			return len(b), w.release()
		}
		return len(b), nil
	case passing:
		return len(b), w.pass(b)
	}
	return 0, errWithheld
}

// sniff decides by the first bytes.
func (w *writer) sniff() error {
	h := w.ResponseWriter.Header()
	media := mediaType(h.Get("Content-Type"))
	switch begin := w.held[:min(len(w.held), sniffed)]; {
	case media == "":
		h.Set("Content-Type", guess(begin))
	case looksJSON(begin):
		h.Set("Content-Type", "application/json")
	}
	w.state = waiting
	w.choose(h, mediaType(h.Get("Content-Type")))
	held := w.held
	w.held = nil
	if w.state == holding {
		w.held = held
		if int64(len(held)) > w.f.options.Hold {
			return w.release()
		}
		return nil
	}
	if len(held) == 0 {
		return nil
	}
	w.received -= int64(len(held))
	_, err := w.Write(held)
	return err
}

// release passes on what was held back, and from then on what comes.
func (w *writer) release() error {
	held := w.held
	w.held = nil
	if w.trace(held) {
		return errWithheld
	}
	if w.sieve == nil {
		w.commit()
		w.state = streams
		_, err := w.ResponseWriter.Write(held)
		return err
	}
	out, err := w.sieve.write(w.out[:0], held)
	if err != nil {
		return w.refuse(err)
	}
	w.begin()
	w.out = out
	return w.send()
}

// pass changes the next bytes and sends what may go on.
func (w *writer) pass(b []byte) (err error) {
	if w.out, err = w.sieve.write(w.out[:0], b); err != nil {
		return w.refuse(err)
	}
	return w.send()
}

func (w *writer) send() error {
	if len(w.out) == 0 {
		return nil
	}
	_, err := w.ResponseWriter.Write(w.out)
	if cap(w.out) > 2*longString {
		w.out = nil
	}
	return err
}

// complete works on a body that is there as a whole.
func (w *writer) complete(body []byte) error {
	if w.trace(body) {
		return errWithheld
	}
	h := w.ResponseWriter.Header()
	if _, plain := w.sieve.(*markup); w.sieve != nil && (!plain || unsafe(body)) {
		out, err := w.sieve.write(make([]byte, 0, len(body)+len(body)/8), body)
		if err == nil {
			out, err = w.sieve.close(out)
		}
		if err != nil {
			return w.refuse(err)
		}
		if w.sieve.altered() {
			w.unmeasure(h)
			w.length = -1
		}
		body = out
	}
	if w.length < 0 && len(h["Trailer"]) == 0 {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.sieve = nil
	w.commit()
	w.state = streams
	_, err := w.ResponseWriter.Write(body)
	return err
}

// trace replaces an answer that holds a stack trace.
func (w *writer) trace(body []byte) bool {
	if !w.traced || !detect.Trace(body) {
		return false
	}
	status := w.status
	if status < 400 {
		status = http.StatusInternalServerError
	}
	w.replace(status, "trace")
	return true
}

// ReadFrom implements io.ReaderFrom: what passes as it is is copied as without us.
func (w *writer) ReadFrom(src io.Reader) (int64, error) {
	if w.state == waiting {
		w.WriteHeader(http.StatusOK)
	}
	if w.state == streams {
		if to, ok := w.ResponseWriter.(io.ReaderFrom); ok {
			return to.ReadFrom(src)
		}
	}
	return io.Copy(struct{ io.Writer }{w}, src)
}

// Flush implements http.Flusher.
func (w *writer) Flush() { _ = w.FlushError() } // http.Flusher can't tell

// FlushError passes on what may go. An answer that may have to be replaced is not flushed, nor, unless it is a stream of lines, one that may have to be
// withheld.
func (w *writer) FlushError() error {
	if w.state == waiting {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.state == sniffing && len(w.held) > 0:
		if err := w.sniff(); err != nil {
			return err
		}
		return w.FlushError()
	case w.state == holding && w.sieve != nil && !w.traced && (w.live || len(w.held) > 0 && !w.look.strict()):
		if err := w.release(); err != nil {
			return err
		}
	case w.state != streams && w.state != passing:
		return nil
	}
	if w.state == passing {
		var err error
		if w.out, err = w.sieve.flush(w.out[:0]); err != nil {
			return w.refuse(err)
		}
		if err := w.send(); err != nil {
			return err
		}
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

var (
	_ http.Flusher  = (*writer)(nil)
	_ io.ReaderFrom = (*writer)(nil)
)
