package stream

import (
	"errors"
	"io"
)

// ErrSealed says that what should be encrypted is an encrypted stream already: somebody sends what they can't have made.
var ErrSealed = errors.New("it is an encrypted stream already")

// Fresh passes on what does not begin as an encrypted stream does.
type Fresh struct {
	dst  io.WriteCloser
	held []byte // of the beginning, while it can't be told
	told bool
}

// NewFresh passes on to dst.
func NewFresh(dst io.WriteCloser) *Fresh { return &Fresh{dst: dst} }

// Write implements io.Writer.
func (f *Fresh) Write(p []byte) (int, error) {
	if f.told {
		return f.dst.Write(p)
	}
	take := min(len(p), MagicSize-len(f.held))
	f.held = append(f.held, p[:take]...)
	if couldBe(f.held) {
		if len(f.held) == MagicSize {
			return take, ErrSealed
		}
		return take, nil // which is all of p
	}
	if err := f.tell(); err != nil {
		return take, err
	}
	n, err := f.dst.Write(p[take:])
	return take + n, err
}

func (f *Fresh) tell() error {
	f.told = true
	_, err := f.dst.Write(f.held)
	return err
}

// Close passes on what was held, and closes what is below.
func (f *Fresh) Close() error {
	if !f.told {
		if err := f.tell(); err != nil {
			return err
		}
	}
	return f.dst.Close()
}
