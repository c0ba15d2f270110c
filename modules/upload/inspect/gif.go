package inspect

// gif reads the blocks of a GIF (GIF89a, appendix A).
func (p *picture) gif() error {
	b, err := p.at(0, 13)
	if err != nil {
		return err
	}
	w, h := int64(le.Uint16(b[6:])), int64(le.Uint16(b[8:]))
	off := 13 + colours(b[10])
	p.frame(w, h)
	p.frames, p.all = 0, 0 // that was the screen
	for range maxPieces {
		if off == p.size && p.frames > 0 {
			return nil // without its last byte, which decoders do not miss
		}
		if b, err = p.at(off, 1); err != nil {
			return err
		}
		switch b[0] {
		case 0x3b:
			p.end = off + 1
			return nil
		case 0x21:
			off += 2
		case 0x2c:
			if b, err = p.at(off, 10); err != nil {
				return err
			}
			// Decoders keep the whole screen for each frame.
			if !p.frame(max(w, int64(le.Uint16(b[5:]))), max(h, int64(le.Uint16(b[7:])))) {
				return nil
			}
			off += 10 + colours(b[9]) + 1 // the least code size
		default:
			return errMalformed
		}
		if off, err = p.subBlocks(off); err != nil {
			return err
		}
	}
	return errMalformed
}

func colours(packed byte) int64 {
	if packed&0x80 == 0 {
		return 0
	}
	return 3 << (packed&7 + 1)
}

func (p *picture) subBlocks(off int64) (int64, error) {
	for {
		b, err := p.at(off, 1)
		if err != nil {
			return 0, err
		}
		off += 1 + int64(b[0])
		if b[0] == 0 {
			return off, nil
		}
	}
}
