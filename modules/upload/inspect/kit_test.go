package inspect

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// check looks at a file with a name and a declared type.
func check(t testing.TB, l Limits, name, declared, content string) (string, []Finding) {
	t.Helper()
	c, err := New(l)
	if err != nil {
		t.Fatal(err)
	}
	kind, found, err := c.Check(context.Background(), File{name, declared, int64(len(content)), strings.NewReader(content)})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return kind, found
}

// rules are the words of findings.
func rules(found []Finding) string {
	var all []string
	for _, f := range found {
		s := string(f.Rule)
		if f.Inside {
			s += " inside"
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

// finds wants a rule among the findings.
func finds(t testing.TB, what string, found []Finding, rule Rule) {
	t.Helper()
	for _, f := range found {
		if f.Rule == rule {
			return
		}
	}
	t.Errorf("%s: found %q, not %s", what, rules(found), rule)
}

// clean wants nothing that refuses.
func clean(t testing.TB, what string, found []Finding) {
	t.Helper()
	for _, f := range found {
		if f.Refuses() {
			t.Errorf("%s: refused by %s: %s", what, f.Rule, f.Detail)
		}
	}
}

func picture8() image.Image {
	m := image.NewPaletted(image.Rect(0, 0, 8, 6), color.Palette{color.Black, color.White})
	m.SetColorIndex(3, 3, 1)
	return m
}

func pngFile(t testing.TB) string {
	var b bytes.Buffer
	must(t, png.Encode(&b, picture8()))
	return b.String()
}

func jpegFile(t testing.TB) string {
	var b bytes.Buffer
	must(t, jpeg.Encode(&b, picture8(), nil))
	return b.String()
}

func gifFile(t testing.TB, frames int) string {
	var b bytes.Buffer
	g := &gif.GIF{}
	for range frames {
		g.Image, g.Delay = append(g.Image, picture8().(*image.Paletted)), append(g.Delay, 1)
	}
	must(t, gif.EncodeAll(&b, g))
	return b.String()
}

func bmpFile(t testing.TB) string {
	var b bytes.Buffer
	must(t, bmp.Encode(&b, picture8()))
	return b.String()
}

func tiffFileOf(t testing.TB) string {
	var b bytes.Buffer
	must(t, tiff.Encode(&b, picture8(), nil))
	return b.String()
}

// webpFile is a lossless one of 8 by 6 (its pixels are not looked at).
func webpFile(more ...string) string {
	body := "WEBP" + webpChunkOf("VP8L", "\x2f"+string(binary.LittleEndian.AppendUint32(nil, 7|5<<14))+"\x00\x00\x00") + strings.Join(more, "")
	return "RIFF" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(body)))) + body
}

func webpChunkOf(kind, body string) string {
	s := kind + string(binary.LittleEndian.AppendUint32(nil, uint32(len(body)))) + body
	if len(body)%2 == 1 {
		s += "\x00"
	}
	return s
}

// pngWith puts chunks after the header.
func pngWith(t testing.TB, chunks ...string) string {
	s := pngFile(t)
	return s[:33] + strings.Join(chunks, "") + s[33:]
}

func pngChunk(kind, body string) string {
	s := string(binary.BigEndian.AppendUint32(nil, uint32(len(body)))) + kind + body
	return s + string(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(kind+body))))
}

// jpegWith puts a segment after the start.
func jpegWith(t testing.TB, marker byte, body string) string {
	s := jpegFile(t)
	return s[:2] + string([]byte{0xff, marker, byte((len(body) + 2) >> 8), byte(len(body) + 2)}) + body + s[2:]
}

// entries of an archive, name and content in turn.
func zipFile(t testing.TB, entries ...string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		f, err := w.Create(entries[i])
		must(t, err)
		_, err = f.Write([]byte(entries[i+1]))
		must(t, err)
	}
	must(t, w.Close())
	return b.String()
}

// storedZip is one without compression, and with its sizes in the local headers.
func storedZip(t testing.TB, entries ...string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		n := uint64(len(entries[i+1]))
		f, err := w.CreateRaw(&zip.FileHeader{Name: entries[i], Method: zip.Store, CRC32: crc32.ChecksumIEEE([]byte(entries[i+1])), CompressedSize64: n, UncompressedSize64: n})
		must(t, err)
		_, err = f.Write([]byte(entries[i+1]))
		must(t, err)
	}
	must(t, w.Close())
	return b.String()
}

func tarFile(t testing.TB, headers ...*tar.Header) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		must(t, w.WriteHeader(h))
		_, err := w.Write(make([]byte, h.Size))
		must(t, err)
	}
	must(t, w.Close())
	return b.String()
}

func gzipped(t testing.TB, s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(s))
	must(t, err)
	must(t, w.Close())
	return b.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const svgStart = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="8" height="6">`

const pdfFile = "%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"

func docx(t testing.TB, more ...string) string {
	return zipFile(t, append([]string{"[Content_Types].xml", `<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`,
		"word/document.xml", `<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"/>`}, more...)...)
}
