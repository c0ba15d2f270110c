package inspect

import (
	"strings"
	"testing"
)

const docxType = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

func TestOrdinaryFilesPass(t *testing.T) {
	for _, c := range []struct{ name, declared, content, kind string }{
		{"a.png", typePNG, pngFile(t), typePNG}, {"a.JPG", "image/jpg", jpegFile(t), typeJPEG}, {"a.jpeg", "", jpegFile(t), typeJPEG}, {"a.gif", "image/gif", gifFile(t, 3), typeGIF},
		{"a.webp", "image/webp", webpFile(), typeWebP}, {"a.bmp", "image/bmp", bmpFile(t), typeBMP}, {"a.tiff", "image/tiff", tiffFileOf(t), typeTIFF},
		{"a.svg", "image/svg+xml", svgStart + `<rect fill="url(#a)" width="8" height="6"/><a href="https://example.org/"><text>x</text></a></svg>`, typeSVG},
		{"a.svg", "image/svg+xml", "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n<!-- Inkscape -->\n<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\">\n" + svgStart + "</svg>", typeSVG},
		{"a.pdf", "application/pdf", pdfFile, typePDF}, {"a.docx", docxType, docx(t), docxType}, {"a.docx", "application/zip", docx(t), docxType},
		{"a.zip", "application/x-zip-compressed", zipFile(t, "b/c.txt", "hello", "b/d.txt", ""), typeZip}, {"a.zip", "", zipFile(t), typeZip}, {"a.zip", "", storedZip(t, "a.txt", "x", "b.png", pngFile(t)), typeZip},
		{"a.tar.gz", "application/gzip", gzipped(t, tarFile(t)+strings.Repeat("\x00", 512)), typeGzip},
		{"a.txt", "text/plain", "hello", typeText}, {"a.txt", "text/plain; charset=utf-8", "MZ is how programs begin, BM how bitmaps do", typeText}, {"empty.txt", "", "", typeText},
		{"notes.txt", "text/plain", "A PDF begins with %PDF-1.7, a page with <html>", typeText}, {"a.csv", "text/csv", "a,b\n1,2\n", "text/csv"}, {"main.go", "text/x-go", "package main\n", typeText},
		{"a.md", "text/markdown", "# Title\n\n<script> is what pages run\n", typeText}, {"a.json", "application/json", `{"a":1}`, "application/json"}, {"README.md", "text/markdown", "<h1 align=center>Title</h1>\n\nText", typeText},
		{"a.bin", "application/octet-stream", "\x00\x01\x02\x03", typeUnknown}, {"Screenshot 12:30:00.png", typePNG, pngFile(t), typePNG}, {"a.xml", "application/xml", `<?xml version="1.0"?><a><script/></a>`, typeXML},
		{"größe 👨‍👩‍👧.png", typePNG, pngFile(t), typePNG}, {"a.foo", "application/vnd.foo+zip", zipFile(t, "a", "b"), typeZip}, {"", "", pngFile(t), typePNG},
	} {
		kind, found := check(t, Limits{}, c.name, c.declared, c.content)
		clean(t, c.name, found)
		if kind != c.kind {
			t.Errorf("%s, declared %q: %s, want %s", c.name, c.declared, kind, c.kind)
		}
	}
}

// A file that is something else than its name or its declared type says is opened by one program as this and by the next as that.
func TestTypeAgainstNameAndDeclaredType(t *testing.T) {
	page, exe := "<!DOCTYPE html><html><body>x</body></html>", "MZ\x90\x00\x03\x00\x00\x00"+strings.Repeat("\x00", 100)
	for _, c := range []struct {
		name, declared, content string
		rule                    Rule
	}{
		{"a.png", typePNG, jpegFile(t), DeclaredType}, {"a.png", "", jpegFile(t), NameType}, {"a.png", typePNG, page, DeclaredType}, {"a.txt", typeText, page, DeclaredType}, {"a.txt", "", page, NameType},
		{"a.md", "text/markdown", page, DeclaredType}, {"a", "", strings.Repeat(" ", 1000) + page, Active}, {"a", "", "<p>x", Active}, {"a.unknown", "", page, NameType}, {"a", "", page, Active}, {"a.html", typeHTML, page, Active}, {"a.txt", typeText, " \n<svg xmlns='http://www.w3.org/2000/svg'/>", DeclaredType},
		{"a.txt", typeText, "<!--" + strings.Repeat("x", 9000) + "--><svg xmlns='http://www.w3.org/2000/svg'/>", DeclaredType},
		{"a.txt", typeText, "\xff\xfe" + string(wide16("<html><script>")), DeclaredType}, {"a.xml", typeXML, `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>`, Active},
		{"a.png", typePNG, exe, Executable}, {"a", "", exe, Executable}, {"a", "application/x-msdownload", exe, Executable}, {"a", "", "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 100), Executable},
		{"a.zip", "application/zip", zipFile(t, "META-INF/MANIFEST.MF", "Manifest-Version: 1.0"), Executable}, {"a.apk", "", zipFile(t, "AndroidManifest.xml", "x"), Executable},
		{"a.php", "text/plain", "<?php system($_GET['c']);", Executable}, {"a.pdf", typePDF, zipFile(t, "a", "b"), DeclaredType}, {"a.jpg", typeJPEG, "hello", DeclaredType}, {"a.jpg", typeJPEG, "", DeclaredType},
		{"a.docx", docxType, zipFile(t, "a.txt", "b"), DeclaredType}, {"a.jpg", typeJPEG, "GIF89a" + gifFile(t, 1)[6:], DeclaredType},
	} {
		_, found := check(t, Limits{}, c.name, c.declared, c.content)
		finds(t, c.name+" declared "+c.declared, found, c.rule)
	}
	_, found := check(t, Limits{Types: []string{"image/*"}}, "a.pdf", typePDF, pdfFile)
	finds(t, "a PDF where images may be uploaded", found, TypeDenied)
	_, found = check(t, Limits{Types: []string{"image/*"}}, "a.png", typePNG, pngFile(t))
	clean(t, "an image where images may be uploaded", found)
}

func TestNames(t *testing.T) {
	for _, name := range []string{"../a.txt", `..\a.txt`, "/etc/passwd", "C:\\a.txt", "a/b.txt", "..", ".", "a\x00.txt", "a\r\nb.txt", "a\u202egnp.txt", ".htaccess", "web.config", "a.txt::$DATA",
		"CON", "nul.txt", "a.php.jpg", "a.php;.jpg", "a.php:.jpg", "a.PHP5", "a.phtml", "a.asp. ", "a.jsp", "a.txt.", "a.txt ", " ", "\xff.txt", strings.Repeat("a", 256)} {
		if _, found := check(t, Limits{}, name, "", "hello"); !strings.Contains(rules(found), "name") {
			t.Errorf("%q passes: %s", name, rules(found))
		}
	}
	for _, name := range []string{"a.exe", "a.pdf.scr", "a.pdf.js", "a.hta", "a.lnk", "a.bat", "invoice.pdf.vbs"} {
		_, found := check(t, Limits{}, name, "", "hello")
		finds(t, name, found, Executable)
	}
}

// What people have on their disks, as browsers and systems declare it.
func TestWhatPeopleHavePasses(t *testing.T) {
	font := "\x00\x01\x00\x00\x00\x14\x01\x00\x00\x04\x00@FFTM" + strings.Repeat("\x00\x11", 300) // as those of DejaVu begin
	for _, c := range []struct{ name, declared, content string }{
		{"DejaVuSans.ttf", "font/ttf", font}, {"favicon.ico", "image/x-icon", pngFile(t)}, {"favicon.ico", "image/vnd.microsoft.icon", pngFile(t)}, {"logo.ai", "application/postscript", pdfFile},
		{"go.mod", "audio/x-mod", "module example.com/x\n"}, {"build.sh", "application/x-shellscript", "set -e\n"}, {"a.rb", "application/x-ruby", "require 'json'\n"},
		{"a.man", "application/x-troff-man", ".TH A 1\n"}, {"a.afm", "application/x-font-afm", "StartFontMetrics 2.0\n"}, {"a.dtd", "application/xml-dtd", "<!-- a schema -->\n<!ELEMENT a EMPTY>\n"},
		{"old.gif", typeGIF, strings.TrimSuffix(gifFile(t, 1), ";")},
	} {
		_, found := check(t, Limits{}, c.name, c.declared, c.content)
		clean(t, c.name+" declared "+c.declared, found)
	}
	_, found := check(t, Limits{}, "site.zip", typeZip, zipFile(t, "src/app.js", "export default 1", "vendor/jquery.min.js", "x"))
	for _, f := range found {
		if f.Refuses() {
			t.Errorf("source code in a zip is refused: %s", f.Rule)
		}
	}
	for _, declared := range []string{typeHTML, typeSVG, typePHP, "application/x-php", typeExe} { // a type that a server or a browser acts on is no other name for text
		_, found := check(t, Limits{}, "a", declared, "hello")
		finds(t, "text declared "+declared, found, DeclaredType)
	}
	for name, rule := range map[string]Rule{"a.js": Active, "a.MJS": Active, "report.pdf.js": Executable} {
		_, found := check(t, Limits{}, name, "", "alert(1)")
		finds(t, name, found, rule)
	}
}

func TestLimitsAreValidated(t *testing.T) {
	for _, l := range []Limits{{Depth: -1}, {Bytes: -1}, {Depth: 17}, {Types: []string{"png"}}, {Types: []string{"Image/PNG"}}, {Opaque: []string{"a/b; c=d"}}} {
		if _, err := New(l); err == nil {
			t.Errorf("%+v is accepted", l)
		}
	}
}
