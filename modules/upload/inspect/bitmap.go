package inspect

// bmp reads the headers of a Windows bitmap.
func (p *picture) bmp() error {
	w, h, bits, packed, err := p.dib(14)
	if err != nil {
		return err
	}
	p.frame(w, h)
	b, err := p.at(10, 4)
	if err != nil {
		return err
	}
	start := int64(le.Uint32(b))
	if start > p.size || w > 1<<31 || h > 1<<31 {
		return errMalformed
	}
	if !packed {
		p.end = min(p.size, start+(w*bits+31)/32*4*h)
		if (w*bits+31)/32*4 > (p.size-start)/h { // rows that are not there
			return errMalformed
		}
	}
	return nil
}

// dib reads a bitmap's own header, at an offset.
func (p *picture) dib(off int64) (w, h, bits int64, packed bool, err error) {
	b, err := p.at(off, 12)
	if err != nil {
		return 0, 0, 0, false, err
	}
	if le.Uint32(b) == 12 {
		w, h, bits = int64(le.Uint16(b[4:])), int64(le.Uint16(b[6:])), int64(le.Uint16(b[10:]))
	} else {
		if le.Uint32(b) < 40 || le.Uint32(b) > 1024 {
			return 0, 0, 0, false, errMalformed
		}
		if b, err = p.at(off, 20); err != nil {
			return 0, 0, 0, false, err
		}
		w, h, bits = int64(int32(le.Uint32(b[4:]))), int64(int32(le.Uint32(b[8:]))), int64(le.Uint16(b[14:]))
		packed = le.Uint32(b[16:]) != 0 && le.Uint32(b[16:]) != 3
	}
	h = max(h, -h) // negative: from the top
	if w <= 0 || h == 0 || bits == 0 || bits > 64 {
		return 0, 0, 0, false, errMalformed
	}
	return w, h, bits, packed, nil
}

// icon reads the directory of an icon or cursor, and the images that it lists.
func (p *picture) icon() error {
	b, err := p.at(0, 6)
	if err != nil {
		return err
	}
	end := int64(0)
	for i := range int64(le.Uint16(b[4:])) {
		if b, err = p.at(6+16*i, 16); err != nil {
			return err
		}
		n, off := int64(le.Uint32(b[8:])), int64(le.Uint32(b[12:]))
		if off+n > p.size || n < 12 {
			return errMalformed
		}
		end = max(end, off+n)
		if b, err = p.at(off, 8); err != nil {
			return err
		}
		if string(b) == "\x89PNG\r\n\x1a\n" {
			if b, err = p.at(off, 24); err != nil {
				return err
			}
			p.frame(int64(be.Uint32(b[16:])), int64(be.Uint32(b[20:])))
			continue
		}
		w, h, _, _, err := p.dib(off)
		if err != nil {
			return err
		}
		p.frame(w, h)
	}
	p.end = end
	return nil
}

// psd reads the header of a Photoshop document.
func (p *picture) psd() error {
	b, err := p.at(0, 26)
	if err != nil {
		return err
	}
	p.frame(int64(be.Uint32(b[18:])), int64(be.Uint32(b[14:])))
	return nil
}
