package output

import (
	"bytes"
	"mime"
	"net/http"
	"strings"
)

// mediaType is what a Content-Type says, without parameters, in lower case. One that can't be read is taken for what stands before its parameters.
func mediaType(header string) string {
	media, _, _ := strings.Cut(header, ";")
	return strings.ToLower(strings.TrimSpace(media))
}

func isJSON(media string) bool {
	switch media {
	case "application/json", "text/json", "application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-seq", "application/x-json":
		return true
	}
	return strings.HasSuffix(media, "+json")
}

// isFile tells whether a browser saves it: nothing shows it in a page, and its bytes are somebody's.
func isFile(h http.Header) bool {
	disposition, _, _ := strings.Cut(h.Get("Content-Disposition"), ";")
	return strings.EqualFold(strings.TrimSpace(disposition), "attachment")
}

// isLive tells whether whoever asked waits for every line.
func isLive(media string) bool {
	switch media {
	case "text/event-stream", "application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-seq":
		return true
	}
	return false
}

// isText tells whether people read it. Scripts and styles are made by programmers, and large.
func isText(media string) bool {
	switch media {
	case "text/css", "text/javascript", "text/ecmascript":
		return false
	case "application/xml", "application/xhtml+xml", "application/rtf", "application/x-yaml", "application/yaml", "application/sql", "application/csv":
		return true
	}
	return strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "+xml") && media != "image/svg+xml"
}

// readable tells whether the bytes of a text are those of ASCII where its characters are: whether it can be looked through.
func readable(header string) bool {
	_, params, err := mime.ParseMediaType(header)
	if err != nil {
		return !strings.Contains(strings.ToLower(header), "utf-16") && !strings.Contains(strings.ToLower(header), "utf16") && !strings.Contains(strings.ToLower(header), "utf-32") &&
			!strings.Contains(strings.ToLower(header), "unicode")
	}
	charset := strings.ToLower(params["charset"])
	for _, wide := range []string{"utf-16", "utf16", "utf-32", "utf32", "utf-7", "utf7", "unicode", "csunicode", "csutf", "ucs", "csucs", "csiso10646", "iso-10646", "ebcdic", "cp037", "ibm"} {
		if strings.HasPrefix(charset, wide) {
			return false
		}
	}
	return true
}

// wide tells that a text begins with the mark of UTF-16 or UTF-32, which programs believe more than what its headers say.
func wide(begin []byte) bool {
	return bytes.HasPrefix(begin, []byte("\xff\xfe")) || bytes.HasPrefix(begin, []byte("\xfe\xff")) || bytes.HasPrefix(begin, []byte("\x00\x00\xfe\xff"))
}

// utf8Mark is what some programs write before a text.
var utf8Mark = []byte("\xef\xbb\xbf")

// looksJSON tells whether a text that calls itself a page is an object or an array: no page begins so.
func looksJSON(begin []byte) bool {
	begin = trim(bytes.TrimPrefix(begin, utf8Mark))
	if len(begin) == 0 || begin[0] != '{' && begin[0] != '[' {
		return false
	}
	rest := trim(begin[1:])
	if len(rest) == 0 {
		return false
	}
	if begin[0] == '{' {
		return rest[0] == '"' || rest[0] == '}'
	}
	return strings.IndexByte(`{["]-0123456789tfn`, rest[0]) >= 0
}

func trim(b []byte) []byte { return bytes.TrimLeft(b, " \t\r\n") }

// guess is the type of what has none. Nothing becomes a page, or what a browser would run, for how it begins: who answers with pages says so.
func guess(begin []byte) string {
	if looksJSON(begin) {
		return "application/json"
	}
	found := http.DetectContentType(begin)
	switch media := mediaType(found); {
	case media == "text/html", media == "text/xml", media == "application/pdf":
		return "text/plain; charset=utf-8"
	}
	return found
}
