package inspect

import (
	"archive/tar"
	"archive/zip"
	"context"
	"io"
	"strings"
	"testing"
)

// Whatever a file holds, the look at it ends, within its limits, and says nothing but findings.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{
		pngFile(f), jpegFile(f) + jpegFile(f), gifFile(f, 2), webpFile(webpChunkOf("ANMF", strings.Repeat("\x00", 16))), bmpFile(f), tiffFileOf(f), pdfFile + "<< /Type /ObjStm >>stream\n", docx(f), storedZip(f, "a", "b", "c.zip", zipFile(f, "d", "e")),
		tarFile(f, &tar.Header{Name: "a", Size: 3, Typeflag: tar.TypeReg}), gzipped(f, "x"), quine(f), svgStart + `<style>a{b:url(c)}</style><a href="javascript:"/></svg>`, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", `{\rtf1}`,
		pngWith(f, pngChunk("iTXt", "a\x00\x01\x00\x00\x00"+deflated(f, "x"))), "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic\x00\x00\x00\x10meta\x00\x00\x00\x00", "\x00\x00\x01\x00\x01\x00",
	} {
		f.Add("a.bin", "", s)
	}
	f.Add("a.php.png", "image/png; a=b", "<html>")
	c, err := New(Limits{Bytes: 1 << 20, Entries: 100, Frames: 10, Pixels: 1 << 20})
	if err != nil {
		f.Fatal(err)
	}
	known := map[Rule]bool{}
	for _, r := range Rules() {
		known[r] = true
	}
	f.Fuzz(func(t *testing.T, name, declared, content string) {
		kind, found, err := c.Check(context.Background(), File{name, declared, int64(len(content)), strings.NewReader(content)})
		if err != nil || kind == "" {
			t.Fatalf("%q, %v", kind, err)
		}
		for _, f := range found {
			if !known[f.Rule] || f.Detail == "" {
				t.Fatalf("%+v", f)
			}
		}
		if kind == typeZip && len(found) == 0 {
			sameAsGo(t, content)
		}
	})
}

// sameAsGo wants a zip in which nothing was found to be one that Go's library unpacks whole.
func sameAsGo(t *testing.T, content string) {
	z, err := zip.NewReader(strings.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatalf("Go says %v", err)
	}
	for _, f := range z.File {
		if f.Method != zip.Store && f.Method != zip.Deflate || strings.HasSuffix(f.Name, "/") {
			continue
		}
		r, err := f.Open()
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if err != nil {
			t.Fatalf("%q: Go says %v", f.Name, err)
		}
	}
}
