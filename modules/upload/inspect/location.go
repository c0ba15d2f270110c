package inspect

import (
	"context"
	"errors"
)

// ErrLocation says that a file may say where it was made, in a way that can't be taken out: of a format that is not known well enough, or
// malformed. Who promised to take it out must refuse the file.
var ErrLocation = errors.New("the place where a picture was taken can't be taken out of it")

const maxPatches = 4096

// Location tells the patches that take out of a picture or video of a type (as Check tells it) where it was made: the GPS data of Exif, all
// of XMP and IPTC, in which places are free text, and what cameras append. The file's length stays as it is, and so do its pixels, its
// orientation and its colours. Other types have no patches, for they say nothing of places that a camera put there.
func Location(ctx context.Context, f File, kind string) ([]Patch, error) {
	t := &task{ctx: ctx}
	s := &stripper{window: t.window(f), t: t, f: f}
	var err error
	switch {
	case kind == typeJPEG:
		err = s.jpeg()
	case kind == typePNG:
		err = s.png()
	case kind == typeWebP:
		err = s.webp()
	case kind == typeTIFF:
		err = s.exif(0, f.Size)
	case family(kind) == "heif":
		err = s.heif()
	case isoVideo(kind):
		err = s.video()
	case raster(kind) && !drawing(kind) && kind != typeBMP && kind != typeIcon && kind != typeGIF || media(kind):
		err = ErrLocation
	}
	switch {
	case t.failed != nil:
		return nil, t.failed
	case errors.Is(err, errMalformed) || errors.Is(err, errShort):
		return nil, ErrLocation
	case err != nil:
		return nil, err
	}
	return s.patches, nil
}

// stripper gathers patches.
type stripper struct {
	*window
	t       *task
	f       File
	patches []Patch
}

// put replaces n bytes by data and zeros.
func (s *stripper) put(off, n int64, data []byte) error {
	if off < 0 || n < 0 || off > s.size-n || len(s.patches) >= maxPatches {
		return errMalformed
	}
	if n > 0 {
		s.patches = append(s.patches, Patch{off, n, data})
	}
	return nil
}

func (s *stripper) zero(off, n int64) error { return s.put(off, n, nil) }

// starts tells whether a piece of the file begins with a text.
func (s *stripper) starts(off, n int64, text string) (bool, error) {
	if n < int64(len(text)) {
		return false, nil
	}
	b, err := s.at(off, len(text))
	return err == nil && string(b) == text, err
}

// jpeg takes it out of the segments of a JPEG and of its previews. What follows them, as a video, goes whole: nothing here reads it.
func (s *stripper) jpeg() error {
	end, err := s.segments(func(marker byte, off, n int64) error {
		if marker != 0xe1 && marker != 0xed {
			return nil
		}
		exif, err := s.starts(off, n, "Exif\x00")
		if err != nil {
			return err
		}
		if exif && n > 6 {
			return s.exifOr(off+6, n-6, off, n)
		}
		return s.zero(off, n) // XMP, IPTC, and what else cameras put there
	})
	if err != nil {
		return err
	}
	return s.zero(end, s.size-end)
}

// exifOr takes it out of Exif, or drops all of it where it can't be read.
func (s *stripper) exifOr(off, n, all, length int64) error {
	before := len(s.patches)
	err := s.exif(off, n)
	if errors.Is(err, errMalformed) || errors.Is(err, errShort) {
		s.patches = s.patches[:before]
		return s.zero(all, length)
	}
	return err
}

// webp takes it out of the chunks of a WebP.
func (s *stripper) webp() error {
	end, err := s.riff(func(kind string, off, n int64) error {
		switch kind {
		case "EXIF":
			skip := int64(0)
			if exif, err := s.starts(off, n, "Exif\x00\x00"); err != nil {
				return err
			} else if exif {
				skip = 6
			}
			return s.exifOr(off+skip, n-skip, off, n)
		case "XMP ":
			return errors.Join(s.put(off-8, 4, []byte("JUNK")), s.zero(off, n))
		case "VP8X":
			b, err := s.at(off, 1)
			if err != nil {
				return err
			}
			return s.put(off, 1, []byte{b[0] &^ 4}) // there is no XMP
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.zero(end, s.size-end)
}
