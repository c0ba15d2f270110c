package reframe

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
)

// Error says what is wrong with a form. It holds nothing of it.
type Error struct{ Reason string }

// Error implements error.
func (e *Error) Error() string { return e.Reason }

const (
	maxParts = 1000
	maxHead  = 64 << 10 // bytes before a part's value, and before the first part
	chunk    = 32 << 10
)

// Treat says what becomes of a part: what it returns takes the value, and writes to dst what goes to the back end in its place. It is closed at the
// value's end. nil passes the value on as it is. An error ends the form.
type Treat func(p *Part, dst io.Writer) (io.WriteCloser, error)

// Form is the changed form, to be read.
type Form struct {
	src      *budget
	parts    *multipart.Reader
	treat    Treat
	boundary string
	out      bytes.Buffer
	part     *multipart.Part // that is being read
	sink     io.WriteCloser  // of its value; nil: as it is
	count    int
	buf      []byte
	err      error
}

// New reads a form from body as its Content-Type says.
func New(body io.Reader, contentType string, treat Treat) (*Form, error) {
	t, params, err := mime.ParseMediaType(contentType)
	if err != nil || t != "multipart/form-data" {
		return nil, &Error{"the body is no multipart/form-data"}
	}
	if b := params["boundary"]; b == "" || len(b) > 70 {
		return nil, &Error{"the form's boundary is missing or too long"}
	}
	src := &budget{r: body}
	return &Form{src: src, parts: multipart.NewReader(src, params["boundary"]), treat: treat, boundary: "gw" + rand.Text(), buf: make([]byte, chunk)}, nil
}

// ContentType is that of the changed form.
func (f *Form) ContentType() string { return "multipart/form-data; boundary=" + f.boundary }

// Read implements io.Reader. Its error is an *Error where the form is to blame, one of Treat's, or one of the body's.
func (f *Form) Read(p []byte) (int, error) {
	for f.out.Len() == 0 {
		if f.err != nil {
			return 0, f.err
		}
		if f.part == nil {
			f.err = f.next()
		} else {
			f.err = f.more()
		}
	}
	return f.out.Read(p)
}

// next begins a part.
func (f *Form) next() error {
	f.src.allow(maxHead)
	raw, err := f.parts.NextRawPart()
	switch {
	case err == io.EOF: // nothing else is: an end that comes too early is wrapped
		fmt.Fprintf(&f.out, "--%s--\r\n", f.boundary)
		return io.EOF
	case err != nil:
		return f.src.blame(err, "the form is malformed or cut off")
	}
	f.src.lift()
	if f.count++; f.count > maxParts {
		return &Error{"the form has too many parts"}
	}
	p, err := readPart(raw)
	if err != nil {
		return err
	}
	fmt.Fprintf(&f.out, "--%s\r\n", f.boundary)
	p.write(&f.out)
	f.part = raw
	f.sink, err = f.treat(p, &f.out)
	return err
}

// more reads on in a part's value.
func (f *Form) more() error {
	n, err := f.part.Read(f.buf)
	if n > 0 {
		if werr := f.pass(f.buf[:n]); werr != nil {
			return werr
		}
	}
	switch {
	case err == nil:
		return nil
	case err != io.EOF:
		return f.src.blame(err, "the form is cut off")
	}
	if f.sink != nil {
		if err := f.sink.Close(); err != nil {
			return err
		}
	}
	f.out.WriteString("\r\n")
	f.part, f.sink = nil, nil
	return nil
}

func (f *Form) pass(b []byte) error {
	if f.sink == nil {
		_, _ = f.out.Write(b) // memory takes everything
		return nil
	}
	_, err := f.sink.Write(b)
	return err
}

// budget bounds what is read for heads, and tells errors of the body from those of the form.
type budget struct {
	r       io.Reader
	bounded bool
	left    int
	err     error
}

var errHead = &Error{"a part's head is too long"}

func (b *budget) allow(n int) { b.bounded, b.left = true, n }
func (b *budget) lift()       { b.bounded = false }

// Read implements io.Reader.
func (b *budget) Read(p []byte) (int, error) {
	if b.bounded {
		if b.left <= 0 {
			b.err = errHead
			return 0, errHead
		}
		p = p[:min(len(p), b.left)]
	}
	n, err := b.r.Read(p)
	b.left -= n
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// blame is the body's own error, where it had one; else the form is to blame.
func (b *budget) blame(err error, reason string) error {
	var own *Error
	switch {
	case b.err != nil:
		return b.err
	case errors.As(err, &own):
		return own
	}
	return &Error{reason}
}
