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

// png reads the chunks of a PNG that begins at an offset (W3C PNG, third edition).
func (p *picture) png(start int64) error {
	off, animated := start+8, false
	for i := range maxPieces {
		head, err := p.at(off, 8)
		if err != nil {
			return err
		}
		n, kind := int64(be.Uint32(head)), string(head[4:8])
		if (kind == "IHDR") != (i == 0) || n > p.size-off-12 {
			return errMalformed
		}
		switch kind {
		case "IHDR", "acTL", "fcTL":
			if err := p.pngFrame(kind, off+8, n, &animated); err != nil {
				return err
			}
		case "iCCP", "zTXt", "iTXt":
			if err := p.pngText(kind, off+8, n); err != nil {
				return err
			}
		case "IEND":
			p.end = off + 12 + n
			if n != 0 {
				return errMalformed
			}
			return nil
		}
		off += 12 + n
	}
	return errMalformed
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
	got, err := io.Copy(io.Discard, io.LimitReader(z, maxText+1))
	if got > maxText {
		p.t.find(ImageSize, p.depth, "metadata of an image unpacks to too much")
		return nil
	}
	if err != nil {
		return p.t.broken(err)
	}
	return nil
}
