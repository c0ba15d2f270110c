package inspect

import (
	"bytes"
	"errors"
)

// jpegs reads a JPEG and the ones that follow it, as cameras append previews (CIPA DC-007).
func (p *picture) jpegs() error {
	off := int64(0)
	for range 16 {
		end, err := p.jpeg(off)
		if err != nil {
			if off > 0 && (errors.Is(err, errMalformed) || errors.Is(err, errShort)) { // what only begins like one is no image that a viewer shows
				return nil
			}
			return err
		}
		p.end, off = end, end
		for { // padding between them
			b, err := p.rest(off)
			if err != nil {
				return err
			}
			k := len(b) - len(bytes.TrimLeft(b, "\x00"))
			off += int64(k)
			if k == 0 || k < len(b) {
				break
			}
		}
		if b, err := p.at(off, 3); err != nil || string(b) != "\xff\xd8\xff" {
			return nil
		}
	}
	return nil
}

// jpeg reads the segments of one (ITU-T T.81, annex B), and tells where it ends.
func (p *picture) jpeg(off int64) (end int64, err error) {
	off += 2
	sizes := 0
	for range maxPieces {
		b, err := p.at(off, 2)
		if err != nil {
			return 0, err
		}
		if b[0] != 0xff {
			return 0, errMalformed
		}
		marker := b[1]
		switch {
		case marker == 0xff: // fill
			off++
			continue
		case marker == 0xd9:
			return off + 2, nil
		case marker == 0x01 || marker >= 0xd0 && marker <= 0xd7:
			off += 2
			continue
		case marker == 0 || marker == 0xd8:
			return 0, errMalformed
		}
		if b, err = p.at(off, 4); err != nil {
			return 0, err
		}
		n := int64(be.Uint16(b[2:]))
		if n < 2 {
			return 0, errMalformed
		}
		if marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc {
			if b, err = p.at(off, 9); err != nil {
				return 0, err
			}
			if sizes++; sizes > 1 { // which of them a decoder takes is its own choice
				return 0, errMalformed
			}
			p.frame(int64(be.Uint16(b[7:])), int64(be.Uint16(b[5:])))
		}
		off += 2 + n
		if marker == 0xda {
			if off, err = p.entropy(off); err != nil {
				return 0, err
			}
		}
	}
	return 0, errMalformed
}

// entropy skips coded data, which ends at a marker that is none of its own.
func (p *picture) entropy(off int64) (int64, error) {
	for {
		b, err := p.rest(off)
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
		if b, err = p.at(off, 2); err != nil {
			return 0, err
		}
		if m := b[1]; m != 0 && (m < 0xd0 || m > 0xd7) {
			return off, nil
		}
		off += 2
	}
}
