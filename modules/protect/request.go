package protect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/gate"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/protect/record"
)

const (
	bodyTime = 15 * time.Second // that a client has to send what is read whole
	bodyWait = 2 * time.Second  // that a request waits for room
	// bodyMemory is what bodies take together while they are worked on, and bodyWeight what a byte of one counts: the values of JSON take more than
	// their text.
	bodyMemory = 256 << 20
	bodyWeight = 8
)

var (
	errType     = errors.New("the body is of a type in which nothing can be encrypted")
	errEncoding = errors.New("the body is compressed")
	errLarge    = errors.New("the body is larger than may be")
	errRead     = errors.New("the body could not be read")
)

// content is what a body is read as.
type content uint8

const (
	other content = iota
	isJSON
	isForm
	isMultipart
	isText
)

// contentOf tells what a body is by its headers. encoded tells that it is compressed.
func contentOf(h http.Header) (c content, encoded bool) {
	for _, e := range h["Content-Encoding"] {
		if e = strings.TrimSpace(e); e != "" && !strings.EqualFold(e, "identity") {
			encoded = true
		}
	}
	types := h["Content-Type"]
	if len(types) != 1 {
		return other, encoded
	}
	t, params, err := mime.ParseMediaType(types[0]) // which tells no case in types
	charset := params["charset"]
	switch {
	case err != nil, charset != "" && !strings.EqualFold(charset, "utf-8"):
		return other, encoded
	case t == "application/json", strings.HasSuffix(t, "+json"):
		return isJSON, encoded
	case t == "application/x-www-form-urlencoded":
		return isForm, encoded
	case t == "multipart/form-data":
		return isMultipart, encoded
	case strings.HasPrefix(t, "text/"):
		return isText, encoded
	}
	return other, encoded
}

func hasBody(r *http.Request) bool {
	return r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0
}

// protect encrypts what r brings, in a request of its own. free must be called when the request has ended.
func (h *Handler) protect(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, p *plan, vars record.Vars) (out *http.Request, free func(), f *fault) {
	free = func() {}
	out = r.WithContext(r.Context())
	out.Header = r.Header.Clone()
	if p.open != nil {
		whole(out.Header)
	}
	if f = h.protectQuery(out, p, vars); f != nil {
		return nil, free, f
	}
	if p.file.sealing(r.Method) {
		return out, free, h.sealFile(out, p.file, vars)
	}
	if !hasBody(r) {
		return out, free, nil
	}
	c, encoded := contentOf(r.Header)
	switch {
	case p.seal == nil && !encoded:
		f = h.watch(w, out, c)
		return out, free, f
	case p.seal == nil && c == other:
		return out, free, nil
	case encoded:
		return nil, free, &fault{http.StatusUnsupportedMediaType, wordInvalid, errEncoding}
	}
	env := h.env(vars)
	switch c {
	case isJSON:
		free, f = h.sealWhole(w, out, rc, func(ctx context.Context, b []byte) ([]byte, record.Counts, error) { return p.seal.Seal(ctx, env, b) })
	case isForm:
		free, f = h.sealWhole(w, out, rc, func(ctx context.Context, b []byte) ([]byte, record.Counts, error) {
			return p.seal.SealForm(ctx, env, b)
		})
	case isMultipart:
		f = h.sealMultipart(out, p, env)
	default: // fail closed: a back end may read it as what it is not
		f = &fault{http.StatusUnsupportedMediaType, wordInvalid, errType}
	}
	return out, free, f
}

// whole asks the back end for the whole, as plain text.
func whole(h http.Header) {
	h.Del("Range")
	h.Del("If-Range")
	h.Set("Accept-Encoding", "identity")
}

// sealWhole reads the body, and puts the changed one in its place.
func (h *Handler) sealWhole(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, seal func(context.Context, []byte) ([]byte, record.Counts, error)) (free func(), f *fault) {
	free = func() {}
	if r.ContentLength > h.MaxBody {
		return free, &fault{http.StatusRequestEntityTooLarge, wordInvalid, errLarge}
	}
	weight := r.ContentLength
	if weight < 0 { // chunked, or HTTP/2 without a length
		weight = h.MaxBody
	}
	seat, err := h.room.Enter(r.Context(), rc.Caller(r), weight*bodyWeight, bodyWait)
	if err != nil {
		return free, &fault{http.StatusServiceUnavailable, wordUnavailable, err}
	}
	text, f := receive(w, r, h.MaxBody)
	if f == nil {
		var counts record.Counts
		if text, counts, err = seal(r.Context(), text); err != nil {
			f = refusal(err)
		}
		sealed.Add(float64(counts.Fields))
	}
	if f != nil {
		seat.Leave()
		return free, f
	}
	replace(r, io.NopCloser(bytes.NewReader(text)), int64(len(text)))
	return seat.Leave, nil
}

// describesBody are headers of a request that speak of the body as it came.
var describesBody = []string{"Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Trailer"}

// replace puts another body into a request. length is -1 where it is not known.
func replace(r *http.Request, body io.ReadCloser, length int64) {
	r.Body, r.ContentLength, r.TransferEncoding, r.Trailer, r.GetBody = body, length, nil, nil, nil
	for _, k := range describesBody {
		r.Header.Del(k)
	}
	r.Header.Del("Content-Length")
	if length >= 0 {
		r.Header.Set("Content-Length", strconv.FormatInt(length, 10))
	}
}

// receive reads a body of at most limit bytes.
func receive(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *fault) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime)) // not every server can; then its own limits hold
	defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	buf := bytes.NewBuffer(make([]byte, 0, min(max(r.ContentLength, 512), 64<<10)+bytes.MinRead))
	_, err := buf.ReadFrom(io.LimitReader(r.Body, limit+1))
	switch {
	case err != nil:
		return nil, &fault{readStatus(err), wordInvalid, errRead}
	case int64(buf.Len()) > limit:
		return nil, &fault{http.StatusRequestEntityTooLarge, wordInvalid, errLarge}
	}
	return buf.Bytes(), nil
}

// readStatus is how a body is answered that could not be read.
func readStatus(err error) int {
	var told caddyhttp.HandlerError // by gw_client
	var large *http.MaxBytesError   // by Caddy's request_body
	var timeout net.Error
	switch {
	case errors.As(err, &told) && told.StatusCode >= 400 && told.StatusCode < 500:
		return told.StatusCode
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	case errors.As(err, &timeout) && timeout.Timeout():
		return http.StatusRequestTimeout
	}
	return http.StatusBadRequest // broken chunks, a body shorter than announced, a client that went away
}

func newRoom() *gate.Gate { return gate.New(bodyMemory) }
