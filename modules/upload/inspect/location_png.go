package inspect

import (
	"bytes"
	"hash/crc32"
	"io"
	"strings"
)

// hollow is a kind of chunk that nobody knows, that may be dropped and copied.
const hollow = "gwSt"

// png takes it out of the chunks of a PNG, whose sums are made anew.
func (s *stripper) png() error {
	end, err := s.chunks(func(kind string, off, n int64) error {
		before := len(s.patches)
		switch kind {
		case "eXIf":
			if err := s.exifOr(off, n, off, n); err != nil {
				return err
			}
		case "tEXt", "zTXt", "iTXt":
			b, err := s.at(off, int(min(n, 80)))
			if err != nil {
				return err
			}
			name, _, _ := bytes.Cut(b, []byte{0})
			if word := string(name); word != "XML:com.adobe.xmp" && !strings.HasPrefix(word, "Raw profile type") && !strings.Contains(strings.ToLower(word), "gps") && !strings.Contains(strings.ToLower(word), "location") {
				return nil
			}
			if err := s.put(off-4, 4, []byte(hollow)); err != nil {
				return err
			}
			if err := s.zero(off, n); err != nil {
				return err
			}
		default:
			return nil
		}
		return s.sum(off, n, before)
	})
	if err != nil {
		return err
	}
	return s.zero(end, s.size-end)
}

// sum patches the checksum of a chunk whose patches are those from an index on.
func (s *stripper) sum(off, n int64, from int) error {
	h := crc32.NewIEEE()
	r := &reader{s.t, io.NewSectionReader(Patched(s.f.Content, s.patches[from:]), off-4, n+4)}
	if _, err := io.Copy(h, r); err != nil {
		return err
	}
	return s.put(off+n, 4, h.Sum(nil))
}
