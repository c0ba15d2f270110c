package validate

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/convosphere/gateway/modules/internal/kept"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/validate/openapi"
	"github.com/convosphere/gateway/modules/validate/schema"
)

// body is what was found of a request's body.
type body struct {
	faults []openapi.Fault
	free   func() // gives its memory back, when the request has ended
}

// sort of a body, by what its headers say.
type sort struct {
	mediaType string // in lower case, without parameters; "" none
	json      bool
	form      bool
	text      bool   // or nothing, or something close to JSON, is said: back ends may look for JSON in it
	foreign   bool   // its charset is not UTF-8
	wrong     string // why it can't be read as what it says
}

const notUTF8 = "the body must be UTF-8"

func sortOf(h http.Header) (s sort) {
	declared := h["Content-Type"]
	if len(declared) > 1 {
		return sort{wrong: "the media type is given twice"}
	}
	if len(declared) == 1 {
		mediaType, params, err := mime.ParseMediaType(declared[0])
		if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
			return sort{wrong: "the media type can't be read"}
		}
		s.mediaType = mediaType
		s.json, s.form = openapi.IsJSON(mediaType), mediaType == "application/x-www-form-urlencoded"
		c := params["charset"]
		s.foreign = err != nil || c != "" && !strings.EqualFold(c, "utf-8") && !strings.EqualFold(c, "us-ascii")
		if s.json && s.foreign {
			s.wrong = notUTF8
		}
	}
	s.text = s.mediaType == "" || s.form || !s.json && (strings.HasPrefix(s.mediaType, "text/") || strings.Contains(s.mediaType, "json"))
	for _, e := range h["Content-Encoding"] {
		if e = strings.TrimSpace(e); e != "" && !strings.EqualFold(e, "identity") && (s.json || s.form) {
			s.wrong = "the body must not be compressed" // what it holds can't be told without unpacking it
		}
	}
	return s
}

// body looks at what a request brings, and puts a body in its place that can be read from the beginning. An error says that it could not be read.
func (h *Handler) body(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, op *openapi.Operation) (b body, err error) {
	b.free = func() {}
	if !brings(r) {
		b.faults = missing(op)
		return b, nil
	}
	s := sortOf(r.Header)
	media, described, taken := taken(op, s.mediaType)
	if described && !taken || s.json || s.form || s.wrong != "" || s.text {
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Now().Add(bodyTime)) // not every server can; then its own limits hold
		defer func() { _ = control.SetReadDeadline(time.Time{}) }()
		empty, err := peek(r)
		if err != nil {
			return b, err
		}
		if empty {
			b.faults = missing(op)
			return b, nil
		}
	}
	switch {
	case s.wrong != "":
		b.faults = []openapi.Fault{fault(openapi.InBody, kindMedia, s.wrong)}
	case described && !taken && op.Body == nil:
		b.faults = []openapi.Fault{fault(openapi.InBody, kindMedia, "none is taken")}
	case described && !taken:
		b.faults = []openapi.Fault{fault(openapi.InBody, kindMedia, "the media type is not one of those that are taken")}
	case s.json:
		err = h.json(r, rc, media, &b)
	case s.form && media.Schema != nil && s.foreign:
		b.faults = []openapi.Fault{fault(openapi.InBody, kindMedia, notUTF8)}
	case s.form && media.Schema != nil:
		err = h.form(r, rc, media, &b)
	case s.text && !described:
		err = h.hidden(r, rc, &b)
	}
	return b, err
}

// missing tells whether a body must be there that is not.
func missing(op *openapi.Operation) []openapi.Fault {
	if op == nil || op.Body == nil || !op.Body.Required {
		return nil
	}
	return []openapi.Fault{fault(openapi.InBody, schema.Missing, "is missing")}
}

// taken tells what a body of that media type is held to, whether the document says anything of it, and whether it is one that is taken.
func taken(op *openapi.Operation, mediaType string) (m openapi.Media, described, ok bool) {
	if op == nil {
		return m, false, false
	}
	if op.Body == nil {
		return m, true, false
	}
	m, ok = op.Body.Media(mediaType)
	return m, true, ok
}

// json reads a body that says it is JSON.
func (h *Handler) json(r *http.Request, rc *reqctx.Request, m openapi.Media, b *body) error {
	text, err := h.receive(r, rc, b)
	if text == nil || err != nil {
		return err
	}
	leave, err := h.room.forValues(r.Context(), rc.Caller(r), text)
	if err != nil {
		return err
	}
	defer leave()
	v, f := h.read(openapi.InBody, text)
	if b.faults = of(f); f == nil {
		b.faults = m.Check(openapi.InBody, v)
	}
	return nil
}

// form reads a form that is held to a schema.
func (h *Handler) form(r *http.Request, rc *reqctx.Request, m openapi.Media, b *body) error {
	text, err := h.receive(r, rc, b)
	if text == nil || err != nil {
		return err
	}
	leave, err := h.room.forValues(r.Context(), rc.Caller(r), bytes.ReplaceAll(text, []byte("&"), []byte(",")))
	if err != nil {
		return err
	}
	defer leave()
	b.faults = m.Fields(string(text))
	return nil
}

// hidden looks at a text that does not say what it is, and begins as JSON does: back ends that look into it would read what nobody has looked
// at. Where it is JSON, it must be JSON to everybody; where it is none, it is some other text.
func (h *Handler) hidden(r *http.Request, rc *reqctx.Request, b *body) error {
	if !bytes.Contains([]byte{0, '{', '['}, []byte{firstByte(r)}) || r.ContentLength > h.BodyLimit {
		return nil
	}
	text, err := h.receive(r, rc, b)
	if text == nil || err != nil {
		b.faults = nil // longer than it would be read: no reader of JSON is meant
		return err
	}
	leave, err := h.room.forValues(r.Context(), rc.Caller(r), text)
	if err != nil {
		return err
	}
	defer leave()
	if _, f := h.read(openapi.InBody, bytes.TrimPrefix(text, mark)); f != nil && f.Kind != kindSyntax {
		b.faults = of(f)
	}
	return nil
}

// receive reads the whole body. Where it is longer than it may be, that is noted and the text is nil.
func (h *Handler) receive(r *http.Request, rc *reqctx.Request, b *body) ([]byte, error) {
	tooLong := func() ([]byte, error) {
		b.faults = []openapi.Fault{fault(openapi.InBody, kindSize, "is too large")}
		return nil, nil
	}
	weight := r.ContentLength
	switch {
	case weight > h.BodyLimit:
		return tooLong()
	case weight < 0: // chunked, or HTTP/2 without a length
		weight = h.BodyLimit
	}
	leave, err := h.room.forText(r.Context(), rc.Caller(r), weight)
	if err != nil {
		return nil, err
	}
	b.free = sync.OnceFunc(leave)
	buf := bytes.NewBuffer(make([]byte, 0, min(weight, 4<<10)+bytes.MinRead))
	if _, err := buf.ReadFrom(io.LimitReader(r.Body, h.BodyLimit+1)); err != nil {
		return nil, err
	}
	text := buf.Bytes()
	r.Body = kept.New(text, r.Body, b.free)
	if int64(len(text)) > h.BodyLimit {
		return tooLong()
	}
	return text, nil
}

// bodyTime is what a client has to send the body.
const bodyTime = 30 * time.Second
