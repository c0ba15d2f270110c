// Package kept is the body of a request that was read, wholly or in part, and is read once more by whoever comes next.
package kept

import (
	"bytes"
	"io"
)

// Body is what was read, then what is left on the connection.
type Body struct {
	text  *bytes.Reader // nil once it was read again
	rest  io.ReadCloser
	leave func()
}

// New makes a body. leave, which may be called more than once, gives back the room that text takes, once it was read again, or at the end.
func New(text []byte, rest io.ReadCloser, leave func()) *Body {
	return &Body{bytes.NewReader(text), rest, leave}
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
	if b.text != nil {
		if n, err := b.text.Read(p); err == nil {
			return n, nil
		}
		b.text = nil
		b.leave()
	}
	return b.rest.Read(p)
}

// Close implements io.Closer.
func (b *Body) Close() error {
	b.leave()
	return b.rest.Close()
}
