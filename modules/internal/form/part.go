package form

import (
	"bytes"
	"io"
)

// Read implements io.Reader: io.EOF only where the part ends in a delimiter that every parser takes for one.
func (p *Part) Read(b []byte) (int, error) {
	r := p.r
	if r.err != nil {
		return 0, r.err
	}
	if r.part != p {
		return 0, io.EOF
	}
	if len(b) == 0 {
		return 0, nil
	}
	n, err := p.read(b)
	p.size += int64(n)
	if n > 0 && p.File && p.Filename == "" {
		err = refuse(Filename, "a file without a name has content") // a field for some, a file for others
		n = 0
	}
	if err == io.EOF {
		r.part = nil
		if p.length >= 0 && p.length != p.size {
			err = refuse(Length, "a part's Content-Length is not its length")
		}
	}
	if err != nil && err != io.EOF {
		r.fail(err)
		return n, r.err
	}
	return n, err
}

// read gives what surely lies before the next delimiter.
func (p *Part) read(b []byte) (int, error) {
	src, needle := p.r.src, p.r.needle
	hold := len(needle) + 2 // with the CRLF before it
	have := max(src.Buffered(), hold)
	buf, peekErr := src.Peek(have)
	if len(buf) == hold && peekErr == nil { // what one read brought is all here now
		buf, _ = src.Peek(src.Buffered())
	}
	at := bytes.Index(buf, needle)
	switch {
	case at < 0 && peekErr == io.EOF:
		return 0, io.ErrUnexpectedEOF
	case at < 0 && peekErr != nil:
		return 0, peekErr
	case at < 0:
		n := copy(b, buf[:len(buf)-hold+1])
		_, _ = src.Discard(n) // it was peeked
		return n, nil
	case at < 2 || string(buf[at-2:at]) != "\r\n":
		return 0, refuse(Delimiter, "a boundary stands where only some parsers see it")
	case at == 2:
		_, _ = src.Discard(2 + len(needle))
		return 0, io.EOF
	}
	n := copy(b, buf[:at-2])
	_, _ = src.Discard(n)
	return n, nil
}
