package inspect

import (
	"bufio"
	"compress/bzip2"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

// zipped tells the types that are zips inside.
func zipped(kind string) bool {
	switch kind {
	case typeZip, typeJar, typeAPK, "application/epub+zip", "application/vnd.google-earth.kmz":
		return true
	}
	if strings.HasPrefix(kind, "application/vnd.oasis.opendocument.") || strings.HasPrefix(kind, "application/vnd.sun.xml.") {
		return true
	}
	return slices.ContainsFunc(offices, func(o office) bool { return o.kind == kind })
}

// zipKind tells what a zip is by the names in it; both is true where it is two things.
func (t *task) zipKind(f File, d *directory) (kind string, both bool, err error) {
	if d.start < 0 { // not read
		return typeZip, false, nil
	}
	has := map[string]bool{}
	for i := range d.entries {
		has[d.entries[i].name] = true
	}
	kinds := map[string]bool{}
	if has["AndroidManifest.xml"] {
		kinds[typeAPK] = true
	} else if has["META-INF/MANIFEST.MF"] {
		kinds[typeJar] = true
	}
	if has["[Content_Types].xml"] {
		for _, o := range offices {
			if o.part != "" && has[o.part] {
				kinds[o.kind] = true
			}
		}
	}
	if len(d.entries) > 0 && d.entries[0].name == "mimetype" && d.entries[0].method == 0 && d.entries[0].off == 0 && d.entries[0].size < 200 {
		b := make([]byte, d.entries[0].size)
		if err := readAt(f.Content, b, 30+int64(len("mimetype"))); err != nil {
			return "", false, err
		}
		if m := mimetype.Lookup(string(b)); m != nil && zipped(m.String()) {
			kinds[m.String()] = true
		}
	}
	kind = typeZip
	for k := range kinds {
		if kind = k; executable(k) {
			break
		}
	}
	return kind, len(kinds) > 1, nil
}

// zip looks into the entries of a zip.
func (t *task) zip(f File, d *directory, depth int) error {
	if t.entries+len(d.entries) > t.limits.Entries {
		return t.enough(ArchiveCount, depth, "an archive of too many entries")
	}
	if d.start < 0 {
		return t.enough(ArchiveCount, depth, "an archive with a directory that is too long")
	}
	if err := d.places(t.window(f)); err != nil {
		return err
	}
	seen, document := newSet(), d.document()
	for i := range d.entries {
		e := &d.entries[i]
		if err := t.entry(depth); err != nil {
			return err
		}
		if !seen.add(e.name) {
			return errMalformed
		}
		ok, err := t.zipHeader(e, depth)
		if err != nil {
			return err
		}
		if ok {
			if err := t.zipContent(f, e, document, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

// document tells whether the zip is an office document, whose parts are not files of their own.
func (d *directory) document() bool {
	for i := range d.entries {
		if n := d.entries[i].name; n == "[Content_Types].xml" || n == "mimetype" && i == 0 {
			return true
		}
	}
	return false
}

// zipHeader checks an entry by what is said of it: false where its content can't be read.
func (t *task) zipHeader(e *zipEntry, depth int) (bool, error) {
	for _, name := range append([]string{e.name}, e.unicodeNames()...) {
		if detail := entryName(name); detail != "" {
			t.find(ArchivePath, depth, detail)
		}
	}
	if names := e.unicodeNames(); len(names) > 1 || len(names) == 1 && names[0] != e.name && (ascii(e.name) || !utf8.ValidString(names[0])) {
		return false, errMalformed // two names for two programs
	}
	if kind := e.mode & 0xf000; kind != 0 && kind != 0x8000 && kind != 0x4000 {
		t.find(ArchiveLink, depth, "an archive with links or devices")
	}
	switch {
	case e.flags&(1|1<<6|1<<13) != 0 || e.method == 99:
		t.find(ArchiveEncrypted, depth, "an archive with encrypted entries")
		return false, nil
	case strings.HasSuffix(e.name, "/"):
		if e.size != 0 || e.packed > 2 { // an empty deflated stream is two bytes
			return false, errMalformed
		}
		return false, nil
	case e.method != 0 && e.method != 8 && e.method != 12 && e.method != 93:
		t.find(ArchiveKind, depth, "an archive compressed by a method that can't be undone here")
		return false, nil
	}
	return true, nil
}

// unicodeNames are the names of Info-ZIP's extra fields.
func (e *zipEntry) unicodeNames() (all []string) {
	for x := e.extra; len(x) >= 4; {
		id, n := le.Uint16(x), int(le.Uint16(x[2:]))
		if n > len(x)-4 {
			break
		}
		if id == 0x7075 && n >= 5 {
			all = append(all, string(x[4+5:4+n]))
		}
		x = x[4+n:]
	}
	return all
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// zipContent unpacks an entry, which must be as long as it says, and what its checksum says.
func (t *task) zipContent(f File, e *zipEntry, document bool, depth int) error {
	if e.method == 0 && e.size != e.packed {
		return errMalformed
	}
	in := bufio.NewReader(t.reader(f, e.data, e.packed))
	var r io.Reader = in
	switch e.method {
	case 8:
		r = &compressed{t, flate.NewReader(in), depth, false}
	case 12:
		r = &compressed{t, bzip2.NewReader(in), depth, true}
	case 93:
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			return t.broken(err)
		}
		defer z.Close()
		r = &compressed{t, z, depth, false}
	}
	sum := crc32.NewIEEE()
	content := &tally{r: io.TeeReader(r, sum)}
	var err error
	if document {
		err = t.part(e.name, content, depth)
	} else {
		err = t.unpackedFile(e.name, content, depth+1)
	}
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, content); err != nil { // what was not looked at
		return err
	}
	if content.n != e.size || sum.Sum32() != e.crc {
		return errMalformed
	}
	if _, err := in.ReadByte(); err != io.EOF { // bytes that are packed with it and no part of it
		return t.broken(errMalformed)
	}
	return nil
}

// tally counts what is read.
type tally struct {
	r io.Reader
	n int64
}

// Read implements io.Reader.
func (c *tally) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
