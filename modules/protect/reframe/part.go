package reframe

import (
	"bytes"
	"fmt"
	"mime"
	"mime/multipart"
	"strings"
	"unicode/utf8"
)

// Part is one part of a form.
type Part struct {
	Name   string
	IsFile bool
	File   string // the name that the client gave the file; "" none
	Type   string // Content-Type, as it came; "" none
}

// readPart reads a part's head.
func readPart(raw *multipart.Part) (*Part, error) {
	h := raw.Header
	if len(h["Content-Disposition"]) != 1 || len(h["Content-Type"]) > 1 {
		return nil, &Error{"a part has no Content-Disposition, or a header twice"}
	}
	kind, params, err := mime.ParseMediaType(h["Content-Disposition"][0])
	if err != nil || kind != "form-data" {
		return nil, &Error{"a part's Content-Disposition is malformed"}
	}
	p := &Part{Name: params["name"], Type: h.Get("Content-Type")}
	if p.File, p.IsFile = params["filename"]; p.Name == "" || !plain(p.Name) || strings.ContainsAny(p.Name, "\"\\") || !utf8.ValidString(p.File) {
		return nil, &Error{"a part's name is missing, or holds characters that servers read differently"}
	}
	for _, e := range h["Content-Transfer-Encoding"] {
		switch strings.ToLower(strings.TrimSpace(e)) {
		case "7bit", "8bit", "binary":
		default:
			return nil, &Error{"a part has a transfer encoding"}
		}
	}
	if p.Type == "" {
		return p, nil
	}
	t, _, err := mime.ParseMediaType(p.Type)
	if err != nil || !plain(p.Type) || strings.HasPrefix(t, "multipart/") {
		return nil, &Error{"a part's Content-Type is malformed, or a form in the form"}
	}
	return p, nil
}

// plain tells whether a text is UTF-8 without control characters.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// write writes the head.
func (p *Part) write(b *bytes.Buffer) {
	fmt.Fprintf(b, `Content-Disposition: form-data; name="%s"`, p.Name)
	if p.IsFile {
		fmt.Fprintf(b, `; filename="%s"`, quote(p.File))
	}
	b.WriteString("\r\n")
	if p.Type != "" {
		fmt.Fprintf(b, "Content-Type: %s\r\n", p.Type)
	}
	b.WriteString("\r\n")
}

// quote writes a file's name as browsers do, which escape by percent signs; a backslash, which some servers take for an escape, likewise.
func quote(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == 0x7f || c == '"' || c == '\\' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
