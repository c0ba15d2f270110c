package form

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

const window = 32 << 10

// Limits of a form. A field that is 0 has its default.
type Limits struct {
	Parts int // default 1000
	Head  int // bytes of one part's header, default 8 KiB, at most 16 KiB
}

// Part is one field or file. It is read before the next one is asked for.
type Part struct {
	Name     string // of the field
	File     bool   // it has a file name, maybe an empty one: a browser's input without a choice, whose content is empty
	Filename string
	Type     string // its Content-Type in lower case, without parameters; empty where it has none
	Charset  string // of that, in lower case
	Head     []byte // its header as it came, lines that end in CRLF, without the empty one
	Offset   int64  // where in the body its content begins

	r      *Reader
	length int64 // that its own header claims, -1 without
	size   int64
}

// Reader reads a form.
type Reader struct {
	body   *counter
	src    *bufio.Reader // of body
	needle []byte        // "--" and the boundary
	limits Limits
	parts  int
	part   *Part // not read to its end
	err    error // stays
}

// NewReader reads a form whose boundary BoundaryOf has told.
func NewReader(body io.Reader, boundary string, l Limits) *Reader {
	if l.Parts <= 0 {
		l.Parts = 1000
	}
	if l.Head <= 0 {
		l.Head = 8 << 10
	}
	l.Head = min(l.Head, window/2)
	counted := &counter{r: body}
	return &Reader{body: counted, src: bufio.NewReaderSize(counted, window), needle: []byte("--" + boundary), limits: l}
}

// Next is the next part, io.EOF after the last, an *Error where the form is refused; other errors are those of the body. What is left of
// the part before is read and checked.
func (r *Reader) Next() (*Part, error) {
	if r.err == nil && r.part != nil {
		_, err := io.Copy(io.Discard, r.part)
		r.fail(err)
	}
	if r.err == nil {
		p, err := r.next()
		r.part = p
		r.fail(err)
	}
	if r.err != nil {
		return nil, r.err
	}
	return r.part, nil
}

func (r *Reader) fail(err error) {
	if r.err == nil && err != nil {
		r.err = early(err)
	}
}

// early tells the end of the body, which may not be here, from its errors.
func early(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse(Truncated, "the body ends early")
	}
	return err
}

func (r *Reader) next() (*Part, error) {
	if r.parts == 0 { // else the part before has read its delimiter
		start, err := r.src.Peek(len(r.needle))
		if err != nil && err != io.EOF {
			return nil, err
		}
		if !bytes.Equal(start, r.needle) {
			return nil, refuse(Preamble, "the body does not begin with its boundary")
		}
		_, _ = r.src.Discard(len(r.needle)) // it was peeked
	}
	last, err := r.delimiter()
	if err != nil {
		return nil, err
	}
	if last {
		return nil, r.end()
	}
	if r.parts++; r.parts > r.limits.Parts {
		return nil, refuse(Parts, "too many parts")
	}
	raw, err := r.head()
	if err != nil {
		return nil, err
	}
	p := &Part{r: r, Offset: r.body.n - int64(r.src.Buffered())}
	return p, p.head(raw)
}

// counter counts what was read.
type counter struct {
	r io.Reader
	n int64
}

// Read implements io.Reader.
func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

// delimiter reads what follows the boundary.
func (r *Reader) delimiter() (last bool, err error) {
	var two [2]byte
	if _, err := io.ReadFull(r.src, two[:]); err == io.EOF {
		return false, io.ErrUnexpectedEOF
	} else if err != nil {
		return false, err
	}
	switch string(two[:]) {
	case "\r\n":
		return false, nil
	case "--":
		if r.parts == 0 {
			return false, refuse(Parts, "the form has no part")
		}
		return true, nil
	}
	return false, refuse(Delimiter, "something follows a boundary on its line")
}

// end reads what follows the last delimiter: nothing, or the end of its line.
func (r *Reader) end() error {
	rest, err := r.src.Peek(3)
	if err == nil || err == io.EOF && len(rest) > 0 && string(rest) != "\r\n" {
		return refuse(Epilogue, "something follows the last boundary")
	}
	return err // io.EOF is the end
}

// head reads the header of a part and the empty line after it.
func (r *Reader) head() ([]byte, error) {
	var head []byte
	for {
		line, err := r.src.ReadSlice('\n')
		if len(head)+len(line) > r.limits.Head || errors.Is(err, bufio.ErrBufferFull) {
			return nil, refuse(HeaderSize, "the header of a part is too long")
		}
		if err == io.EOF {
			return nil, io.ErrUnexpectedEOF
		} else if err != nil {
			return nil, err
		}
		if string(line) == "\r\n" {
			return head, nil
		}
		if len(line) < 2 || line[len(line)-2] != '\r' {
			return nil, refuse(Header, "a header line does not end in CRLF")
		}
		head = append(head, line...)
	}
}
