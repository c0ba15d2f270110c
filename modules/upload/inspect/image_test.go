package inspect

import (
	"encoding/binary"
	"strings"
	"testing"
)

// changed is s with other bytes at an offset.
func changed(s string, off int, b ...byte) string { return s[:off] + string(b) + s[off+len(b):] }

// A picture of a few bytes makes a decoder ask for gigabytes: its size is read before anything decodes it.
func TestPicturesOfTooManyPixels(t *testing.T) {
	jpg, svgIcon := jpegFile(t), "\x00\x00\x01\x00\x01\x00"+"\x00\x00\x00\x00\x01\x00\x20\x00\x40\x00\x00\x00\x16\x00\x00\x00"
	sof := strings.Index(jpg, "\xff\xc0")
	tif := tiffFileOf(t)
	ifd := int(binary.LittleEndian.Uint32([]byte(tif[4:])))
	hugePNG := "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x01\x00\x00\x00\x01\x00\x00" + strings.Repeat("\x00", 40)
	ispe := "\x00\x00\x00\x14ispe\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00"
	wrap := func(kind, s string) string {
		return string(binary.BigEndian.AppendUint32(nil, uint32(len(s)+8))) + kind + s
	}
	long := deflated(t, strings.Repeat("\x00", 9<<20))
	for what, content := range map[string]string{
		"PNG": changed(pngFile(t), 16, 0, 1, 0, 0, 0, 1, 0, 0), "GIF": changed(gifFile(t, 1), 6, 0xff, 0xff, 0xff, 0xff), "JPEG": changed(jpg, sof+5, 0xff, 0xff, 0xff, 0xff),
		"a frame of a GIF": changed(gifFile(t, 1), strings.Index(gifFile(t, 1), "\x2c\x00\x00\x00\x00")+5, 0xff, 0xff, 0xff, 0xff),
		"WebP":             webpFile(webpChunkOf("VP8X", "\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff")), "a frame of a WebP": webpFile(webpChunkOf("ANMF", "\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00")),
		"BMP": changed(bmpFile(t), 18, 0, 0, 1, 0, 0, 0, 0xff, 0xff), "TIFF": changed(tif, ifd+2, tiffEntry(256, 1<<17)...), "icon": svgIcon + hugePNG,
		"HEIC":                wrap("ftyp", "heic\x00\x00\x00\x00mif1heic") + wrap("meta", "\x00\x00\x00\x00"+wrap("iprp", wrap("ipco", ispe))),
		"PSD":                 "8BPS\x00\x01\x00\x00\x00\x00\x00\x00\x00\x03\x00\x01\x00\x00\x00\x01\x00\x00\x00\x08\x00\x03",
		"a text that unpacks": pngWith(t, pngChunk("zTXt", "Comment\x00\x00"+long)), "a profile that unpacks": pngWith(t, pngChunk("iCCP", "icc\x00\x00"+long)),
		"a JPEG XL": "\xff\x0a\xff\xff\xff\xff\x00\x00",
	} {
		kind, found := check(t, Limits{}, "a", "", content)
		finds(t, what+" ("+kind+")", found, ImageSize)
	}
	_, found := check(t, Limits{}, "a", "", pngWith(t, strings.Repeat(pngChunk("zTXt", "Comment\x00\x00"+deflated(t, strings.Repeat("\x00", 4<<20))), 8)))
	finds(t, "many texts that unpack", found, ArchiveRatio)
	for what, content := range map[string]string{"GIF": gifFile(t, 30), "APNG": pngWith(t, pngChunk("acTL", "\x00\x00\x00\x1e\x00\x00\x00\x00"), strings.Repeat(pngChunk("fcTL", "\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x06"+strings.Repeat("\x00", 14)), 30)),
		"WebP": webpFile(strings.Repeat(webpChunkOf("ANMF", strings.Repeat("\x00", 16)), 30))} {
		_, found := check(t, Limits{Frames: 20}, "a", "", content)
		finds(t, what, found, ImageFrames)
	}
	_, found = check(t, Limits{AllPixels: 8 * 6 * 20}, "a", "", gifFile(t, 30))
	finds(t, "all pixels", found, ImageFrames)
}

func tiffEntry(id uint16, value uint32) []byte {
	b := binary.LittleEndian.AppendUint16(nil, id)
	b = binary.LittleEndian.AppendUint16(b, 4)
	b = binary.LittleEndian.AppendUint32(b, 1)
	return binary.LittleEndian.AppendUint32(b, value)
}

func TestPicturesThatAreMalformed(t *testing.T) {
	tif := tiffFileOf(t)
	ifd := binary.LittleEndian.Uint32([]byte(tif[4:]))
	next := int(ifd) + 2 + 12*int(binary.LittleEndian.Uint16([]byte(tif[ifd:])))
	circle := changed(tif, next, byte(ifd), byte(ifd>>8), 0, 0)
	p := pngFile(t)
	for what, content := range map[string]string{
		"PNG cut": p[:len(p)-1], "PNG without pixels": changed(p, 16, 0, 0, 0, 0), "PNG with two headers": pngWith(t, p[8:33]), "PNG with a chunk too long": changed(p, 33, 0x7f), "PNG only": p[:8],
		"JPEG cut": jpegFile(t)[:300], "JPEG with two sizes": jpegWith(t, 0xc0, "\x08\x00\x06\x00\x08\x01\x01\x11\x00"), "GIF cut": gifFile(t, 1)[:20], "GIF with another block": changed(gifFile(t, 1), len(gifFile(t, 1))-1, 1),
		"WebP cut": webpFile()[:20], "WebP without an image": "RIFF\x0c\x00\x00\x00WEBPJUNK\x00\x00\x00\x00", "BMP cut": bmpFile(t)[:100], "TIFF cut": tif[:len(tif)-3], "TIFF in a circle": circle, "TIFF without pixels": changed(tif, int(ifd)+2, tiffEntry(256, 0)...),
	} {
		kind, found := check(t, Limits{}, "a", "", content)
		finds(t, what+" ("+kind+")", found, Malformed)
	}
}

// A file that is two things passes one program's check as this, and is used by the next as that.
func TestPolyglots(t *testing.T) {
	z, exe := zipFile(t, "a.class", "\xca\xfe\xba\xbe"), "MZ\x90\x00\x03\x00\x00\x00"+strings.Repeat("\x00", 100)
	p, j, g := pngFile(t), jpegFile(t), gifFile(t, 1)
	for what, content := range map[string]string{
		"GIFAR": g + z, "GIFAR with bytes after": g + z + "xxxx", "JPEG and zip": j + z, "PNG and zip": p + z, "zip in a comment of a JPEG": jpegWith(t, 0xfe, z), "PDF and zip": pdfFile + z, "text and zip": "#!/bin/sh\nexit\n" + z,
		"PNG and PDF": pngWith(t, pngChunk("tEXt", "a\x00"+pdfFile)), "GIF and a program": g + exe, "PNG and ELF": p + "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 60), "BMP and a program": bmpFile(t) + exe, "WebP and a program": webpFile() + exe,
		"JPEG and HTML": j + "<html><script>alert(1)</script>", "JPEG and RAR": j + "Rar!\x1a\x07\x00" + strings.Repeat("x", 50), "RAR in a chunk": pngWith(t, pngChunk("prVt", "7z\xbc\xaf\x27\x1c\x00\x04")),
		"GIF and JavaScript": "GIF89a/*" + g[8:], "BMP and JavaScript": "BM/*" + bmpFile(t)[4:], "a PDF after bytes of another": "\x89ABC\x00\x01" + pdfFile, "a document and a program": docx(t, "META-INF/MANIFEST.MF", "x"),
		"PNG and tar": pngWith(t, pngChunk("prVt", strings.Repeat("\x00", 257-41)+"ustar\x0000"+strings.Repeat("\x00", 20))), "PNG and a disk image": pngWith(t, pngChunk("prVt", strings.Repeat("\x00", 32769-41)+"CD001\x01"+strings.Repeat("\x00", 3000))),
	} {
		kind, found := check(t, Limits{}, "a", "", content)
		finds(t, what+" ("+kind+")", found, Polyglot)
	}
	for what, content := range map[string]string{
		"PHP in a JPEG's comment": jpegWith(t, 0xfe, "<?php system($_GET['c']); ?>"), "PHP in Exif": jpegWith(t, 0xe1, "Exif\x00\x00II*\x00\x08\x00\x00\x00<?PHP eval("), "HTML in a PNG's text": pngWith(t, pngChunk("tEXt", "Comment\x00<ScRiPt>alert(1)</script>")),
		"HTML in a GIF's comment": g[:len(g)-1] + "\x21\xfe\x09<iframe >\x00;", "script after a PNG": p + strings.Repeat("\x01", 70_000) + "<script src=x>",
	} {
		_, found := check(t, Limits{}, "a", "", content)
		finds(t, what, found, Script)
	}
	for what, content := range map[string]string{"a preview after a JPEG": j + strings.Repeat("\x00", 40) + jpegFile(t), "a video after a JPEG": j + "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", "padding after a PNG": p + strings.Repeat("\x00", 900)} {
		_, found := check(t, Limits{}, "a.bin", "", content)
		clean(t, what, found)
	}
	_, found := check(t, Limits{}, "a.png", "", p+"x")
	finds(t, "a byte after a PNG", found, Trailing)
}
