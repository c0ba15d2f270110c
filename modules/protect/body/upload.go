package body

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/convosphere/gateway/modules/protect/field"
	"github.com/convosphere/gateway/modules/protect/reframe"
	"github.com/convosphere/gateway/modules/protect/stream"
)

// Sealing says how a request's body is encrypted.
type Sealing struct {
	// New begins the encrypted stream.
	New func(dst io.Writer) (io.WriteCloser, error)

	// Parts are the names of form fields that may be the file. Empty: any.
	Parts []string
}

// Why a body is refused. The client is to blame for all of them.
var (
	ErrSent     = errors.New("the client sent what only the gateway makes")
	ErrEncoded  = errors.New("the body is encoded, or a part of one")
	ErrManyFile = errors.New("the form has more than one file, or one in another field")
)

// Upload is a request's body that is encrypted while the back end takes it.
type Upload struct {
	src io.Closer
	r   io.Reader

	mu    sync.Mutex // the proxy may still read while its answer is there
	fault error
}

// describesBody are headers of requests and answers that speak of the body as it came.
var describesBody = []string{"Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Want-Digest", "Trailer"}

// Seal puts the encrypted body in the place of the request's. The request must be the caller's own copy, its header too.
func Seal(r *http.Request, s Sealing) (*Upload, error) {
	h := r.Header
	for _, e := range h["Content-Encoding"] {
		if e = strings.TrimSpace(e); e != "" && !strings.EqualFold(e, "identity") {
			return nil, ErrEncoded
		}
	}
	if len(h["Content-Range"]) > 0 {
		return nil, ErrEncoded
	}
	for _, name := range describesBody {
		delete(h, name)
	}
	body := r.Body
	if body == nil {
		body = http.NoBody
	}
	u := &Upload{src: body}
	if err := u.begin(r, body, s); err != nil {
		return nil, err
	}
	r.Body, r.GetBody, r.Trailer = u, nil, nil
	if delete(h, "Content-Length"); r.ContentLength >= 0 {
		h["Content-Length"] = []string{strconv.FormatInt(r.ContentLength, 10)}
	}
	return u, nil
}

func (u *Upload) begin(r *http.Request, body io.Reader, s Sealing) error {
	types := r.Header["Content-Type"]
	if len(types) > 1 {
		return &reframe.Error{Reason: "the Content-Type is given twice"}
	}
	if len(types) == 0 || !isForm(types[0]) {
		u.r = &whole{src: body, begin: s.New}
		if r.ContentLength >= 0 {
			r.ContentLength = stream.SealedSize(r.ContentLength)
		}
		return nil
	}
	form, err := reframe.New(body, types[0], s.treat())
	if err != nil {
		return err
	}
	u.r, r.ContentLength = form, -1
	r.Header["Content-Type"] = []string{form.ContentType()}
	return nil
}

// isForm tells whether a type is a form, or could be read as one.
func isForm(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return t == "multipart/form-data" || err != nil && strings.Contains(strings.ToLower(contentType), "multipart")
}

// treat encrypts the file of a form. A second one would be sealed for the same place, where either could be put for the other.
func (s Sealing) treat() reframe.Treat {
	had := false
	return func(p *reframe.Part, dst io.Writer) (io.WriteCloser, error) {
		if field.IsToken(p.Name) || field.IsToken(p.File) || field.IsToken(p.Type) {
			return nil, ErrSent
		}
		if !p.IsFile {
			return &guarded{dst: dst}, nil
		}
		if had || len(s.Parts) > 0 && !slices.Contains(s.Parts, p.Name) {
			return nil, ErrManyFile
		}
		had = true
		w, err := s.New(dst)
		if err != nil {
			return nil, err
		}
		return stream.NewFresh(w), nil
	}
}

// guarded passes a form's field on that holds no token.
type guarded struct {
	dst   io.Writer
	guard field.Guard
}

func (g *guarded) Write(p []byte) (int, error) {
	if g.guard.Write(p) {
		return 0, ErrSent
	}
	return g.dst.Write(p)
}

func (*guarded) Close() error { return nil }

// Read implements io.Reader.
func (u *Upload) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err != nil && err != io.EOF {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.fault = err
	}
	return n, err
}

// Close implements io.Closer.
func (u *Upload) Close() error { return u.src.Close() }

// Fault is why the body ended before its end; nil where it did not.
func (u *Upload) Fault() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.fault
}

// whole is a body that is the file.
type whole struct {
	src   io.Reader
	begin func(io.Writer) (io.WriteCloser, error)
	sink  *stream.Fresh
	out   bytes.Buffer
	chunk []byte
	err   error
}

// Read implements io.Reader.
func (b *whole) Read(p []byte) (int, error) {
	for b.out.Len() == 0 {
		if b.err != nil {
			return 0, b.err
		}
		b.err = b.more()
	}
	return b.out.Read(p)
}

func (b *whole) more() error {
	if b.sink == nil {
		w, err := b.begin(&b.out)
		if err != nil {
			return err
		}
		b.sink, b.chunk = stream.NewFresh(w), make([]byte, 32<<10)
	}
	n, err := b.src.Read(b.chunk)
	if _, werr := b.sink.Write(b.chunk[:n]); werr != nil {
		return werr
	}
	if err != io.EOF {
		return err
	}
	if err := b.sink.Close(); err != nil {
		return fmt.Errorf("ending a file: %w", err)
	}
	return io.EOF
}
