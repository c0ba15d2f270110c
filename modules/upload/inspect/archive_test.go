package inspect

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"testing"
)

func TestArchivesThatUnpackToTooMuch(t *testing.T) {
	zeros := strings.Repeat("\x00", 20<<20)
	zipOfZeros, gzipOfZeros := zipFile(t, "zeros", zeros), gzipped(t, zeros) // once: packing takes longer than what is tested
	nested := zipFile(t, "a.txt", "x")
	for range 6 {
		nested = zipFile(t, "a.zip", nested)
	}
	many := make([]string, 0, 60)
	for i := range 30 {
		many = append(many, strings.Repeat("a", i+1)+".txt", "")
	}
	eicar := zipFile(t, "a.txt", "x")
	for _, c := range []struct {
		what, content string
		l             Limits
		rule          Rule
	}{
		{"zip of zeros", zipOfZeros, Limits{}, ArchiveRatio},
		{"gzip of zeros", gzipOfZeros, Limits{}, ArchiveRatio},
		{"zip of a gzip of zeros", zipFile(t, "zeros.gz", gzipOfZeros), Limits{}, ArchiveRatio},
		{"zip of zips of zeros", zipFile(t, "a.zip", zipOfZeros, "b.zip", zipOfZeros), Limits{}, ArchiveRatio},
		{"docx of zeros", docx(t, "word/media/image1.png", zeros), Limits{}, ArchiveRatio},
		{"more bytes", zipOfZeros, Limits{Bytes: 1 << 20, Ratio: 1 << 20}, ArchiveSize},
		{"bzip2", slowZeros(t), Limits{Bytes: 4 << 20}, ArchiveSize},
		{"sparse tar", sparseTar(t), Limits{}, ArchiveRatio},
		{"depth", nested, Limits{}, ArchiveDepth},
		{"depth of gzip", gzipped(t, gzipped(t, gzipped(t, gzipped(t, gzipped(t, "x"))))), Limits{}, ArchiveDepth},
		{"a zip that holds itself", quine(t), Limits{}, ArchiveDepth},
		{"count", zipFile(t, many...), Limits{Entries: 29}, ArchiveCount},
		{"count over levels", zipFile(t, append([]string{"a.zip", eicar}, many[:58]...)...), Limits{Entries: 30}, ArchiveCount},
		{"overlapping entries", overlapping(t), Limits{}, ArchiveBroken},
	} {
		_, found := check(t, c.l, "a", "", c.content)
		finds(t, c.what, found, c.rule)
	}
	_, found := check(t, Limits{}, "a.log.gz", "", gzipped(t, strings.Repeat("a line of a log\n", 50_000)))
	clean(t, "a log that compresses well", found)
	_, found = check(t, Limits{}, "a.bz2", "", slowZeros(t))
	clean(t, "bzip2", found)
}

// slowZeros are two million zeros in 50 bytes of bzip2.
func slowZeros(t testing.TB) string {
	b, err := base64.StdEncoding.DecodeString("QlpoOTFBWSZTWYK4WkIAD1HgAMAAAACACCAAMMwJqmmKkhtVKSHi7kinChIQVwtIQA==")
	must(t, err)
	return string(b)
}

// quine is Russ Cox's zip that holds itself (https://research.swtch.com/zip): who unpacks what was unpacked never ends.
func quine(t testing.TB) string {
	b, err := base64.StdEncoding.DecodeString("UEsDBBQAAAAIAAgDZDz59IlkSAEAALgBAAAHAAAAci9yLnppcAAlANr/UEsDBBQAAAAIAAgDZDz59IlkSAEAALgBAAAHAAAAci9yLnppcAAvAND/ACUA2v9QSwMEFAAAAAgACANkPPn0" +
		"iWRIAQAAuAEAAAcAAAByL3IuemlwAC8A0P/CVI5XOQAFAPr/wlSOVzkABQD6/wAFAPr/ABQA6//CVI5XOQAFAPr/AAUA+v8AFADr/0KIIcQAABQA6/9CiCHEAAAUAOv/QoghxAAAFADr" +
		"/0KIIcQAABQA6/9CiCHEAAAAAP//AAAA//8ANADL/0KIIcQAAAAA//8AAAD//wA0AMv/QughXg8AAAD//wrwZmQSYcAV3OigSL9IryqzIMCblQ3EZwRCUwYGBkAABgD5/20BAAAAAELo" +
		"IV4PAAAA//8K8GZkEmHAFdzooEi/SK8qsyDAm5UNxGcEQlMGBgZAAAYA+f9tAQAAAABQSwECFAAUAAAACAAIA2Q8+fSJZEgBAAC4AQAABwAAAAAAAAAAAAAAAAAAAAAAci9yLnppcFBL" +
		"BQYAAAAAAQABADUAAABtAQAAAAA=")
	must(t, err)
	return string(b)
}

// sparseTar is a GNU sparse file: a terabyte of holes.
func sparseTar(t testing.TB) string {
	s := []byte(tarFile(t, &tar.Header{Name: "a", Typeflag: tar.TypeReg, Mode: 0o600, Size: 512, Format: tar.FormatGNU}))
	h := s[:512]
	h[156] = 'S'
	copy(h[386:], "00000000000\x0000000001000\x00") // one piece of 512 bytes at the start
	copy(h[483:], "10000000000000\x00"[:12])        // 2^36 bytes or so, all of them holes but those
	for i := 148; i < 156; i++ {
		h[i] = ' '
	}
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], []byte(octal(sum, 6)+"\x00 "))
	return string(s)
}

func octal(n, width int) string {
	b := make([]byte, width)
	for i := width - 1; i >= 0; i-- {
		b[i], n = '0'+byte(n&7), n>>3
	}
	return string(b)
}

// overlapping is a zip whose entries share their content (David Fifield, A better zip bomb).
func overlapping(t testing.TB) string {
	s := zipFile(t, "a", "hello", "b", "hello")
	i := strings.LastIndex(s, "PK\x01\x02")
	b := []byte(s)
	copy(b[i+42:i+46], "\x00\x00\x00\x00")
	return string(b)
}

func TestArchivePathsAndLinks(t *testing.T) {
	for _, name := range []string{"../a", "a/../../b", `..\a`, "/a", `C:\a`, "c:a", `\\server\a`, "a\x00b", ".. /a", "..../a", ""} {
		if name != "" {
			_, found := check(t, Limits{}, "a.zip", "", zipFile(t, name, "x"))
			finds(t, "zip: "+name, found, ArchivePath)
		}
		if !strings.Contains(name, "\x00") && name != "" {
			_, found := check(t, Limits{}, "a.tar", "", tarFile(t, &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600}))
			finds(t, "tar: "+name, found, ArchivePath)
		}
	}
	for _, kind := range []byte{tar.TypeSymlink, tar.TypeLink, tar.TypeChar, tar.TypeBlock, tar.TypeFifo} {
		_, found := check(t, Limits{}, "a.tar", "", tarFile(t, &tar.Header{Name: "a", Linkname: "/etc/passwd", Typeflag: kind}))
		finds(t, "tar", found, ArchiveLink)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: "link"}
	h.SetMode(0o777 | 1<<27) // fs.ModeSymlink
	f, err := w.CreateHeader(h)
	must(t, err)
	_, err = f.Write([]byte("/etc/passwd"))
	must(t, err)
	must(t, w.Close())
	_, found := check(t, Limits{}, "a.zip", "", b.String())
	finds(t, "zip", found, ArchiveLink)
	z := []byte(gzipped(t, "x"))
	z[3] |= 8 // a name
	_, found = check(t, Limits{}, "a.gz", "", string(z[:10])+"../../a\x00"+string(z[10:]))
	finds(t, "gzip", found, ArchivePath)
}

// What one program unpacks and another does not see is what a scanner is deceived by.
func TestZipsThatProgramsReadDifferently(t *testing.T) {
	good := storedZip(t, "a.txt", "hello", "b.txt", "world")
	change := func(f func(b []byte, dir int)) string {
		b := []byte(good)
		f(b, strings.Index(good, "PK\x01\x02"))
		return string(b)
	}
	var hidden bytes.Buffer // an entry that the directory does not list
	first := storedZip(t, "evil.exe", "MZ")
	first = first[:strings.Index(first, "PK\x01\x02")]
	dir := strings.Index(good, "PK\x01\x02")
	hidden.WriteString(good[:dir] + first + good[dir:])
	fixed := hidden.Bytes()
	binary.LittleEndian.PutUint32(fixed[len(fixed)-6:], uint32(dir+len(first)))
	for what, content := range map[string]string{
		"bytes after the end":             good + "x",
		"a comment that is not there":     change(func(b []byte, _ int) { b[len(b)-2] = 3 }),
		"another name in the local":       change(func(b []byte, _ int) { copy(b[30:], "c") }),
		"another method in the local":     change(func(b []byte, _ int) { b[8] = 8 }),
		"another size in the local":       change(func(b []byte, _ int) { b[18], b[22] = 4, 4 }),
		"another checksum in both":        change(func(b []byte, d int) { b[14]++; b[d+16]++ }),
		"another size in the directory":   change(func(b []byte, d int) { b[d+24] = 4 }),
		"one entry less":                  change(func(b []byte, _ int) { b[len(b)-14], b[len(b)-12] = 1, 1 }),
		"two disks":                       change(func(b []byte, _ int) { b[len(b)-18] = 1 }),
		"the same name twice":             storedZip(t, "a.txt", "hello", "a.txt", "world"),
		"an unlisted entry":               string(fixed),
		"an entry before":                 first + good,
		"cut":                             good[:len(good)-10],
		"a second directory":              good + good[dir:],
		"bytes in an entry after its end": padded(t),
		"two names":                       unicodeName(t),
	} {
		_, found := check(t, Limits{}, "a.zip", "", content)
		finds(t, what, found, ArchiveBroken)
	}
	_, found := check(t, Limits{}, "a.zip", "", change(func(b []byte, d int) { b[6] |= 1; b[d+8] |= 1 }))
	finds(t, "encrypted", found, ArchiveEncrypted)
	_, found = check(t, Limits{}, "a.zip", "", change(func(b []byte, d int) { b[8] = 14; b[d+10] = 14 }))
	finds(t, "LZMA", found, ArchiveKind)
}

// padded has bytes behind the end of its deflated stream.
func padded(t testing.TB) string {
	var packed bytes.Buffer
	f, err := flate.NewWriter(&packed, 9)
	must(t, err)
	_, err = f.Write([]byte("hello"))
	must(t, err)
	must(t, f.Close())
	packed.WriteString("hidden")
	return rawZip(t, &zip.FileHeader{Name: "a", Method: zip.Deflate, CRC32: crc32.ChecksumIEEE([]byte("hello")), CompressedSize64: uint64(packed.Len()), UncompressedSize64: 5}, packed.String())
}

// unicodeName has another name in Info-ZIP's extra field.
func unicodeName(t testing.TB) string {
	return rawZip(t, &zip.FileHeader{Name: "a.txt", CRC32: crc32.ChecksumIEEE([]byte("x")), CompressedSize64: 1, UncompressedSize64: 1, Extra: []byte("\x75\x70\x0a\x00\x01\x00\x00\x00\x00b.exe")}, "x")
}

func rawZip(t testing.TB, h *zip.FileHeader, content string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.CreateRaw(h)
	must(t, err)
	_, err = f.Write([]byte(content))
	must(t, err)
	must(t, w.Close())
	return b.String()
}

func TestTarsAndStreamsThatAreBroken(t *testing.T) {
	good := tarFile(t, &tar.Header{Name: "a", Typeflag: tar.TypeReg, Mode: 0o600, Size: 3})
	for what, content := range map[string]string{
		"a second tar":            good + good,
		"bytes after the end":     good + "x",
		"cut":                     tarFile(t, &tar.Header{Name: "a", Typeflag: tar.TypeReg, Mode: 0o600, Size: 600})[:700],
		"the same name twice":     tarFile(t, &tar.Header{Name: "a", Typeflag: tar.TypeReg, Mode: 0o600}, &tar.Header{Name: "a", Typeflag: tar.TypeReg, Mode: 0o600}),
		"bytes after a gzip":      gzipped(t, "x") + "x",
		"a gzip with a wrong sum": func() string { b := []byte(gzipped(t, "x")); b[len(b)-8]++; return string(b) }(),
		"a bzip2 that is none":    "BZh91AY&SY" + strings.Repeat("\xaa", 600),
		"a zstd that is none":     "\x28\xb5\x2f\xfd" + strings.Repeat("\xaa", 600),
	} {
		_, found := check(t, Limits{}, "a", "", content)
		finds(t, what, found, ArchiveBroken)
	}
}

func TestWhatLiesInArchives(t *testing.T) {
	exe := "MZ\x90\x00\x03\x00\x00\x00" + strings.Repeat("\x00", 100)
	for what, content := range map[string]string{
		"zip": zipFile(t, "a.txt", exe), "zip in a zip": zipFile(t, "a.zip", zipFile(t, "a", exe)), "stored": storedZip(t, "a.zip", storedZip(t, "a", exe)), "gzip": gzipped(t, exe),
		"by its name": zipFile(t, "invoice.pdf.js", "x"), "in a docx": docx(t, "word/media/a.png", exe), "named as a part of a docx": docx(t, "word/a.xml", exe),
		"large, in a spool": zipFile(t, "a.zip", storedZip(t, "pad.bin", strings.Repeat("0123456789abcdef", 10_000), "a", exe)),
	} {
		_, found := check(t, Limits{}, "a", "", content)
		finds(t, what, found, Executable)
	}
	rar := "Rar!\x1a\x07\x01\x00" + strings.Repeat("x", 100)
	_, found := check(t, Limits{}, "a.rar", "", rar)
	finds(t, "RAR", found, ArchiveKind)
	_, found = check(t, Limits{}, "a.zip", "", zipFile(t, "a.rar", rar))
	finds(t, "RAR in a zip", found, ArchiveKind)
	_, found = check(t, Limits{Opaque: []string{"application/vnd.rar"}}, "a.rar", "", rar)
	clean(t, "RAR that may pass", found)
}

// A spool that is full, or a file that can't be read, says nothing of the file: it must not pass.
func TestErrorsAreNotFindings(t *testing.T) {
	full := errors.New("no space left on device")
	content := zipFile(t, "a.zip", storedZip(t, "pad.bin", strings.Repeat("0123456789abcdef", 10_000)))
	c, err := New(Limits{Spool: func(context.Context) (Spool, error) { return nil, full }})
	must(t, err)
	if _, _, err := c.Check(context.Background(), File{Content: strings.NewReader(content), Size: int64(len(content))}); !errors.Is(err, full) {
		t.Errorf("no room: %v", err)
	}
	if c, err = New(Limits{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := c.Check(ctx, File{Content: strings.NewReader(content), Size: int64(len(content))}); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
	for _, content := range []string{content, pngFile(t), jpegFile(t), pdfFile + strings.Repeat(" ", 90_000), gzipped(t, content), svgStart + strings.Repeat("<a/>", 9000) + "</svg>", tiffFileOf(t)} {
		for n := range 40 {
			at := int64(len(content)) * int64(n) / 40
			_, _, err := c.Check(context.Background(), File{Content: &brokenAt{strings.NewReader(content), at}, Size: int64(len(content))})
			if !errors.Is(err, errDisk) {
				t.Fatalf("%.4q: broken at %d of %d: %v", content, at, len(content), err)
			}
		}
	}
}

var errDisk = errors.New("input/output error")

// brokenAt is a file that can't be read at one place.
type brokenAt struct {
	io.ReaderAt
	at int64
}

// ReadAt implements io.ReaderAt.
func (b *brokenAt) ReadAt(p []byte, off int64) (int, error) {
	if off <= b.at && off+int64(len(p)) > b.at {
		return 0, errDisk
	}
	return b.ReaderAt.ReadAt(p, off)
}

func TestTempSpool(t *testing.T) {
	s, err := TempSpool(t.TempDir())(t.Context())
	must(t, err)
	content := []byte(strings.Repeat("0123456789abcde\n", 10_000))
	for b := content; len(b) > 0; {
		n := min(len(b), 40_001)
		_, err := s.Write(b[:n])
		must(t, err)
		b = b[n:]
	}
	for _, off := range []int{0, 1, 15, 16, 17, 32<<10 - 1, 100_003, len(content) - 5} {
		b := make([]byte, 5)
		if _, err := s.ReadAt(b, int64(off)); err != nil || !bytes.Equal(b, content[off:off+5]) {
			t.Errorf("at %d: %q, %v", off, b, err)
		}
	}
	raw := make([]byte, len(content))
	if _, err := s.(*tempSpool).file.ReadAt(raw, 0); err != nil || bytes.Contains(raw, content[:16]) {
		t.Errorf("the file holds what was written, %v", err)
	}
	must(t, s.Close())
}
