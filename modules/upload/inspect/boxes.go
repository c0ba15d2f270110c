package inspect

// box of an ISO base media file (ISO/IEC 14496-12).
type box struct {
	kind     string
	start    int64 // of its size and kind
	off, end int64 // of its content
}

// boxes calls back for each box between two offsets, until it says no.
func (w *window) boxes(off, end int64, each func(box) (bool, error)) error {
	for n := 0; end-off >= 8; n++ {
		b, err := w.at(off, 8)
		if err != nil {
			return err
		}
		size, kind, head := int64(be.Uint32(b)), string(b[4:8]), int64(8)
		switch size {
		case 0:
			size = end - off
		case 1:
			if b, err = w.at(off+8, 8); err != nil {
				return err
			}
			size, head = int64(be.Uint64(b)&(1<<62-1)), 16
		}
		if size < head || size > end-off || n > maxPieces {
			return errMalformed
		}
		more, err := each(box{kind, off, off + head, off + size})
		if err != nil || !more {
			return err
		}
		off += size
	}
	return nil
}

// below calls back for each box of a kind on a path of kinds, as meta/iprp/ipco/ispe.
func (w *window) below(off, end int64, path []string, each func(box) error) error {
	return w.boxes(off, end, func(b box) (bool, error) {
		if b.kind != path[0] {
			return true, nil
		}
		if len(path) == 1 {
			return true, each(b)
		}
		if b.kind == "meta" {
			b.off += 4 // version and flags
		}
		return true, w.below(b.off, b.end, path[1:], each)
	})
}

// heif reads the sizes of the images and tracks of a HEIF or AVIF.
func (p *picture) heif() error {
	seen := false
	size := func(off int64, shift uint) error {
		b, err := p.at(off, 8)
		if err != nil {
			return err
		}
		w, h := int64(be.Uint32(b)>>shift), int64(be.Uint32(b[4:])>>shift)
		seen = true
		p.frame(w, h)
		p.frames, p.all = 0, 0 // tiles of one image
		return nil
	}
	err := p.below(0, p.size, []string{"meta", "iprp", "ipco", "ispe"}, func(b box) error { return size(b.off+4, 0) })
	if err != nil {
		return err
	}
	err = p.below(0, p.size, []string{"moov", "trak", "tkhd"}, func(b box) error { return size(b.end-8, 16) })
	if err == nil && !seen {
		err = errMalformed
	}
	return err
}

// jp2 reads the size of a JPEG 2000.
func (p *picture) jp2() error {
	seen := false
	err := p.below(0, p.size, []string{"jp2h", "ihdr"}, func(b box) error {
		h, err := p.at(b.off, 8)
		if err != nil {
			return err
		}
		seen = true
		p.frame(int64(be.Uint32(h[4:])), int64(be.Uint32(h)))
		return nil
	})
	if err == nil && !seen {
		err = errMalformed
	}
	return err
}
