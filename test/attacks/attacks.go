// Package attacks is the attack texts of the Core Rule Set's own tests: what their requests carry as arguments, headers, cookies
// and paths, taken out, so that each can be sent in a field of choice.
package attacks

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/corazawaf/coraza-coreruleset/v4/tests"
	"go.yaml.in/yaml/v3"
)

// Payload is one text that a rule must find.
type Payload struct {
	Rule int    // the file of the tests is named after it
	Test int    // of the file
	From string // where the suite has it: query, body, name, header, path
	Text string // as the rules see it: decoded; any bytes
}

// String names the payload as the suite does: 942100-3.
func (p Payload) String() string { return fmt.Sprintf("%d-%d (%s)", p.Rule, p.Test, p.From) }

// file is a test file, as go-ftw reads it.
type file struct {
	Rule  int `yaml:"rule_id"`
	Tests []struct {
		ID     int `yaml:"test_id"`
		Stages []struct {
			Input  input `yaml:"input"`
			Output struct {
				Log struct {
					Expect []int `yaml:"expect_ids"`
				} `yaml:"log"`
			} `yaml:"output"`
		} `yaml:"stages"`
	} `yaml:"tests"`
}

type input struct {
	Headers map[string]string `yaml:"headers"`
	Method  string            `yaml:"method"`
	URI     string            `yaml:"uri"`
	Data    string            `yaml:"data"`
	Encoded string            `yaml:"encoded_request"`
}

// All returns the texts of every test that expects a finding of the files 930 to 944, each text once.
func All() ([]Payload, error) {
	files, err := fs.Glob(tests.FS, "REQUEST-9[34]*/*.yaml")
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var all []Payload
	seen := map[string]bool{}
	for _, name := range files {
		b, err := fs.ReadFile(tests.FS, name)
		if err != nil {
			return nil, err
		}
		var f file
		if err := yaml.Unmarshal(b, &f); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if f.Rule == 0 {
			f.Rule, _ = strconv.Atoi(strings.TrimSuffix(path.Base(name), ".yaml")) // the name is the rule's
		}
		for _, t := range f.Tests {
			for _, s := range t.Stages {
				if len(s.Output.Log.Expect) == 0 {
					continue // a test of what must not be found
				}
				s.Input.texts(func(from, text string) {
					if text != "" && !seen[text] {
						seen[text] = true
						all = append(all, Payload{Rule: f.Rule, Test: t.ID, From: from, Text: text})
					}
				})
			}
		}
	}
	return all, nil
}

// usual is what the suite's requests carry without meaning anything by it.
var usual = []string{"Host", "Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Connection", "Content-Length", "Content-Type", "Keep-Alive", "Proxy-Connection", "Cache-Control"}

func (in input) texts(yield func(from, text string)) {
	headers := http.Header{}
	for k, v := range in.Headers {
		headers.Set(k, v)
	}
	body := in.Data
	if in.Encoded != "" {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(in.Encoded))
		if err != nil {
			return
		}
		head, rest, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
		body = string(rest)
		lines := strings.Split(string(head), "\r\n")
		if f := strings.Fields(lines[0]); len(f) > 1 {
			in.URI = f[1]
		}
		for _, l := range lines[1:] {
			if k, v, ok := strings.Cut(l, ":"); ok {
				headers.Set(k, strings.TrimSpace(v))
			}
		}
	}
	where, query, _ := strings.Cut(in.URI, "?")
	pairs(query, yield, "query")
	if p := unescape(where, false); p != "/" && p != "/get" && p != "/post" {
		yield("path", strings.TrimPrefix(strings.TrimPrefix(p, "/get/"), "/post/"))
	}
	for _, k := range slices.Sorted(maps.Keys(headers)) {
		v := headers.Get(k)
		switch {
		case slices.Contains(usual, k), strings.Contains(v, "OWASP CRS test agent"):
		case k == "Cookie":
			for c := range strings.SplitSeq(v, ";") {
				_, value, _ := strings.Cut(c, "=")
				yield("cookie", value)
				yield("cookie", unescape(value, true))
			}
		default:
			yield("header", v)
		}
	}
	bodyTexts(headers.Get("Content-Type"), body, yield)
}

func bodyTexts(contentType, body string, yield func(from, text string)) {
	kind, params, _ := mime.ParseMediaType(contentType) // no type: a form, as the suite's default is
	switch {
	case strings.HasSuffix(kind, "json"):
		var v any
		if json.Unmarshal([]byte(body), &v) == nil {
			walk(v, yield)
			return
		}
	case kind == "multipart/form-data":
		body = strings.ReplaceAll(strings.ReplaceAll(body, "\r\n", "\n"), "\n", "\r\n")
		r := multipart.NewReader(strings.NewReader(body), params["boundary"])
		for {
			p, err := r.NextRawPart()
			if err != nil {
				return
			}
			yield("name", p.FormName())
			yield("name", p.FileName())
			if b, err := io.ReadAll(p); err == nil {
				yield("body", string(b))
			}
		}
	case strings.HasSuffix(kind, "xml"):
		yield("body", body)
		for t := range strings.SplitSeq(body, ">") {
			t, _, _ = strings.Cut(t, "<")
			yield("body", strings.TrimSpace(t))
		}
		return
	}
	yield("body", body)
	pairs(body, yield, "body")
}

func walk(v any, yield func(from, text string)) {
	switch v := v.(type) {
	case string:
		yield("body", v)
	case []any:
		for _, e := range v {
			walk(e, yield)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			yield("name", k)
			walk(v[k], yield)
		}
	}
}

// pairs yields names and values of a query or a form.
func pairs(s string, yield func(from, text string), from string) {
	for p := range strings.SplitSeq(s, "&") {
		name, value, _ := strings.Cut(p, "=")
		yield(from, unescape(value, true))
		if name = unescape(name, true); len(name) > 3 {
			yield("name", name)
		}
	}
	yield(from, unescape(s, true))
}

// unescape undoes escapes and leaves broken ones as they are.
func unescape(s string, plus bool) string {
	if plus {
		s = strings.ReplaceAll(s, "+", " ")
	}
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// JSON writes the text as a JSON string. Bytes that are no UTF-8 stay as they are: so an attacker would send them.
func JSON(text string) string {
	b := []byte{'"'}
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = append(b, text[i:i+n]...)
		}
		i += n
	}
	return string(append(b, '"'))
}
