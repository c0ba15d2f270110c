package inspect

import (
	"bytes"
	"io"

	"github.com/klauspost/compress/zlib"
)

const (
	maxPieces = 1 << 20 // chunks, segments or boxes of an image
	maxText   = 8 << 20 // that a compressed text or profile of a PNG unpacks to
)

// png looks at the chunks of a PNG.
func (p *picture) png() error {
	animated := false
	end, err := p.chunks(func(kind string, off, n int64) error {
		switch kind {
		case "IHDR", "acTL", "fcTL":
			return p.pngFrame(kind, off, n, &animated)
		case "iCCP", "zTXt", "iTXt":
			return p.pngText(kind, off, n)
		}
		return nil
	})
	p.end = end
	return err
}

// chunks calls back for each chunk of a PNG (W3C PNG, third edition) with where its data lies, and tells where the image ends.
func (w *window) chunks(each func(kind string, off, n int64) error) (end int64, err error) {
	off := int64(8)
	for i := range maxPieces {
		head, err := w.at(off, 8)
		if err != nil {
			return 0, err
		}
		n, kind := int64(be.Uint32(head)), string(head[4:8])
		if (kind == "IHDR") != (i == 0) || n > w.size-off-12 || kind == "IEND" && n != 0 {
			return 0, errMalformed
		}
		if err := each(kind, off+8, n); err != nil {
			return 0, err
		}
		if off += 12 + n; kind == "IEND" {
			return off, nil
		}
	}
	return 0, errMalformed
}

func (p *picture) pngFrame(kind string, off, n int64, animated *bool) error {
	want := map[string]int{"IHDR": 13, "acTL": 8, "fcTL": 26}[kind]
	if n != int64(want) {
		return errMalformed
	}
	b, err := p.at(off, want)
	if err != nil {
		return err
	}
	switch kind {
	case "IHDR":
		p.frame(int64(be.Uint32(b)), int64(be.Uint32(b[4:])))
	case "acTL":
		*animated = true
	case "fcTL":
		if *animated && !p.frame(int64(be.Uint32(b[4:])), int64(be.Uint32(b[8:]))) {
			return nil
		}
	}
	return nil
}

// pngText looks at how much a compressed text unpacks to: libraries read it with the image.
func (p *picture) pngText(kind string, off, n int64) error {
	head, err := p.at(off, int(min(n, 4<<10)))
	if err != nil {
		return err
	}
	name := bytes.IndexByte(head, 0)
	if name < 0 || name > 79 {
		return errMalformed
	}
	at := name + 2 // after the compression method
	if kind == "iTXt" {
		if len(head) < name+3 {
			return errMalformed
		}
		if head[name+1] == 0 {
			return nil // not compressed
		}
		at = name + 3
		for range 2 { // language and translated keyword
			i := bytes.IndexByte(head[min(at, len(head)):], 0)
			if i < 0 {
				return errMalformed
			}
			at += i + 1
		}
	}
	if int64(at) > n {
		return errMalformed
	}
	z, err := zlib.NewReader(p.t.reader(p.f, off+int64(at), n-int64(at)))
	if err != nil {
		return p.t.broken(err)
	}
	defer func() { _ = z.Close() }() // it was only read
	got, err := io.Copy(io.Discard, io.LimitReader(&compressed{p.t, z, p.depth, false}, maxText+1))
	if got > maxText {
		p.t.find(ImageSize, p.depth, "metadata of an image unpacks to too much")
		return nil
	}
	if err != nil {
		return p.t.broken(err)
	}
	return nil
}
