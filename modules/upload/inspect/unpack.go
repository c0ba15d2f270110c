package inspect

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"path"
	"strings"
)

// archive tells the types that are looked into.
func archive(kind string) bool {
	switch kind {
	case typeTar, typeGzip, typeBzip2, typeZstd:
		return true
	}
	return zipped(kind)
}

// compressed is a reader of what a decoder gives: all that comes out of all decoders of a file is held against its limits.
type compressed struct {
	t     *task
	r     io.Reader
	depth int
	slow  bool // bzip2, whose decoder takes many times as long as others: a quarter of the bytes is the most
}

// Read implements io.Reader.
func (c *compressed) Read(p []byte) (int, error) {
	t := c.t
	n, err := c.r.Read(p)
	t.unpacked += int64(n)
	if c.slow {
		t.slowly += int64(n)
	}
	switch {
	case t.slowly > (t.limits.Bytes+t.whole)/4:
		return 0, t.enough(ArchiveSize, c.depth, "an archive unpacks to too many bytes, slowly")
	case t.unpacked > t.limits.Bytes+t.whole:
		return 0, t.enough(ArchiveSize, c.depth, "an archive unpacks to too many bytes")
	case t.unpacked > freeRatio && t.unpacked/max(1, t.whole) > t.limits.Ratio:
		return 0, t.enough(ArchiveRatio, c.depth, "an archive unpacks to too many times its size")
	}
	if err != nil && err != io.EOF {
		err = t.broken(err)
	}
	return n, err
}

// entry counts one of an archive.
func (t *task) entry(depth int) error {
	if t.entries++; t.entries > t.limits.Entries {
		return t.enough(ArchiveCount, depth, "an archive of too many entries")
	}
	return t.ctx.Err()
}

// archive looks into one. What is malformed is found, not failed.
func (t *task) archive(f File, kind string, dir *directory, depth int) error {
	if depth >= t.limits.Depth {
		t.find(ArchiveDepth, depth, "archives within archives")
		return nil
	}
	var err error
	switch {
	case dir != nil:
		err = t.zip(f, dir, depth)
	case kind == typeTar:
		err = t.tar(f, depth)
	default:
		err = t.stream(f, kind, depth)
	}
	if errors.Is(err, errMalformed) || errors.Is(err, errShort) {
		t.find(ArchiveBroken, depth, "an archive that is malformed, or that programs read differently")
		return nil
	}
	return err
}

// unpackedFile looks at a file that comes out of an archive in a stream, to its end. What must be read at random goes to a spool.
func (t *task) unpackedFile(name string, r io.Reader, depth int) error {
	in := bufio.NewReaderSize(r, headSize)
	head, err := in.Peek(headSize)
	if err != nil && err != io.EOF {
		return err
	}
	kind := detect(head)
	f := File{}
	if name != "" {
		f.Name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	}
	if !t.looksInto(kind) {
		t.types(f, kind, depth)
		_, err := io.Copy(io.Discard, in)
		return err
	}
	return t.spooled(f, in, depth)
}

// looksInto tells the types of which more than the head is read.
func (t *task) looksInto(kind string) bool {
	return archive(kind) || raster(kind) || markup(kind) || kind == typePDF || ole(kind) || kind == typeRTF
}

const inMemory = 64 << 10

// spooled looks at a file that is read to its end first.
func (t *task) spooled(f File, r io.Reader, depth int) (err error) {
	var small bytes.Buffer
	n, err := io.CopyN(&small, r, inMemory)
	if err == io.EOF {
		f.Content, f.Size = bytes.NewReader(small.Bytes()), n
		_, err = t.file(f, depth)
		return err
	}
	if err != nil {
		return err
	}
	s, err := t.limits.Spool(t.ctx)
	if err != nil {
		t.failed = err
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	rest, err := io.Copy(&sink{t, s}, io.MultiReader(&small, r))
	if err != nil {
		return err
	}
	f.Content, f.Size = s, rest
	_, err = t.file(f, depth)
	return err
}

// sink keeps what went wrong with a spool: it says nothing of the file.
type sink struct {
	t *task
	w io.Writer
}

// Write implements io.Writer.
func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		s.t.failed = err
	}
	return n, err
}
