package inspect

// Tags of Exif and TIFF that say where a picture was made.
const (
	tagXMP       = 700
	tagIPTC      = 33723
	tagPhotoshop = 34377
	tagExif      = 34665
	tagGPS       = 34853
	tagSubIFDs   = 330
	maxIFDs      = 64
)

// exif takes it out of a TIFF, or of the Exif block of another image, that lies at an offset.
func (s *stripper) exif(off, n int64) error {
	f, err := openTIFF(func(o int64, k int) ([]byte, error) {
		if o < 0 || o > n-int64(k) {
			return nil, errShort
		}
		return s.at(off+o, k)
	})
	if err != nil {
		return err
	}
	seen, todo := map[int64]bool{}, []int64{f.first}
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		if at == 0 {
			continue
		}
		if seen[at] || len(seen) == maxIFDs {
			return errMalformed
		}
		seen[at] = true
		more, err := s.exifDirectory(f, off, n, at)
		if err != nil {
			return err
		}
		todo = append(todo, more...)
	}
	return nil
}

// exifDirectory takes the tags out of one directory, and tells which ones follow.
func (s *stripper) exifDirectory(f *tiffFile, base, n, at int64) (follow []int64, err error) {
	tags, next, err := f.directory(at)
	if err != nil {
		return nil, err
	}
	follow = append(follow, next)
	var kept []tag
	for _, t := range tags {
		if t.off < 0 || t.size > n || t.off > n-t.size {
			return nil, errShort
		}
		switch t.id {
		case tagGPS:
			if err := s.gps(f, base, n, t); err != nil {
				return nil, err
			}
			continue
		case tagXMP, tagIPTC, tagPhotoshop:
			if err := s.zero(base+t.off, t.size); err != nil {
				return nil, err
			}
			continue
		case tagExif, tagSubIFDs:
			for i := range min(t.count, maxIFDs) {
				below, err := f.number(t, i)
				if err != nil {
					return nil, err
				}
				follow = append(follow, below)
			}
		}
		kept = append(kept, t)
	}
	if len(kept) == len(tags) {
		return follow, nil
	}
	return follow, s.rewrite(f, base, at, tags, kept)
}

// rewrite makes a directory shorter: what is kept moves up, with the address of the next one behind it.
func (s *stripper) rewrite(f *tiffFile, base, at int64, tags, kept []tag) error {
	head, size, word := 2, 12, 4
	if f.big {
		head, size, word = 8, 20, 8
	}
	length := int64(head + len(tags)*size + word)
	if len(kept) == 0 { // a directory has one entry at least: an empty tag, that nobody knows
		return s.zero(base+at+int64(head), length-int64(head)-int64(word))
	}
	data := make([]byte, head, length)
	if f.big {
		f.order.PutUint64(data, uint64(len(kept)))
	} else {
		f.order.PutUint16(data, uint16(len(kept)))
	}
	for _, t := range kept {
		b, err := f.at(t.entry, size)
		if err != nil {
			return err
		}
		data = append(data, b...)
	}
	b, err := f.at(at+int64(head+len(tags)*size), word)
	if err != nil {
		return err
	}
	return s.put(base+at, length, append(data, b...))
}

// gps drops a directory of positions with all of its values.
func (s *stripper) gps(f *tiffFile, base, n int64, pointer tag) error {
	at, err := f.number(pointer, 0)
	if err != nil {
		return err
	}
	tags, _, err := f.directory(at)
	if err != nil {
		return err
	}
	head, size, word := int64(2), int64(12), int64(4)
	if f.big {
		head, size, word = 8, 20, 8
	}
	for _, t := range tags {
		if t.off < 0 || t.size > n || t.off > n-t.size {
			return errShort
		}
		if err := s.zero(base+t.off, t.size); err != nil {
			return err
		}
	}
	return s.zero(base+at, head+int64(len(tags))*size+word)
}
