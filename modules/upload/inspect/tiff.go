package inspect

import "encoding/binary"

// tiffFile is a TIFF, or the Exif block of another image, which is one: both kinds of byte order, and BigTIFF.
type tiffFile struct {
	at    func(off int64, n int) ([]byte, error)
	order binary.ByteOrder
	big   bool
	first int64
}

// tag is an entry of a directory.
type tag struct {
	id, kind uint16
	count    int64
	off      int64 // of the value: in the entry where it fits
	size     int64 // bytes of it
	entry    int64 // offset of the entry
}

func openTIFF(at func(off int64, n int) ([]byte, error)) (*tiffFile, error) {
	b, err := at(0, 8)
	if err != nil {
		return nil, err
	}
	f := &tiffFile{at: at, order: binary.LittleEndian}
	if b[0] == 'M' {
		f.order = binary.BigEndian
	}
	switch {
	case string(b[:2]) != "II" && string(b[:2]) != "MM":
		return nil, errMalformed
	case f.order.Uint16(b[2:]) == 43:
		f.big = true
		if b, err = at(8, 8); err != nil {
			return nil, err
		}
		f.first = int64(f.order.Uint64(b)&1<<62 - 1)
	case f.order.Uint16(b[2:]) == 42:
		f.first = int64(f.order.Uint32(b[4:]))
	default:
		return nil, errMalformed
	}
	return f, nil
}

const maxTags = 4096 // of a directory

// directory reads the one at an offset, and where the next one lies; 0 is none.
func (f *tiffFile) directory(off int64) (tags []tag, next int64, err error) {
	head, size, word := 2, 12, 4
	if f.big {
		head, size, word = 8, 20, 8
	}
	b, err := f.at(off, head)
	if err != nil {
		return nil, 0, err
	}
	n := f.uint(b)
	if n == 0 || n > maxTags {
		return nil, 0, errMalformed
	}
	for i := range n {
		at := off + int64(head) + i*int64(size)
		if b, err = f.at(at, size); err != nil {
			return nil, 0, err
		}
		t := tag{id: f.order.Uint16(b), kind: f.order.Uint16(b[2:]), entry: at, count: f.uint(b[4 : 4+word]), off: at + 4 + int64(word)}
		if t.count < 0 || t.count > 1<<40 {
			return nil, 0, errMalformed
		}
		if t.size = t.count * width(t.kind); t.size > int64(word) {
			t.off = f.uint(b[4+word:])
		}
		tags = append(tags, t)
	}
	if b, err = f.at(off+int64(head)+n*int64(size), word); err != nil {
		return nil, 0, err
	}
	return tags, f.uint(b), nil
}

func (f *tiffFile) uint(b []byte) int64 {
	switch len(b) {
	case 1:
		return int64(b[0])
	case 2:
		return int64(f.order.Uint16(b))
	case 4:
		return int64(f.order.Uint32(b))
	}
	return int64(f.order.Uint64(b) & (1<<62 - 1))
}

// width is the bytes of a value of a type.
func width(kind uint16) int64 {
	switch kind {
	case 3, 8:
		return 2
	case 4, 9, 11, 13:
		return 4
	case 5, 10, 12, 16, 17, 18:
		return 8
	}
	return 1
}

// number is the i-th value of a tag of whole numbers.
func (f *tiffFile) number(t tag, i int64) (int64, error) {
	if i >= t.count {
		return 0, errMalformed
	}
	w := width(t.kind)
	b, err := f.at(t.off+i*w, int(w))
	if err != nil {
		return 0, err
	}
	return f.uint(b), nil
}

// tiff reads the directories of a TIFF, each of them a page or a preview.
func (p *picture) tiff() error {
	f, err := openTIFF(p.at)
	if err != nil {
		return err
	}
	seen, todo := map[int64]bool{}, []int64{f.first}
	for len(todo) > 0 {
		off := todo[0]
		todo = todo[1:]
		if off == 0 {
			continue
		}
		if seen[off] {
			return errMalformed // a circle, in which some go for ever
		}
		seen[off] = true
		tags, next, err := f.directory(off)
		if err != nil {
			return err
		}
		more, err := p.page(f, tags)
		if err != nil {
			return err
		}
		todo = append(append(todo, next), more...)
		if len(seen)+len(todo) > p.t.limits.Frames+16 {
			p.t.find(ImageFrames, p.depth, "an image of too many pages")
			return nil
		}
	}
	return nil
}

// page reads the size of a directory's image, and the directories below it.
func (p *picture) page(f *tiffFile, tags []tag) (below []int64, err error) {
	w, h := int64(-1), int64(-1)
	for _, t := range tags {
		if t.off < 0 || t.off > p.size-t.size {
			return nil, errShort
		}
		switch t.id {
		case 256:
			w, err = f.number(t, 0)
		case 257:
			h, err = f.number(t, 0)
		case 330: // SubIFDs
			for i := range min(t.count, 64) {
				off, err := f.number(t, i)
				if err != nil {
					return nil, err
				}
				below = append(below, off)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	if w >= 0 || h >= 0 {
		p.frame(w, h)
	}
	return below, nil
}
