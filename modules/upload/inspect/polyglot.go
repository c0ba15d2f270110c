package inspect

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
)

// pdfHeader is what PDF readers look for in the first kilobyte.
var pdfHeader = regexp.MustCompile(`%PDF-[0-9]`)

// polyglot looks for a second file in one that is of a kind. Archives hold other files by right; theirs are looked at one by one.
func (t *task) polyglot(f File, kind string, head []byte, depth int) error {
	if archive(kind) || opaque(kind) || executable(kind) {
		return nil
	}
	if at := pdfHeader.FindIndex(head[:min(1024, len(head))]); at != nil {
		if first := bytes.TrimLeft(head[:at[0]], "\xef\xbb\xbf\r\n\t \x00"); len(first) > 0 && (!textual(kind) || bytes.Contains(head, []byte(" obj"))) {
			t.find(Polyglot, depth, "the file is a PDF too")
		}
	}
	if kind != typeTar && len(head) > 262 && string(head[257:262]) == "ustar" {
		t.find(Polyglot, depth, "the file is an archive too")
	}
	if asScript(kind, head) {
		t.find(Polyglot, depth, "the file is a script too")
	}
	if !ole(kind) { // documents of that kind hold others as they are
		if err := t.zipInside(f, depth); err != nil {
			return err
		}
	}
	if raster(kind) && kind != typeSVG || media(kind) || strings.HasPrefix(kind, "font/") {
		return t.media(f, depth)
	}
	return nil
}

// asScript tells pictures whose first fields are JavaScript: an image's magic as a variable, its size as the start of a comment.
func asScript(kind string, head []byte) bool {
	field := map[string]int{typeGIF: 6, typeBMP: 2, typeJPEG: 4, typeWebP: 4}[kind]
	return field > 0 && len(head) >= field+2 && (string(head[field:field+2]) == "/*" || string(head[field:field+2]) == "//" || string(head[field:field+2]) == "=\"" || string(head[field:field+2]) == "='")
}

// zipInside looks for the end record of a zip: programs read one from its end, whatever stands before it or after.
func (t *task) zipInside(f File, depth int) error {
	tail := make([]byte, min(f.Size, endSize+maxComment))
	start := f.Size - int64(len(tail))
	if err := readAt(f.Content, tail, start); err != nil {
		return err
	}
	w := t.window(f)
	for end := len(tail); ; {
		i := bytes.LastIndex(tail[:end], []byte("PK\x05\x06"))
		if i < 0 || i+endSize > len(tail) {
			return nil
		}
		end = i
		// Only where it has a directory before it: four letters may come by chance.
		at := start + int64(i) - int64(le.Uint32(tail[i+12:]))
		b, err := w.at(at, 4)
		if errors.Is(err, errShort) {
			continue
		} else if err != nil {
			return err
		}
		if string(b) == "PK\x01\x02" {
			t.find(Polyglot, depth, "the file is a zip too")
			return nil
		}
	}
}

// media looks for markup and archives anywhere in a picture, a sound or a font, its metadata among them.
func (t *task) media(f File, depth int) error {
	err := scan(t.reader(f, 0, f.Size), 16, func(b []byte) {
		if hasTags(b) {
			t.find(Script, depth, "markup that is run stands in a file that has none")
		}
		if bytes.Contains(b, []byte("Rar!\x1a\x07")) || bytes.Contains(b, []byte("7z\xbc\xaf\x27\x1c")) {
			t.find(Polyglot, depth, "the file is an archive too")
		}
	})
	if err != nil {
		return err
	}
	const sector = 2048 // of a CD image, whose descriptor is in the 17th
	b := make([]byte, 5)
	if f.Size > 16*sector+6 {
		if err := readAt(f.Content, b, 16*sector+1); err != nil {
			return err
		}
		if string(b) == "CD001" {
			t.find(Polyglot, depth, "the file is a disk image too")
		}
	}
	return nil
}
