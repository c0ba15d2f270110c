package inspect

import (
	"bytes"
	"errors"
)

// isoVideo tells the videos and sounds in boxes.
func isoVideo(kind string) bool {
	switch kind {
	case "video/mp4", "video/quicktime", "video/3gpp", "video/3gpp2", "audio/mp4", "audio/x-m4a", "video/x-m4v":
		return true
	}
	return false
}

// uuidXMP is the box of XMP.
const uuidXMP = "\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac"

// video takes it out of the boxes of a video: user data of places, the keys of Apple's, XMP.
func (s *stripper) video() error { return s.videoBoxes(0, s.size, 0) }

func (s *stripper) videoBoxes(off, end int64, depth int) error {
	if depth > 8 {
		return errMalformed
	}
	return s.boxes(off, end, func(b box) (bool, error) {
		switch b.kind {
		case "moov", "trak", "moof", "traf":
			return true, s.videoBoxes(b.off, b.end, depth+1)
		case "udta", "meta": // what is in them is for people, nothing that plays needs it
			return true, s.free(b)
		case "uuid":
			if xmp, err := s.starts(b.off, b.end-b.off, uuidXMP); err != nil || !xmp {
				return true, err
			}
			return true, s.free(b)
		}
		return true, nil
	})
}

// free makes a box one of free space.
func (s *stripper) free(b box) error {
	return errors.Join(s.put(b.start+4, 4, []byte("free")), s.zero(b.off, b.end-b.off))
}

// heif takes it out of the items of a HEIF or AVIF that are Exif or XMP (ISO/IEC 23008-12).
func (s *stripper) heif() error {
	found := false
	err := s.boxes(0, s.size, func(b box) (bool, error) {
		switch b.kind {
		case "meta":
			found = true
			return true, s.items(b.off+4, b.end)
		case "moov": // of an animation
			return true, s.videoBoxes(b.off, b.end, 1)
		case "uuid":
			if xmp, err := s.starts(b.off, b.end-b.off, uuidXMP); err != nil || !xmp {
				return true, err
			}
			return true, s.free(b)
		}
		return true, nil
	})
	if err == nil && !found {
		err = errMalformed
	}
	return err
}

// items of a HEIF: which of them say where, and where those lie.
func (s *stripper) items(off, end int64) error {
	says := map[uint32]bool{}
	err := s.below(off, end, []string{"iinf"}, func(b box) error {
		v, err := s.at(b.off, 1)
		if err != nil {
			return err
		}
		entries := b.off + 6 // version, flags and the count
		if v[0] > 0 {
			entries += 2
		}
		return s.boxes(entries, b.end, func(e box) (bool, error) {
			id, yes, err := s.itemSays(e)
			if yes {
				says[id] = true
			}
			return true, err
		})
	})
	if err != nil || len(says) == 0 {
		return err
	}
	return s.below(off, end, []string{"iloc"}, func(b box) error { return s.itemPlaces(b, says) })
}

// itemSays tells whether an item is Exif or XMP.
func (s *stripper) itemSays(e box) (id uint32, yes bool, err error) {
	b, err := s.at(e.off, int(min(64, e.end-e.off)))
	if err != nil || len(b) < 12 || e.kind != "infe" {
		return 0, false, err
	}
	switch b[0] {
	case 2:
		id, b = uint32(be.Uint16(b[4:])), b[8:]
	case 3:
		if len(b) < 14 {
			return 0, false, errMalformed
		}
		id, b = be.Uint32(b[4:]), b[10:]
	default:
		return 0, false, errMalformed
	}
	return id, string(b[:4]) == "Exif" || string(b[:4]) == "mime" && bytes.Contains(b, []byte("rdf+xml")), nil
}

// itemPlaces reads where items lie, and empties the ones that say where.
func (s *stripper) itemPlaces(loc box, says map[uint32]bool) error {
	b, err := s.at(loc.off, 8)
	if err != nil {
		return err
	}
	version := b[0]
	sizes := [4]int{int(b[4] >> 4), int(b[4] & 15), int(b[5] >> 4), int(b[5] & 15)} // of offsets, lengths, bases, indexes
	if version == 0 {
		sizes[3] = 0
	}
	c := &fields{s: s, off: loc.off + 6, end: loc.end}
	idSize := 2
	if version == 2 {
		idSize = 4
	}
	for range c.uint(idSize) {
		id, method := uint32(c.uint(idSize)), int64(0)
		if version > 0 {
			method = c.uint(2) & 15
		}
		c.uint(2) // the file that holds it: this one
		base := c.uint(sizes[2])
		extents := c.uint(2)
		for range extents {
			c.uint(sizes[3])
			off, n := base+c.uint(sizes[0]), c.uint(sizes[1])
			if c.err != nil {
				return c.err
			}
			if !says[id] {
				continue
			}
			if method != 0 {
				return errMalformed // within the directory itself: nobody writes it so
			}
			if err := s.item(off, n, extents == 1); err != nil {
				return err
			}
		}
		if c.err != nil {
			return c.err
		}
	}
	return nil
}

// item empties one, but for what Exif says besides places.
func (s *stripper) item(off, n int64, whole bool) error {
	if n == 0 || off > s.size-n {
		return errMalformed
	}
	if head, err := s.at(off, int(min(n, 8))); err != nil {
		return err
	} else if whole && len(head) == 8 {
		if skip := 4 + int64(be.Uint32(head)); skip < n && (head[4] == 'E' || head[4] == 'I' || head[4] == 'M') {
			return s.exifOr(off+skip, n-skip, off, n)
		}
	}
	return s.zero(off, n)
}

// fields reads numbers one after the other, until one is not there.
type fields struct {
	s        *stripper
	off, end int64
	err      error
}

// uint reads one of so many bytes, up to 8.
func (c *fields) uint(n int) (v int64) {
	if c.err != nil || n == 0 {
		return 0
	}
	if n > 8 || c.off+int64(n) > c.end {
		c.err = errMalformed
		return 0
	}
	b, err := c.s.at(c.off, n)
	if err != nil {
		c.err = err
		return 0
	}
	for _, x := range b {
		v = v<<8 | int64(x)
	}
	if c.off += int64(n); v < 0 || v > 1<<48 {
		c.err = errMalformed
	}
	return v
}
