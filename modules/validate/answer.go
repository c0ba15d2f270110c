package validate

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
	"github.com/convosphere/gateway/modules/validate/openapi"
)

// answer stands between the back end and the client on operations that are described. In the mode report all passes as it comes, and a copy of JSON is
// checked at its end. In the mode enforce nothing of JSON reaches the client, no header either, until all of it was checked; other answers pass as soon as
// their status and media type are known to be described.
type answer struct {
	*caddyhttp.ResponseWriterWrapper // Push and Unwrap

	h      *Handler
	r      *http.Request
	op     *openapi.Operation
	header http.Header // of the back end, kept apart until it is passed on; nil in the mode report
	status int
	state  state
	media  openapi.Media
	text   bytes.Buffer // what is checked
	long   bool         // there is more of it than is checked
	faults []openapi.Fault
}

// state is what becomes of an answer.
type state uint8

const (
	waiting state = iota // for the status
	streams              // it passes, unread
	copies               // it passes, and is checked at its end
	holds                // it is kept until it was checked
	refuses              // it is not what the document says
	own                  // it is the gateway's and not the back end's
)

// errWithheld ends the back end's writing.
var errWithheld = errors.New("the answer is withheld")

// respond asks the back end, and holds its answer to the document.
func (h *Handler) respond(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, op *openapi.Operation, next caddyhttp.Handler) error {
	a := &answer{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, h: h, r: r, op: op}
	if op.Checked {
		r.Header.Set("Accept-Encoding", "identity")
	}
	if h.Responses == Enforce {
		a.header = w.Header().Clone()
		if op.Checked { // a part can't be checked
			r.Header.Del("Range")
			r.Header.Del("If-Range")
		}
	}
	if err := a.serve(r, next); err != nil {
		return err // answered further out; what was held is gone
	}
	return a.finish(rc)
}

// serve calls the back end. A proxy whose copying was ended by what it wrote panics, as proxies do: that is ours to answer.
func (a *answer) serve(r *http.Request, next caddyhttp.Handler) (err error) {
	defer func() {
		if a.state != refuses {
			return
		}
		if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // the value itself is the signal
			panic(p)
		}
		err = nil
	}()
	return next.ServeHTTP(a, r)
}

// finish checks what was kept, and sends it or answers in its place.
func (a *answer) finish(rc *reqctx.Request) error {
	if a.state == waiting && wsframe.IsHandshake(a.r) {
		return nil // a socket was opened, whose 101 comes by no writer
	}
	if a.state == own {
		return nil
	}
	if a.state == waiting {
		a.WriteHeader(http.StatusOK) // as net/http would
	}
	if a.state == copies || a.state == holds {
		a.check(rc)
	}
	switch {
	case a.state == streams && len(a.faults) == 0:
		return nil // nothing was asked of it
	case a.state == copies && a.long:
		responses.WithLabelValues(unchecked).Inc()
		return nil
	case len(a.faults) == 0:
		responses.WithLabelValues(passed).Inc()
		if a.state == holds {
			return a.send()
		}
		return nil
	}
	countFaults(a.faults)
	record(rc, a.faults)
	if a.header == nil {
		responses.WithLabelValues(reported).Inc()
		return nil
	}
	responses.WithLabelValues(withheld).Inc()
	f := a.faults[0]
	a.h.logger.Error("an answer of the back end was withheld: it is not what the document says", zap.String("operation", a.op.Name),
		zap.Int("status", a.status), zap.String("place", f.Place), zap.String("reason", f.Reason))
	problem.Write(a.ResponseWriter, a.r, problem.Problem{Status: http.StatusBadGateway})
	return nil
}

// Header returns the back end's headers.
func (a *answer) Header() http.Header {
	if a.header != nil && a.state != streams {
		return a.header
	}
	return a.ResponseWriter.Header()
}

// WriteHeader takes the status and with it decides what is done.
func (a *answer) WriteHeader(status int) {
	if a.state == own {
		a.ResponseWriter.WriteHeader(status)
		return
	}
	if a.state != waiting {
		return
	}
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		a.ResponseWriter.WriteHeader(status) // early hints and the like; the answer follows
		return
	}
	a.status = status
	a.state = a.decide()
	if len(a.faults) > 0 {
		a.state = streams
		if a.header != nil {
			a.state = refuses
		}
	}
	if a.state == streams || a.state == copies {
		a.commit()
	}
}

// OwnAnswer says that a handler further in answers by itself (gw_upload, gw_protect): the document speaks of the back end, so there is nothing to check.
// What stands in the headers so far is the handler's, too.
func (a *answer) OwnAnswer() {
	if a.state != waiting {
		return
	}
	if a.header != nil {
		h := a.ResponseWriter.Header()
		clear(h)
		maps.Copy(h, a.header)
		a.header = nil
	}
	a.state = own
}

// decide looks at status and media type.
func (a *answer) decide() state {
	if a.status == http.StatusSwitchingProtocols || a.status == http.StatusNotModified {
		return streams
	}
	described := a.op.Response(a.status)
	if described == nil {
		a.faults = []openapi.Fault{fault(openapi.InAnswer, kindStatus, "the status is not described")}
		return streams
	}
	if a.r.Method == http.MethodHead || a.status == http.StatusNoContent {
		return streams
	}
	declared := a.Header()["Content-Type"]
	if described.Empty() {
		if len(declared) > 0 && a.Header().Get("Content-Length") != "0" {
			a.faults = []openapi.Fault{fault(openapi.InAnswer, kindMedia, "no body is described")}
		}
		return streams
	}
	return a.byMedia(described, declared)
}

func (a *answer) byMedia(described *openapi.Response, declared []string) state {
	mediaType, params := "", map[string]string(nil)
	if len(declared) == 1 {
		mediaType, params, _ = mime.ParseMediaType(declared[0]) // what can't be read is none that is described
	}
	var known bool
	if a.media, known = described.Media(mediaType); !known {
		a.faults = []openapi.Fault{fault(openapi.InAnswer, kindMedia, "the media type is not one of those described")}
		return streams
	}
	if !a.media.JSON {
		return streams
	}
	encoding := a.Header().Get("Content-Encoding")
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") || encoding != "" && !strings.EqualFold(encoding, "identity") {
		a.faults = []openapi.Fault{fault(openapi.InAnswer, kindMedia, "the body is encoded")}
		return streams
	}
	if a.header != nil {
		return holds
	}
	return copies
}

// commit passes status and headers on.
func (a *answer) commit() {
	if a.header != nil {
		h := a.ResponseWriter.Header()
		clear(h)
		maps.Copy(h, a.header)
	}
	a.ResponseWriter.WriteHeader(a.status)
}

// Write passes on, or keeps.
func (a *answer) Write(b []byte) (int, error) {
	if a.state == waiting {
		a.WriteHeader(http.StatusOK)
	}
	switch a.state {
	case streams, own:
		return a.ResponseWriter.Write(b)
	case refuses:
		return 0, errWithheld
	case holds:
		if int64(a.text.Len()+len(b)) > a.h.ResponseLimit { // fail closed: what can't be checked whole is not sent
			a.faults, a.state = []openapi.Fault{fault(openapi.InAnswer, kindSize, "is too large to be checked")}, refuses
			a.text = bytes.Buffer{}
			return 0, errWithheld
		}
		return a.text.Write(b)
	}
	switch {
	case a.long:
	case int64(a.text.Len()+len(b)) > a.h.ResponseLimit:
		a.text, a.long = bytes.Buffer{}, true
	default:
		a.text.Write(b)
	}
	return a.ResponseWriter.Write(b)
}

// ReadFrom implements io.ReaderFrom: what is not looked at is copied as without us.
func (a *answer) ReadFrom(src io.Reader) (int64, error) {
	if a.state == waiting {
		a.WriteHeader(http.StatusOK)
	}
	if a.state == streams || a.state == own {
		return a.ResponseWriterWrapper.ReadFrom(src)
	}
	return io.Copy(struct{ io.Writer }{a}, src)
}

// Flush implements http.Flusher.
func (a *answer) Flush() { _ = a.FlushError() } // http.Flusher can't tell

// FlushError passes a flush on where the answer streams. What is held back is not flushed.
func (a *answer) FlushError() error {
	if a.state == waiting {
		a.WriteHeader(http.StatusOK)
	}
	if a.state == holds || a.state == refuses {
		return nil
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// check holds the JSON that was kept to its schema.
func (a *answer) check(rc *reqctx.Request) {
	if a.long {
		return
	}
	leave, err := a.h.room.forValues(a.r.Context(), rc.Caller(a.r), a.text.Bytes())
	if err != nil { // fail closed where it is enforced
		a.long = true
		if a.state == holds {
			a.faults = []openapi.Fault{fault(openapi.InAnswer, kindSize, "there is no room to check it")}
		}
		return
	}
	defer leave()
	v, f := a.h.read(openapi.InAnswer, a.text.Bytes())
	if a.faults = of(f); f == nil {
		a.faults = a.media.Check(openapi.InAnswer, v)
	}
}

// send passes on what was held.
func (a *answer) send() error {
	trailed := false
	for name := range a.header {
		trailed = trailed || name == "Trailer" || strings.HasPrefix(name, http.TrailerPrefix)
	}
	if !trailed {
		a.header.Set("Content-Length", strconv.Itoa(a.text.Len()))
	}
	a.commit()
	_, err := a.ResponseWriter.Write(a.text.Bytes())
	return err
}

var (
	_ http.Flusher  = (*answer)(nil)
	_ io.ReaderFrom = (*answer)(nil)
)
