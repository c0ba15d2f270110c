package form

import (
	"bytes"
	"net/url"
	"strconv"
	"strings"
)

const (
	maxName     = 1 << 10 // bytes of a field's or file's name
	maxHeaders  = 16      // of one part
	formData    = "form-data"
	disposition = "content-disposition"
)

// head reads the header of a part: lines that end in CRLF, without the empty one.
func (p *Part) head(raw []byte) error {
	p.Head, p.length = raw, -1
	seen := map[string]bool{}
	for len(raw) > 0 {
		line, rest, ok := bytes.Cut(raw, []byte("\r\n"))
		if !ok {
			return refuse(Header, "a header line does not end in CRLF")
		}
		raw = rest
		name, value, err := header(line)
		if err != nil {
			return err
		}
		if seen[name] || len(seen) == maxHeaders {
			return refuse(Header, "a header of a part is doubled, or there are too many")
		}
		seen[name] = true
		if err := p.take(name, value); err != nil {
			return err
		}
	}
	if !seen[disposition] {
		return refuse(Disposition, "a part has no Content-Disposition")
	}
	return p.settle()
}

// header is one line of it, the name in lower case.
func header(line []byte) (name, value string, err error) {
	name, value, ok := strings.Cut(string(line), ":")
	if !ok || name == "" {
		return "", "", refuse(Header, "a header line of a part is malformed")
	}
	for i := range len(name) { // a folded line begins with white space and ends here too
		if !isToken(name[i]) {
			return "", "", refuse(Header, "the name of a part's header is malformed")
		}
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return "", "", refuse(Header, "a part's header has control characters")
		}
	}
	return strings.ToLower(name), strings.Trim(value, " \t"), nil
}

func (p *Part) take(name, value string) error {
	switch name {
	case disposition:
		return p.disposition(value)
	case "content-type":
		return p.contentType(value)
	case "content-transfer-encoding":
		switch strings.ToLower(value) {
		case "7bit", "8bit", "binary": // as it came
			return nil
		}
		return refuse(Encoding, "a part has a transfer encoding")
	case "content-length":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 || strings.HasPrefix(value, "+") {
			return refuse(Length, "a part's Content-Length is malformed")
		}
		p.length = n
		return nil
	}
	if strings.HasPrefix(name, "content-") {
		return refuse(Header, "a part has a header that changes how it is read")
	}
	return nil
}

func (p *Part) disposition(value string) error {
	kind, rest, _ := strings.Cut(value, ";")
	if !strings.EqualFold(strings.Trim(kind, " \t"), formData) {
		return refuse(Disposition, "a part's Content-Disposition is not form-data")
	}
	extended, name, star := "", false, false
	for rest != "" {
		param, value, after, err := parameter(rest)
		if err != nil {
			return refuse(Disposition, "the parameters of a Content-Disposition are malformed")
		}
		rest = after
		switch {
		case param == "name" && !name:
			p.Name, name = value, true
		case param == "filename" && !p.File:
			p.Filename, p.File = value, true
		case param == "filename*" && !star:
			extended, star = value, true
		default:
			return refuse(Disposition, "a Content-Disposition has a parameter twice, or one that parsers read differently")
		}
	}
	if p.Name == "" || len(p.Name) > maxName || !plain(p.Name) || strings.EqualFold(p.Name, "_charset_") { // which would change how all are read
		return refuse(Name, "a field's name is missing or one that parsers read differently")
	}
	if len(p.Filename) > maxName || !plain(p.Filename) {
		return refuse(Filename, "a file's name is too long or malformed")
	}
	if star {
		return p.sameFilename(extended)
	}
	return nil
}

// RFC 7578 forbids filename*, yet clients send it beside filename: it is taken where both say the same, so that it matters to nobody
// which of them a back end reads.
func (p *Part) sameFilename(extended string) error {
	charset, rest, _ := strings.Cut(extended, "'")
	_, encoded, ok := strings.Cut(rest, "'")
	name, err := url.PathUnescape(encoded)
	if !ok || err != nil || !strings.EqualFold(charset, "utf-8") || !p.File || name != p.Filename {
		return refuse(Filename, "a file has two names that differ")
	}
	return nil
}

func (p *Part) contentType(value string) error {
	kind, rest, _ := strings.Cut(value, ";")
	kind = strings.ToLower(strings.Trim(kind, " \t"))
	major, minor, ok := strings.Cut(kind, "/")
	if !ok || !token(major) || !token(minor) {
		return refuse(Header, "a part's Content-Type is malformed")
	}
	if major == "multipart" {
		return refuse(Nested, "a part has parts of its own")
	}
	seen := map[string]bool{}
	for rest != "" {
		name, value, after, err := parameter(rest)
		if err != nil || seen[name] || strings.Contains(name, "*") {
			return refuse(Header, "the parameters of a part's Content-Type are malformed")
		}
		seen[name], rest = true, after
		if name == "charset" {
			p.Charset = strings.ToLower(value)
		}
	}
	p.Type = kind
	return nil
}

func token(s string) bool {
	for i := range len(s) {
		if !isToken(s[i]) || s[i] == '*' {
			return false
		}
	}
	return s != ""
}

// settle checks what hangs on several headers.
func (p *Part) settle() error {
	if !p.File && p.Charset != "" && !isUTF8(p.Charset) {
		return refuse(Charset, "a field is in another character set than UTF-8")
	}
	return nil
}
