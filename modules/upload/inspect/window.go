package inspect

import (
	"context"
	"errors"
	"io"
)

// errShort says that a file ends where it says that more comes. It is no error of reading: the file is malformed.
var errShort = errors.New("the file ends early")

// window reads a file here and there, holding one piece of it.
type window struct {
	ctx  context.Context
	src  io.ReaderAt
	size int64
	buf  [16 << 10]byte
	off  int64
	n    int
}

func (t *task) window(f File) *window { return &window{ctx: t.ctx, src: f.Content, size: f.Size} }

// at is n bytes at an offset, valid until the next call; n is at most the window's length.
func (w *window) at(off int64, n int) ([]byte, error) {
	if off < 0 || off > w.size || w.size-off < int64(n) {
		return nil, errShort
	}
	if off < w.off || off+int64(n) > w.off+int64(w.n) {
		if err := w.fill(off); err != nil {
			return nil, err
		}
	}
	i := int(off - w.off)
	return w.buf[i : i+n], nil
}

// rest is what there is in one piece from an offset on, nothing at the end.
func (w *window) rest(off int64) ([]byte, error) {
	if off < 0 || off > w.size {
		return nil, errShort
	}
	if off < w.off || off >= w.off+int64(w.n) {
		if err := w.fill(off); err != nil {
			return nil, err
		}
	}
	return w.buf[off-w.off : w.n], nil
}

func (w *window) fill(off int64) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	n := int(min(int64(len(w.buf)), w.size-off))
	w.off, w.n = off, 0
	if err := readAt(w.src, w.buf[:n], off); err != nil {
		return err
	}
	w.n = n
	return nil
}

// reader reads a part of a file from its beginning, and ends with the task's context.
func (t *task) reader(f File, off, n int64) io.Reader {
	return &reader{t, io.NewSectionReader(f.Content, off, n)}
}

// reader keeps what went wrong with reading, which decoders mix with what they say of the file.
type reader struct {
	t *task
	r io.Reader
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.t.failed == nil {
		r.t.failed = r.t.ctx.Err()
	}
	if r.t.failed != nil {
		return 0, r.t.failed
	}
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		r.t.failed = err
	}
	return n, err
}

// broken tells what a decoder says of a file from what went wrong with reading it.
func (t *task) broken(err error) error {
	if t.failed != nil {
		return t.failed
	}
	if errors.Is(err, errEnough) {
		return err
	}
	return errMalformed
}
