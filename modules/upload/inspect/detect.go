package inspect

import (
	"bytes"
	"net/http"
	"path"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// headSize is what a type is told by. What lies deeper is looked for in markup and in the directories of archives.
const headSize = 4096

// Types that the checker knows more about.
const (
	typeUnknown = "application/octet-stream"
	typeText    = "text/plain"
	typeHTML    = "text/html"
	typeXHTML   = "application/xhtml+xml"
	typeXML     = "text/xml"
	typeSVG     = "image/svg+xml"
	typePDF     = "application/pdf"
	typeOLE     = "application/x-ole-storage"
	typeZip     = "application/zip"
	typeTar     = "application/x-tar"
	typeGzip    = "application/gzip"
	typeBzip2   = "application/x-bzip2"
	typeZstd    = "application/zstd"
	typeJar     = "application/java-archive"
	typeAPK     = "application/vnd.android.package-archive"
	typeExe     = "application/vnd.microsoft.portable-executable"
	typeELF     = "application/x-elf"
	typePHP     = "text/x-php"
	typePNG     = "image/png"
	typeJPEG    = "image/jpeg"
	typeGIF     = "image/gif"
	typeWebP    = "image/webp"
	typeBMP     = "image/bmp"
	typeTIFF    = "image/tiff"
	typeIcon    = "image/x-icon"
	typePSD     = "image/vnd.adobe.photoshop"
)

// signatures are those that nothing else begins with. mimetype looks for some of its own further in, so that a picture with "%PDF-" in its
// first kilobyte would be a PDF.
var signatures = []struct{ start, kind string }{
	{"\x89PNG\r\n\x1a\n", typePNG}, {"\xff\xd8\xff", typeJPEG}, {"GIF87a", typeGIF}, {"GIF89a", typeGIF}, {"II*\x00", typeTIFF}, {"MM\x00*", typeTIFF},
	{"II+\x00\x08\x00\x00\x00", typeTIFF}, {"MM\x00+\x00\x08\x00\x00", typeTIFF}, {"%PDF-", typePDF}, {"\x7fELF", typeELF}, {"PK\x03\x04", typeZip}, {"PK\x05\x06", typeZip},
	{"\x1f\x8b", typeGzip}, {"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"}, {"Rar!\x1a\x07", "application/vnd.rar"}, {"\xfd7zXZ\x00", "application/x-xz"},
	{"\x28\xb5\x2f\xfd", typeZstd}, {"8BPS", typePSD},
}

// detect tells a type by the first bytes of a file.
func detect(head []byte) string {
	for _, s := range signatures {
		if bytes.HasPrefix(head, []byte(s.start)) {
			return s.kind
		}
	}
	if len(head) >= 10 && string(head[:3]) == "BZh" && string(head[4:10]) == "1AY&SY" {
		return typeBzip2
	}
	if len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP" {
		return typeWebP
	}
	if sfnt(head) {
		return "font/ttf"
	}
	if len(head) == 0 {
		return typeText
	}
	kind, _, _ := strings.Cut(mimetype.Detect(head).String(), ";")
	switch {
	case isText(head) && !textual(kind) && (kind != typePDF || !bytes.Contains(head, []byte(" obj"))):
		kind = typeText // two letters make a program, or a bitmap, for mimetype, and five in a text a PDF
	case kind == "image/apng":
		kind = typePNG
	}
	return kind
}

// sfnt tells a TrueType font by its table directory: mimetype knows some tables only, and tools put their own first (FFTM).
func sfnt(head []byte) bool {
	if len(head) < 16 || string(head[:4]) != "\x00\x01\x00\x00" || head[4] != 0 || head[5] == 0 || head[5] > 64 {
		return false
	}
	for _, c := range head[12:16] {
		if c != '/' && c != ' ' && !isLetter(c) && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// isText tells whether there are no bytes but of text, as WHATWG's MIME sniffing has it.
func isText(head []byte) bool {
	for _, c := range head {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b {
			return false
		}
	}
	return true
}

// textual tells the types that are text to people, some of them to programs too.
func textual(kind string) bool {
	if strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+xml") || strings.HasSuffix(kind, "+json") {
		return true
	}
	switch kind {
	case "application/json", "application/x-ndjson", "application/x-subrip", "application/warc", "message/rfc822", "application/postscript", "application/x-amf",
		"application/vnd.apple.mpegurl", "application/vnd.adobe.xfdf", "image/x-xpixmap", "image/x-portable-bitmap", "image/x-portable-graymap",
		"image/x-portable-pixmap", "image/x-portable-arbitrarymap", "image/vnd.dxf", "application/x-bittorrent", "application/xml", "application/javascript",
		"application/x-javascript", "application/x-sh", "application/x-yaml", "application/yaml", "application/toml", "application/sql", "application/x-httpd-php",
		"application/rtf", "application/pgp-signature", "application/pgp-keys", "application/x-x509-ca-cert", "application/x-pem-file", "application/typescript":
		return true
	}
	return false
}

// sniffsAsHTML tells whether a browser that is told neither a type nor nosniff takes the file for HTML. Browsers skip more white space than
// Go's library does.
func sniffsAsHTML(head []byte) bool {
	return strings.HasPrefix(http.DetectContentType(bytes.TrimLeft(head, " \t\r\n\f")), typeHTML)
}

// prose tells the names of texts that may begin with a tag, as a heading in Markdown does: what they hold is shown as text by their name.
func prose(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".md", ".markdown", ".txt", ".rst", ".dtd":
		return true
	}
	return false
}

// pages begin what is a page whatever its name is.
var pages = []string{"<!doctype html", "<html", "<head", "<script", "<iframe", "<body", "<style"}

func beginsPage(head []byte) bool {
	s := strings.ToLower(string(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n\f")))
	for _, p := range pages {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// executable tells the types that are run by those who open them.
func executable(kind string) bool {
	switch kind {
	case typeExe, typeELF, "application/x-object", "application/x-executable", "application/x-sharedlib", "application/x-coredump", "application/x-mach-binary",
		"application/x-java-applet", typeJar, typeAPK, "application/x-ms-installer", "application/x-ms-shortcut", "application/x-chrome-extension",
		"application/vnd.debian.binary-package", "application/x-rpm", "application/x-shockwave-flash", "application/vnd.ms-htmlhelp", "application/wasm",
		"application/x-bytecode.python", typePHP:
		return true
	}
	return false
}

// opaque tells the archives that can't be looked into here.
func opaque(kind string) bool {
	switch kind {
	case "application/x-7z-compressed", "application/vnd.rar", "application/x-xz", "application/lzip", "application/vnd.ms-cab-compressed", "application/x-installshield",
		"application/x-cpio", "application/x-xar", "application/x-archive", "application/x-iso9660-image", "application/x-apple-diskimage", "application/zlib":
		return true
	}
	return false
}
