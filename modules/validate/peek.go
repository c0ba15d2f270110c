package validate

import (
	"bytes"
	"io"
	"net/http"
)

// peeked is a body whose first bytes were read.
type peeked struct {
	io.ReadCloser
	first []byte
}

// Read implements io.Reader.
func (p *peeked) Read(b []byte) (int, error) {
	if len(p.first) == 0 {
		return p.ReadCloser.Read(b)
	}
	n := copy(b, p.first)
	p.first = p.first[n:]
	return n, nil
}

// peekBytes is how much space may stand before the first sign.
const peekBytes = 512

// peek reads the first bytes of a body, to tell whether it is empty: without a length nothing else does.
func peek(r *http.Request) (empty bool, err error) {
	buf := make([]byte, peekBytes)
	n, err := io.ReadAtLeast(r.Body, buf, 1)
	if err == io.EOF {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	r.Body = &peeked{r.Body, buf[:n]}
	return false, nil
}

// mark is a byte order mark in UTF-8, which some readers pass over.
var mark = []byte("\xef\xbb\xbf")

// firstByte is the first that is no white space of a body that was peeked at; 0 where it is not among what was read.
func firstByte(r *http.Request) byte {
	p, ok := r.Body.(*peeked)
	if !ok {
		return 0
	}
	rest := bytes.TrimLeft(bytes.TrimPrefix(p.first, mark), " \t\r\n")
	if len(rest) == 0 {
		return 0
	}
	return rest[0]
}
