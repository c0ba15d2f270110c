package reframe

import (
	"bytes"
	"io"
)

// Value holds a part's value whole, to change it at its end.
type Value struct {
	dst    io.Writer
	max    int
	change func([]byte) ([]byte, error)
	held   bytes.Buffer
}

// NewValue changes a value of at most max bytes by change, and writes what comes of it to dst.
func NewValue(dst io.Writer, max int, change func([]byte) ([]byte, error)) *Value {
	return &Value{dst: dst, max: max, change: change}
}

// Write implements io.Writer.
func (v *Value) Write(p []byte) (int, error) {
	if v.held.Len()+len(p) > v.max {
		return 0, &Error{"a value is too long"}
	}
	return v.held.Write(p)
}

// Close changes the value.
func (v *Value) Close() error {
	b, err := v.change(v.held.Bytes())
	if err != nil {
		return err
	}
	_, err = v.dst.Write(b)
	return err
}
