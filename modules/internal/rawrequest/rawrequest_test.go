package rawrequest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		method    string
		uri       string
		host      string
		body      string
		notes     []string
	}{
		{"as on the wire", "POST /x?a=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}", "POST", "/x?a=1", "h", "{}", nil},
		{"LF", "POST /x HTTP/1.1\nHost: h\nContent-Length: 2\n\n{}", "POST", "/x", "h", "{}", nil},
		{"no Host, no length", "POST /x HTTP/1.1\n\nab\ncd", "POST", "/x", "localhost", "ab\ncd", []string{"no Host", "added Content-Length: 5"}},
		{"head alone", "GET /x HTTP/1.1\nHost: h", "GET", "/x", "h", "", nil},
		{"no protocol", "GET /x\nHost: h\n\n", "GET", "/x", "h", "", []string{"no protocol"}},
		{"spaces", "GET /?q=1' OR '1'='1 HTTP/1.1\nHost: h\n\n", "GET", "/?q=1'%20OR%20'1'='1", "h", "", []string{"spaces"}},
		{"HTTP/2", "GET /x HTTP/2\nHost: h\n\n", "GET", "/x", "h", "", nil},
		{"too long a length", "POST /x HTTP/1.1\nHost: h\nContent-Length: 9\n\nabc", "POST", "/x", "h", "abc", []string{"says 9"}},
		{"too short a length", "POST /x HTTP/1.1\nHost: h\nContent-Length: 2\n\nabc\n", "POST", "/x", "h", "ab", []string{"2 more bytes"}},
		{"chunked", "POST /x HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n3\r\nabc\r\n0\r\n\r\n", "POST", "/x", "h", "abc", nil},
		{"whole address", "GET http://h/x HTTP/1.1\n\n", "GET", "http://h/x", "h", "", nil},
		{"mark and blank lines", "\xef\xbb\xbf\r\n\nGET / HTTP/1.0\n\n", "GET", "/", "localhost", "", []string{"no Host"}},
	} {
		r, notes, err := Parse([]byte(c.raw))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != c.method || r.RequestURI != c.uri || r.Host != c.host || string(body) != c.body {
			t.Errorf("%s: %s %s %s %q %v", c.name, r.Method, r.RequestURI, r.Host, body, err)
		}
		if len(notes) != len(c.notes) {
			t.Errorf("%s: %q", c.name, notes)
			continue
		}
		for i, n := range c.notes {
			if !strings.Contains(notes[i], n) {
				t.Errorf("%s: %q", c.name, notes)
			}
		}
	}
	if r, _, err := Parse([]byte("GET /x HTTP/2\nHost: h\n\n")); err != nil || r.Proto != "HTTP/2.0" || r.ProtoMajor != 2 {
		t.Errorf("%v %v", r, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, raw := range []string{"", "GET", " /x HTTP/1.1\n\n", "GET /x HTTP/9\n\n", "GET /x HTTP/1.1\nno header\n\n", "GET /x HTTP/1.1\nA b: c\n\n", "GET /\x01 HTTP/1.1\n\n", "GET  HTTP/1.1\n\n",
		"POST /x HTTP/1.1\nHost: h\nContent-Length: x\n\n", "POST /x HTTP/1.1\nTransfer-Encoding: gzip\n\n"} {
		if r, _, err := Parse([]byte(raw)); err == nil {
			t.Errorf("%q is %v", raw, r)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("POST /x?a=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"))
	f.Add([]byte("GET /a b HTTP/2\n\nx"))
	f.Add([]byte("POST /x HTTP/1.1\nTransfer-Encoding: chunked\n\n3\r\nabc\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, _, err := Parse(raw)
		if err != nil {
			return
		}
		if r.Method == "" || r.RequestURI == "" || r.URL == nil || r.RemoteAddr == "" {
			t.Errorf("%q: %+v", raw, r)
		}
		body, err := io.ReadAll(r.Body)
		if err == nil && len(r.TransferEncoding) == 0 && r.ContentLength >= 0 && int64(len(body)) != r.ContentLength {
			t.Errorf("%q: %d bytes of %d", raw, len(body), r.ContentLength)
		}
		// What was mended is a request that the server takes.
		var b bytes.Buffer
		r.Body = http.NoBody
		r.ContentLength = 0
		if err := r.Write(&b); err == nil && b.Len() == 0 {
			t.Errorf("%q", raw)
		}
	})
}
