package protect

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/internal/caching"
	"github.com/convosphere/gateway/modules/internal/jsonstream"
	"github.com/convosphere/gateway/modules/protect/record"
)

// streamFrom is how long an answer that is a list may get before its elements are decrypted one by one.
const streamFrom = 256 << 10

// answer stands between the back end and the client on routes whose answers hold protected fields. Nothing of such an answer, no header
// either, reaches the client until it has been decrypted; but a long list goes on element by element.
type answer struct {
	http.ResponseWriter
	header http.Header // of the back end, kept apart until it is passed on
	h      *Handler
	plan   *plan
	env    *record.Env
	r      *http.Request
	caller string // for whom memory is counted

	state    state
	status   int
	encoding string
	body     bytes.Buffer       // of one that is held
	stream   *jsonstream.Stream // of one that is decrypted element by element
	failed   *fault             // ends the back end's writing
	sent     bool               // of one that streams, the beginning is out
	record.Counts
}

// state is what becomes of an answer.
type state uint8

const (
	undecided state = iota
	pass            // it has no fields
	hold            // it is kept until complete, or a long list
	flow            // it is decrypted element by element
	refused         // it is not what the route says: dropped
)

func newAnswer(w http.ResponseWriter, h *Handler, p *plan, env *record.Env, r *http.Request, caller string) *answer {
	return &answer{ResponseWriter: w, header: w.Header().Clone(), h: h, plan: p, env: env, r: r, caller: caller}
}

// Unwrap serves http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Header returns the back end's headers; once the answer passes as it is, those of the connection, for trailers.
func (a *answer) Header() http.Header {
	if a.state == pass {
		return a.ResponseWriter.Header()
	}
	return a.header
}

// Why an answer can't be decrypted.
var (
	errPart   = errors.New("the back end answered with a part, which was not asked for")
	errNoJSON = errors.New("the answer is not JSON in UTF-8")
	errLong   = errors.New("the answer is longer than may be held back")
	errRoom   = errors.New("there is no room to decrypt the answer")
)

func unfit(err error) *fault { return &fault{http.StatusBadGateway, wordAnswer, err} }

// WriteHeader takes the status and with it decides what is done.
func (a *answer) WriteHeader(status int) {
	if a.state != undecided {
		return
	}
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		a.ResponseWriter.WriteHeader(status) // early hints and the like; the answer follows
		return
	}
	a.status = status
	switch {
	case status == http.StatusPartialContent: // of a part nobody knows where it belongs: fail closed
		a.state, a.failed = refused, unfit(errPart)
	case a.r.Method == http.MethodHead, status == http.StatusNotModified: // what would be sent has another length
		a.header.Del("Content-Length")
		a.unlabel()
		a.commit()
	case status < 200 || status > 299, status == http.StatusNoContent, status == http.StatusResetContent:
		// What is no success holds no record; tokens in it stay tokens.
		a.commit()
	default:
		a.state = hold
		a.encoding = encodingOf(a.header)
	}
}

// commit passes the answer on as it is.
func (a *answer) commit() {
	a.state = pass
	a.begin()
}

// begin passes status and headers on.
func (a *answer) begin() {
	h := a.ResponseWriter.Header()
	clear(h)
	maps.Copy(h, a.header)
	a.ResponseWriter.WriteHeader(a.status)
}

// Write passes on, or keeps.
func (a *answer) Write(b []byte) (int, error) {
	if a.state == undecided {
		a.WriteHeader(http.StatusOK)
	}
	switch a.state {
	case pass:
		return a.ResponseWriter.Write(b)
	case refused:
		return len(b), nil
	case flow:
		return a.flow(b)
	}
	if a.failed != nil {
		return 0, a.failed
	}
	_, _ = a.body.Write(b) // memory takes everything
	list, streams := a.plan.open.List()
	switch {
	case a.body.Len() > streamFrom && streams && a.encoding == "" && isPlainJSON(a.header):
		a.state = flow
		a.stream = jsonstream.New(jsonstream.NewRewriter(list, a.element), nil, nil, int(a.h.MaxAnswer))
		held := a.body.Bytes()
		a.body = bytes.Buffer{}
		if _, err := a.flow(held); err != nil {
			return 0, err
		}
	case int64(a.body.Len()) > a.h.MaxAnswer:
		a.body = bytes.Buffer{}
		a.failed = unfit(errLong)
		return 0, a.failed
	}
	return len(b), nil
}

// element decrypts one element of the list.
func (a *answer) element(data []byte) ([]byte, error) {
	leave, err := a.hold(data)
	if err != nil {
		return nil, err
	}
	defer leave()
	out, counts, err := a.plan.open.OpenElement(a.r.Context(), a.env, data)
	a.add(counts)
	return out, err
}

// hold takes room for what is long while its values are read. It is not that of requests: one that has its own would wait for itself.
func (a *answer) hold(data []byte) (leave func(), err error) {
	if len(data) <= smallMessage {
		return func() {}, nil
	}
	seat, err := a.h.answers.Enter(a.r.Context(), a.caller, int64(len(data))*bodyWeight, bodyWait)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRoom, err)
	}
	return seat.Leave, nil
}

func (a *answer) add(c record.Counts) {
	a.Fields, a.Stale, a.Plain, a.Erased = a.Fields+c.Fields, a.Stale+c.Stale, a.Plain+c.Plain, a.Erased+c.Erased
}

// flow decrypts the next bytes of a list, and sends what is ready.
func (a *answer) flow(b []byte) (int, error) {
	if a.failed != nil {
		return 0, a.failed
	}
	if err := a.stream.Write(b); err != nil {
		a.failed = withholding(err)
		return 0, a.failed
	}
	ready := a.stream.Take()
	if len(ready) == 0 {
		return len(b), nil
	}
	if !a.sent {
		a.changed()
		a.header.Del("Content-Length")
		a.begin()
		a.sent = true
	}
	if _, err := a.ResponseWriter.Write(ready); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Flush implements http.Flusher.
func (a *answer) Flush() { _ = a.FlushError() } // http.Flusher can't tell

// FlushError passes a flush on where the answer streams. What is held back is not flushed.
func (a *answer) FlushError() error {
	if a.state == undecided {
		a.WriteHeader(http.StatusOK)
	}
	if a.state != pass && !a.sent {
		return nil
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// close decrypts what was held back, and sends it.
func (a *answer) close() *fault {
	if a.state == undecided {
		a.WriteHeader(http.StatusOK) // as net/http would
	}
	switch a.state {
	case pass, refused:
		return nil // refused has its fault already
	case flow:
		if err := a.stream.Close(); err != nil {
			return withholding(err)
		}
		_, _ = a.ResponseWriter.Write(a.stream.Take()) // the client has gone: nobody is left to tell
		return nil
	}
	body := a.body.Bytes()
	if len(body) == 0 {
		a.send(nil)
		return nil
	}
	if !isPlainJSON(a.header) {
		return unfit(errNoJSON)
	}
	body, err := decode(body, a.encoding, a.h.MaxAnswer)
	if err != nil {
		return unfit(err)
	}
	leave, err := a.hold(body)
	if err != nil {
		return withholding(err)
	}
	defer leave()
	out, counts, err := a.plan.open.Open(a.r.Context(), a.env, body)
	a.add(counts)
	if err != nil {
		return withholding(err)
	}
	a.send(out)
	return nil
}

// send passes on what was held back.
func (a *answer) send(body []byte) {
	a.changed()
	a.header.Set("Content-Length", strconv.Itoa(len(body)))
	a.begin()
	_, _ = a.ResponseWriter.Write(body) // the client has gone: nobody is left to tell
}

// changed takes away what spoke of the answer as it came. Its ETag stays: it is that of the ciphertext, which is another whenever the plaintext is.
func (a *answer) changed() {
	for k := range a.header {
		if k == "Trailer" || strings.HasPrefix(k, http.TrailerPrefix) {
			delete(a.header, k)
		}
	}
	a.header.Del("Content-Encoding")
	a.unlabel()
}

// ofCiphertext are headers that speak of the bytes as the back end sent them.
var ofCiphertext = []string{
	"Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Accept-Ranges", "Content-Range",
	"Cdn-Cache-Control", "Surrogate-Control", // which shared caches heed before Cache-Control
}

// unlabel takes away what does not fit the plaintext, and keeps it out of caches that people share.
func (a *answer) unlabel() {
	for _, k := range ofCiphertext {
		a.header.Del(k)
	}
	caching.Private(a.header)
}

// isPlainJSON tells whether the headers say that the body, once it is decoded, is JSON in UTF-8.
func isPlainJSON(h http.Header) bool {
	c, _ := contentOf(h)
	return c == isJSON
}

// encodingOf is how a body is compressed; "" not at all.
func encodingOf(h http.Header) string {
	var all []string
	for _, e := range strings.Split(strings.Join(h["Content-Encoding"], ","), ",") {
		if e = strings.ToLower(strings.TrimSpace(e)); e != "" && e != "identity" {
			all = append(all, e)
		}
	}
	return strings.Join(all, ",")
}

// errDecoded says that what came out of a body was too long, or that it was damaged.
func errDecoded(encoding string, err error) error {
	return fmt.Errorf("decoding %s: %w", encoding, err)
}
