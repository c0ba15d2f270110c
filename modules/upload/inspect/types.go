package inspect

import (
	"path"
	"slices"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// agree tells whether a file whose content is of a kind may be declared as another: the same by any of its names, what it is built on (a
// DOCX is a zip), or kinds that content does not tell apart (source code and text).
func agree(declared, kind string) bool {
	declared = strings.ToLower(alone(declared))
	if alias, ok := aliases[declared]; ok {
		declared = alias
	}
	if declared == "" || declared == typeUnknown || declared == kind || declared == "binary/octet-stream" {
		return true
	}
	known := mimetype.Lookup(declared)
	for m, itself := mimetype.Lookup(kind), true; m != nil && known != nil; m, itself = m.Parent(), false {
		if m.Is(declared) && m.Parent() != nil {
			return itself || !risky(kind) // a page is text, but who says text does not say page
		}
	}
	switch {
	case strings.HasPrefix(declared, "application/x-httpd-"): // what servers run
		return false
	case risky(kind) || risky(declared) || known != nil && risky(alone(known.String())):
		return false
	case kind == typePNG && declared == typeIcon, kind == typePDF && declared == "application/postscript": // favicons, and drawings of Illustrator
		return true
	case textual(kind) && known == nil: // systems have names of their own for source code, as audio/x-mod for a go.mod
		return true
	case textual(kind):
		return (textual(declared) || textual(known.String())) && (kind == typeText || strings.HasSuffix(kind, "xml") && strings.HasSuffix(declared, "xml") || softText(kind))
	case media(kind):
		return media(declared)
	case raster(kind):
		return family(kind) != "" && family(kind) == family(declared)
	case kind == typeUnknown:
		return known == nil || media(declared) || softBinary(declared)
	}
	// A format nobody here knows may be built on one that is known.
	return known == nil && container(kind)
}

// alone is a type without its parameters.
func alone(t string) string {
	t, _, _ = strings.Cut(t, ";")
	return strings.TrimSpace(t)
}

var aliases = map[string]string{
	"image/jpg": typeJPEG, "image/pjpeg": typeJPEG, "image/x-png": typePNG, "image/apng": typePNG, "image/x-ms-bmp": typeBMP, "image/vnd.microsoft.icon": typeIcon, "image/ico": typeIcon,
	"image/tif": typeTIFF, "application/xml": typeXML, "application/x-pdf": typePDF, "application/x-zip": typeZip, "application/x-zip-compressed": typeZip,
	"application/x-gzip": typeGzip, "application/x-tgz": typeGzip, "application/x-compressed-tar": typeGzip, "application/x-bzip": typeBzip2, "application/bzip2": typeBzip2,
	"application/x-zstd": typeZstd, "image/x-photoshop": typePSD, "application/x-tar": typeTar, "application/tar": typeTar,
	"application/x-msdownload": typeExe, "application/x-dosexec": typeExe, "application/x-httpd-php": typePHP, "application/x-php": typePHP, "application/php": typePHP, "application/x-java-archive": typeJar,
}

// risky tells the kinds that must be declared as what they are.
func risky(kind string) bool {
	return executable(kind) || kind == typeHTML || kind == typeXHTML || kind == typeSVG
}

func media(kind string) bool {
	return strings.HasPrefix(kind, "audio/") || strings.HasPrefix(kind, "video/") || kind == "application/ogg" || kind == "application/mp4" || kind == "application/vnd.rn-realmedia-vbr"
}

func raster(kind string) bool { return strings.HasPrefix(kind, "image/") }

// family of images that differ in their codec only.
func family(kind string) string {
	switch kind {
	case "image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence", "image/avif":
		return "heif"
	case "image/jp2", "image/jpx", "image/jpm":
		return "jp2"
	}
	return ""
}

// softText tells the texts that are guessed by words in them.
func softText(kind string) bool {
	switch kind {
	case "text/csv", "text/tab-separated-values", "text/x-python", "text/x-perl", "text/x-ruby", "text/x-lua", "text/x-tcl", "text/x-shellscript", "text/javascript",
		"application/x-subrip", "message/rfc822", "application/json", "application/x-ndjson", "text/vnd.familysearch.gedcom":
		return true
	}
	return false
}

// softBinary tells the types whose content has nothing that tells them.
func softBinary(kind string) bool {
	return strings.HasPrefix(kind, "text/") && !risky(kind) || kind == "application/x-ms-pub" || kind == "application/zlib" || kind == "application/x-dbf"
}

func container(kind string) bool {
	return kind == typeZip || kind == typeOLE || kind == typeGzip || kind == typeTar || kind == "application/vnd.sqlite3"
}

// agreesWithName tells whether the extension of a name may stand for a kind. An extension that is not listed says nothing, except of
// content that must be named as what it is.
func agreesWithName(name, kind string) bool {
	ext := strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	if ext == "" {
		return true
	}
	of, ok := extensions[ext]
	if !ok {
		return !risky(kind) || executable(kind)
	}
	return slices.ContainsFunc(of, func(t string) bool { return agree(t, kind) })
}

// extensions of files that a viewer, a browser or a server opens by their name.
var extensions = func() map[string][]string {
	all := map[string][]string{
		"html": {typeHTML, typeXHTML}, "htm": {typeHTML, typeXHTML}, "xhtml": {typeXHTML, typeHTML}, "svg": {typeSVG}, "svgz": {typeGzip}, "xml": {typeXML},
		"png": {typePNG}, "apng": {typePNG}, "jpg": {typeJPEG}, "jpeg": {typeJPEG}, "jpe": {typeJPEG}, "jfif": {typeJPEG}, "mpo": {typeJPEG}, "gif": {typeGIF}, "webp": {typeWebP}, "bmp": {typeBMP}, "dib": {typeBMP},
		"tif": {typeTIFF}, "tiff": {typeTIFF}, "dng": {typeTIFF}, "nef": {typeTIFF}, "cr2": {typeTIFF}, "arw": {typeTIFF}, "ico": {typeIcon}, "psd": {typePSD}, "psb": {typePSD},
		"heic": {"image/heic"}, "heif": {"image/heif"}, "avif": {"image/avif"}, "jxl": {"image/jxl"}, "jp2": {"image/jp2"}, "j2k": {"image/jp2"},
		"pdf": {typePDF}, "ai": {typePDF, "application/postscript"}, "eps": {"application/postscript"}, "ps": {"application/postscript"}, "rtf": {"text/rtf"},
		"zip": {typeZip}, "tar": {typeTar}, "gz": {typeGzip}, "tgz": {typeGzip}, "bz2": {typeBzip2}, "tbz2": {typeBzip2}, "zst": {typeZstd}, "7z": {"application/x-7z-compressed"}, "rar": {"application/vnd.rar"}, "xz": {"application/x-xz"},
		"doc": {"application/msword", typeOLE, "text/rtf"}, "dot": {"application/msword", typeOLE}, "xls": {"application/vnd.ms-excel", typeOLE}, "ppt": {"application/vnd.ms-powerpoint", typeOLE}, "msg": {"application/vnd.ms-outlook", typeOLE},
		"csv": {"text/csv", typeText}, "tsv": {"text/tab-separated-values", typeText}, "txt": {typeText}, "text": {typeText}, "log": {typeText}, "md": {typeText}, "json": {"application/json"}, "ics": {"text/calendar", typeText}, "vcf": {"text/vcard", typeText},
		"mp3": {"audio/mpeg"}, "m4a": {"audio/mp4"}, "aac": {"audio/aac"}, "ogg": {"audio/ogg"}, "oga": {"audio/ogg"}, "opus": {"audio/ogg"}, "flac": {"audio/flac"}, "wav": {"audio/wav"}, "mp4": {"video/mp4"}, "m4v": {"video/mp4"},
		"mov": {"video/quicktime"}, "webm": {"video/webm"}, "mkv": {"video/matroska"}, "avi": {"video/x-msvideo"}, "ogv": {"video/ogg"}, "mpg": {"video/mpeg"}, "mpeg": {"video/mpeg"},
		"ttf": {"font/ttf"}, "otf": {"font/otf"}, "woff": {"font/woff"}, "woff2": {"font/woff2"}, "epub": {"application/epub+zip"},
	}
	for _, o := range offices {
		for _, ext := range o.extensions {
			all[ext] = append(all[ext], o.kind, typeOLE) // encrypted ones lie in an OLE container
		}
	}
	return all
}()
