package inspect

// webp looks at the chunks of a WebP.
func (p *picture) webp() error {
	seen := false
	end, err := p.riff(func(kind string, off, n int64) error {
		one, err := p.webpChunk(kind, off, n)
		seen = seen || one
		return err
	})
	if p.end = end; err == nil && !seen {
		err = errMalformed
	}
	return err
}

// riff calls back for each chunk of a WebP (RFC 9649) with where its data lies, and tells where the image ends.
func (w *window) riff(each func(kind string, off, n int64) error) (end int64, err error) {
	b, err := w.at(0, 12)
	if err != nil {
		return 0, err
	}
	end = 8 + int64(le.Uint32(b[4:]))
	if end > w.size || end < 20 {
		return 0, errMalformed
	}
	off := int64(12)
	for range maxPieces {
		if end-off < 8 {
			if end%2 == 1 && end < w.size { // padding, where it is there
				end++
			}
			return end, nil
		}
		if b, err = w.at(off, 8); err != nil {
			return 0, err
		}
		n, kind := int64(le.Uint32(b[4:])), string(b[:4])
		if n > end-off-8 {
			return 0, errMalformed
		}
		if err := each(kind, off+8, n); err != nil {
			return 0, err
		}
		off += 8 + n + n&1
	}
	return 0, errMalformed
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
