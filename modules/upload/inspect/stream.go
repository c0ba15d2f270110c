package inspect

import (
	"archive/tar"
	"bufio"
	"compress/bzip2"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// stream looks into a file that is one compressed stream.
func (t *task) stream(f File, kind string, depth int) error {
	if err := t.entry(depth); err != nil {
		return err
	}
	in, name := bufio.NewReader(t.reader(f, 0, f.Size)), strings.TrimSuffix(f.Name, path.Ext(f.Name))
	var out io.Reader
	switch kind {
	case typeGzip:
		z, err := gzip.NewReader(in)
		if err != nil {
			return t.broken(err)
		}
		if z.Name != "" {
			if detail := entryName(z.Name); detail != "" {
				t.find(ArchivePath, depth, detail)
			}
			name = z.Name
		}
		out = z
	case typeBzip2:
		out = bzip2.NewReader(in)
	case typeZstd:
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			return t.broken(err)
		}
		defer z.Close()
		out = z
	}
	return t.unpackedFile(name, &compressed{t, out, depth, kind == typeBzip2}, depth+1)
}

// tar looks into a tape archive.
func (t *task) tar(f File, depth int) error {
	in := bufio.NewReaderSize(t.reader(f, 0, f.Size), 32<<10)
	r, seen := tar.NewReader(in), newSet()
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return t.broken(err)
		}
		if err := t.entry(depth); err != nil {
			return err
		}
		if err := t.tarEntry(h, r, seen, depth); err != nil {
			return err
		}
	}
	for { // some programs read on after the end
		b, err := in.ReadByte()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return t.broken(err)
		}
		if b != 0 {
			return errMalformed
		}
	}
}

func (t *task) tarEntry(h *tar.Header, r io.Reader, seen *set, depth int) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	if detail := entryName(h.Name); detail != "" {
		t.find(ArchivePath, depth, detail)
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
		if !seen.add(h.Name) {
			return errMalformed
		}
		// A sparse file is longer than what the archive has of it.
		return t.unpackedFile(h.Name, &compressed{t, r, depth, false}, depth+1)
	case tar.TypeDir:
		return nil
	}
	t.find(ArchiveLink, depth, "an archive with links or devices")
	return nil
}
