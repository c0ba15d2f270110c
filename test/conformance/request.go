package conformance

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"text/template"
)

const (
	form          = "application/x-www-form-urlencoded"
	contentType   = "Content-Type"
	contentLength = "Content-Length"
)

// withBody is go-ftw's expression, whose alternatives are anchored as they read: ^POST, PUT, PATCH, DELETE$.
var withBody = regexp.MustCompile(`^POST|PUT|PATCH|DELETE$`)

// bytes is the request as go-ftw puts it on the wire: text for text what the test says, with the headers completed unless the test
// forbids it.
func (in input) bytes() ([]byte, error) {
	if in.EncodedRequest != "" {
		return base64.StdEncoding.DecodeString(in.EncodedRequest)
	}
	data, err := in.data()
	if err != nil {
		return nil, err
	}
	h, complete := in.Headers, in.complete()
	method := or(in.Method, "GET")
	if complete && len(data) > 0 {
		h = h.ensure(contentType, form)
		data = escaped(h, data)
	}
	if value, ok := h.get(contentType); ok && strings.Contains(value, "multipart/form-data;") {
		data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
	}
	if complete {
		h = h.ensure("Connection", "close")
		if len(data) > 0 || withBody.MatchString(method) {
			h = h.ensure(contentLength, strconv.Itoa(len(data)))
		}
	}
	var b bytes.Buffer
	b.WriteString(method + " " + or(in.URI, "/") + " " + or(in.Version, "HTTP/1.1") + "\r\n")
	for _, one := range h {
		b.WriteString(one.name + ": " + one.value + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(data)
	return b.Bytes(), nil
}

func (in input) complete() bool {
	switch {
	case in.AutocompleteHeaders != nil:
		return *in.AutocompleteHeaders
	case in.StopMagic != nil:
		return !*in.StopMagic
	}
	return true
}

// data is the body. It may be a template, of which the suite uses one function.
func (in input) data() ([]byte, error) {
	if in.Data == nil || !strings.Contains(*in.Data, "{{") {
		return []byte(or(in.Data, "")), nil
	}
	t, err := template.New("data").Funcs(template.FuncMap{"repeat": func(n int, s string) string { return strings.Repeat(s, n) }}).Parse(*in.Data)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, nil)
	return b.Bytes(), err
}

// escaped makes a form of what is one by its type and looks unescaped.
func escaped(h headers, data []byte) []byte {
	value, _ := h.get(contentType)
	plain, err := url.QueryUnescape(string(data))
	if value != form || err != nil || plain != string(data) {
		return data
	}
	var parts []string
	for _, pair := range strings.Split(string(data), "&") {
		key, value, both := strings.Cut(pair, "=")
		pair = url.QueryEscape(key)
		if both {
			pair += "=" + url.QueryEscape(value)
		}
		parts = append(parts, pair)
	}
	return []byte(strings.Join(parts, "&"))
}

func (h headers) get(name string) (string, bool) {
	for _, one := range h {
		if strings.EqualFold(one.name, name) {
			return one.value, true
		}
	}
	return "", false
}

func (h headers) ensure(name, value string) headers {
	if _, ok := h.get(name); ok {
		return h
	}
	return append(h[:len(h):len(h)], header{name, value})
}

func or(s *string, absent string) string {
	if s == nil {
		return absent
	}
	return *s
}
