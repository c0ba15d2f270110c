package inspect

import (
	"bytes"
	"errors"
)

// jpegs looks at a JPEG and the ones that follow it.
func (p *picture) jpegs() error {
	sizes := 0
	end, err := p.segments(func(marker byte, off, n int64) error {
		switch {
		case marker == 0xd8:
			sizes = 0
		case marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc:
			b, err := p.at(off, 5)
			if err != nil {
				return err
			}
			if sizes++; sizes > 1 { // which of them a decoder takes is its own choice
				return errMalformed
			}
			p.frame(int64(be.Uint16(b[3:])), int64(be.Uint16(b[1:])))
		}
		return nil
	})
	p.end = end
	return err
}

// segments calls back for each segment, with where its data lies, of a JPEG and of the ones that follow it, as cameras append previews
// (CIPA DC-007), each begun by a marker of 0xd8. It tells where the last one ends.
func (w *window) segments(each func(marker byte, off, n int64) error) (end int64, err error) {
	off := int64(0)
	for range 16 {
		next, err := w.jpeg(off, each)
		if err != nil {
			if off > 0 && (errors.Is(err, errMalformed) || errors.Is(err, errShort)) {
				return end, nil // what only begins like one is no image that a viewer shows
			}
			return 0, err
		}
		end, off = next, next
		for { // padding between them
			b, err := w.rest(off)
			if err != nil {
				return 0, err
			}
			k := len(b) - len(bytes.TrimLeft(b, "\x00"))
			off += int64(k)
			if k == 0 || k < len(b) {
				break
			}
		}
		b, err := w.at(off, 3)
		if errors.Is(err, errShort) || err == nil && string(b) != "\xff\xd8\xff" {
			return end, nil
		} else if err != nil {
			return 0, err
		}
	}
	return end, nil
}

// jpeg reads the segments of one (ITU-T T.81, annex B), and tells where it ends.
func (w *window) jpeg(off int64, each func(marker byte, off, n int64) error) (end int64, err error) {
	if err := each(0xd8, off+2, 0); err != nil {
		return 0, err
	}
	off += 2
	for range maxPieces {
		b, err := w.at(off, 2)
		if err != nil {
			return 0, err
		}
		marker := b[1]
		switch {
		case b[0] != 0xff || marker == 0 || marker == 0xd8:
			return 0, errMalformed
		case marker == 0xff: // fill
			off++
			continue
		case marker == 0xd9:
			return off + 2, nil
		case marker == 0x01 || marker >= 0xd0 && marker <= 0xd7:
			off += 2
			continue
		}
		if b, err = w.at(off, 4); err != nil {
			return 0, err
		}
		n := int64(be.Uint16(b[2:]))
		if n < 2 || n > w.size-off-2 {
			return 0, errMalformed
		}
		if err := each(marker, off+4, n-2); err != nil {
			return 0, err
		}
		off += 2 + n
		if marker == 0xda {
			if off, err = w.entropy(off); err != nil {
				return 0, err
			}
		}
	}
	return 0, errMalformed
}

// entropy skips coded data, which ends at a marker that is none of its own.
func (w *window) entropy(off int64) (int64, error) {
	for {
		b, err := w.rest(off)
		if err != nil {
			return 0, err
		}
		if len(b) == 0 {
			return 0, errShort
		}
		i := bytes.IndexByte(b, 0xff)
		if i < 0 {
			off += int64(len(b))
			continue
		}
		off += int64(i)
		if b, err = w.at(off, 2); err != nil {
			return 0, err
		}
		if m := b[1]; m != 0 && (m < 0xd0 || m > 0xd7) {
			return off, nil
		}
		off += 2
	}
}
