package inspect

// webp reads the chunks of a WebP (RFC 9649).
func (p *picture) webp() error {
	b, err := p.at(0, 12)
	if err != nil {
		return err
	}
	p.end = 8 + int64(le.Uint32(b[4:]))
	if p.end > p.size || p.end < 20 {
		return errMalformed
	}
	seen, off := false, int64(12)
	for range maxPieces {
		if p.end-off < 8 {
			p.end += (p.end & 1) & (p.size - p.end) // padding, where it is there
			if !seen {
				return errMalformed
			}
			return nil
		}
		if b, err = p.at(off, 8); err != nil {
			return err
		}
		n := int64(le.Uint32(b[4:]))
		if n > p.end-off-8 {
			return errMalformed
		}
		one, err := p.webpChunk(string(b[:4]), off+8, n)
		if err != nil {
			return err
		}
		seen = seen || one
		off += 8 + n + n&1
	}
	return errMalformed
}

func (p *picture) webpChunk(kind string, off, n int64) (seen bool, err error) {
	var w, h int64
	need := map[string]int{"VP8X": 10, "ANMF": 16, "VP8 ": 10, "VP8L": 5}[kind]
	if need == 0 {
		return false, nil
	}
	if n < int64(need) {
		return false, errMalformed
	}
	b, err := p.at(off, need)
	if err != nil {
		return false, err
	}
	switch kind {
	case "VP8X":
		w, h = 1+uint24(b[4:]), 1+uint24(b[7:])
		p.frame(w, h)
		p.frames, p.all = 0, 0 // the canvas
		return false, nil
	case "ANMF":
		w, h = 1+uint24(b[6:]), 1+uint24(b[9:])
	case "VP8 ":
		if string(b[3:6]) != "\x9d\x01\x2a" {
			return false, errMalformed
		}
		w, h = int64(le.Uint16(b[6:])&0x3fff), int64(le.Uint16(b[8:])&0x3fff)
	case "VP8L":
		if b[0] != 0x2f {
			return false, errMalformed
		}
		bits := le.Uint32(b[1:])
		w, h = 1+int64(bits&0x3fff), 1+int64(bits>>14&0x3fff)
	}
	p.frame(w, h)
	return true, nil
}

func uint24(b []byte) int64 { return int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16 }
