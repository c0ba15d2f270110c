package authorize

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
	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// answer stands between the back end and the client on routes whose answers are filtered, masked or change grants. Answers that
// concern none of these stream through. Of the others nothing, no header either, reaches the client until they have been worked on; but one
// that is only filtered or masked, and larger than may be held back, goes on bit by bit once it is known to be what the route says.
type answer struct {
	http.ResponseWriter
	header http.Header // of the back end, kept apart until it is passed on
	treat  func(status int) treatment
	begin  func(status int) *jsonstream.Stream
	limit  int64
	state  treatment
	status int
	body   bytes.Buffer       // of one that is held
	stream *jsonstream.Stream // of one that is changed
	unfit  error              // why it can't be changed, if it has a body at all
	failed error              // ends the back end's writing
	sent   bool               // of one that is changed, the beginning is out
}

// treatment of an answer.
type treatment uint8

const (
	undecided treatment = iota
	pass                // it streams
	hold                // it is kept until complete
	change              // it is filtered or masked while it passes
	bare                // what comes as its body is dropped
	refuse              // it is not what the route says: dropped
)

func newAnswer(w http.ResponseWriter, limit int64, treat func(int) treatment, begin func(int) *jsonstream.Stream) *answer {
	return &answer{ResponseWriter: w, header: w.Header().Clone(), limit: limit, treat: treat, begin: begin}
}

// Unwrap serves http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Header returns the back end's headers; once the answer streams unchanged, those of the connection, for trailers.
func (a *answer) Header() http.Header {
	if a.state == pass {
		return a.ResponseWriter.Header()
	}
	return a.header
}

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
	switch a.state = a.treat(status); a.state {
	case pass:
		a.commit()
	case change:
		a.stream, a.unfit = a.begin(status), a.fit()
	}
}

// commit passes status and headers on.
func (a *answer) commit() {
	h := a.ResponseWriter.Header()
	clear(h)
	maps.Copy(h, a.header)
	a.ResponseWriter.WriteHeader(a.status)
}

// errTooLarge ends the back end's writing.
var errTooLarge = errors.New("the answer is larger than may be held back")

// Write passes on, or keeps.
func (a *answer) Write(b []byte) (int, error) {
	if a.state == undecided {
		a.WriteHeader(http.StatusOK)
	}
	if a.state == change && a.unfit != nil && len(b) > 0 {
		a.state = a.without()
	}
	switch {
	case a.state == pass:
		return a.ResponseWriter.Write(b)
	case a.state == refuse, a.state == bare:
		return len(b), nil
	case a.state == change:
		return a.pass(b)
	case int64(a.body.Len()+len(b)) > a.limit:
		a.failed = errTooLarge
		a.body.Reset()
		return 0, a.failed
	}
	return a.body.Write(b)
}

// without is what becomes of an answer that should be masked and is no JSON: a success is withheld, of anything else the body is. Fail closed.
func (a *answer) without() treatment {
	if a.status < 300 {
		return refuse
	}
	return bare
}

// pass changes the next bytes, and sends what is ready where the answer is larger than may be held back.
func (a *answer) pass(b []byte) (int, error) {
	if a.failed = a.stream.Write(b); a.failed != nil {
		return 0, a.failed
	}
	if !a.sent {
		if int64(a.stream.Ready()) <= a.limit {
			return len(b), nil
		}
		if !a.stream.Listed() { // fail closed: what has been read so far may be the list, under another name
			a.failed = errTooLarge
			return 0, a.failed
		}
		a.unlabel()
		a.untrail()
		a.header.Del("Content-Length")
		a.commit()
		a.sent = true
	}
	if _, err := a.ResponseWriter.Write(a.stream.Take()); err != nil {
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

// fit tells whether the headers say that the body is plain JSON.
func (a *answer) fit() error {
	if err := plainJSON(a.header.Get("Content-Type"), a.header["Content-Encoding"]); err != nil {
		return fmt.Errorf("%w: %w", errAnswer, err)
	}
	return nil
}

// json reads what was held back.
func (a *answer) json() (*strictjson.Value, error) {
	if err := a.fit(); err != nil {
		return nil, err
	}
	v, err := strictjson.Parse(a.body.Bytes())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswer, err)
	}
	return v, nil
}

// describesBody are headers that speak of the body as it came.
var describesBody = []string{
	"Etag", "Last-Modified", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Accept-Ranges", "Content-Range",
	"Cdn-Cache-Control", "Surrogate-Control", // which shared caches heed before Cache-Control
}

// send passes on what was held back, with body in the place of what came. changed tells that it is another.
func (a *answer) send(body []byte, changed, noBody bool) error {
	a.untrail() // the body goes out with its length
	if changed {
		a.unlabel()
	}
	switch {
	case noBody: // HEAD: the length of what would be sent is not known
		a.header.Del("Content-Length")
		body = nil
	case a.status == http.StatusNoContent || a.status == http.StatusNotModified:
		body = nil
	case a.status == http.StatusResetContent:
		a.header.Set("Content-Length", "0")
		body = nil
	default:
		a.header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	a.commit()
	if len(body) == 0 {
		return nil
	}
	_, err := a.ResponseWriter.Write(body)
	return err
}

// untrail takes away trailers, which may speak of the body as it came.
func (a *answer) untrail() {
	for k := range a.header {
		if k == "Trailer" || strings.HasPrefix(k, http.TrailerPrefix) {
			delete(a.header, k)
		}
	}
}

// unlabel takes away what no longer fits. The answer is one person's now.
func (a *answer) unlabel() {
	for _, k := range describesBody {
		a.header.Del(k)
	}
	caching.Private(a.header)
}
