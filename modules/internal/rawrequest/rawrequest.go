// Package rawrequest reads a raw HTTP request as a person writes it down, for commands that explain what becomes of it.
package rawrequest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// client is whose request it is taken for: an address for documentation (RFC 5737).
const client = "192.0.2.1:40000"

// Parse reads a raw HTTP/1 request as a person writes or copies one: lines may end in LF alone, spaces may stand in the target, and the
// protocol, Host and Content-Length may be missing or wrong. The notes say what was mended. What the server itself would refuse is an error.
func Parse(raw []byte) (r *http.Request, notes []string, err error) {
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")) // an editor's byte order mark
	raw = bytes.TrimLeft(raw, "\r\n")
	line, rest := cutLine(raw)
	method, target, proto, err := requestLine(line, note)
	if err != nil {
		return nil, nil, err
	}
	version := proto
	if strings.HasPrefix(proto, "HTTP/2") || strings.HasPrefix(proto, "HTTP/3") {
		proto, version = "HTTP/1.1", strings.TrimSuffix(proto, ".0")+".0" // the same request in other frames
	}
	head := new(bytes.Buffer)
	fmt.Fprintf(head, "%s %s %s\r\n", method, target, proto)
	has := map[string]string{}
	var body []byte
	for {
		line, more := cutLine(rest)
		rest = more
		if line == "" {
			body = rest
			break
		}
		name, value, _ := strings.Cut(line, ":")
		name = strings.ToLower(name)
		if name == "content-length" {
			has[name] = strings.TrimSpace(value)
			continue // written below
		}
		has[name] = value
		head.WriteString(line + "\r\n")
	}
	if _, ok := has["host"]; !ok && !strings.Contains(target, "://") {
		note("no Host: added Host: localhost")
		head.WriteString("Host: localhost\r\n")
	}
	if _, chunked := has["transfer-encoding"]; !chunked {
		body = length(head, has, body, note)
	}
	head.WriteString("\r\n")
	r, err = http.ReadRequest(bufio.NewReader(io.MultiReader(head, bytes.NewReader(body))))
	if err == nil {
		err = asServer(r)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("the server itself would refuse this with 400: %w", err)
	}
	if version != proto {
		r.Proto = version
		r.ProtoMajor, r.ProtoMinor = int(version[len("HTTP/")]-'0'), 0
	}
	r.RemoteAddr = client
	return r, notes, nil
}

// asServer checks what net/http's server does besides reading.
func asServer(r *http.Request) error {
	if !httpguts.ValidHostHeader(r.Host) {
		return errors.New("malformed Host header")
	}
	for name, values := range r.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return fmt.Errorf("invalid header name %q", name)
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return fmt.Errorf("invalid value of the header %s", name)
			}
		}
	}
	return nil
}

// cutLine takes the first line off, which ends in LF or CRLF.
func cutLine(b []byte) (line string, rest []byte) {
	l, rest, _ := bytes.Cut(b, []byte("\n"))
	return string(bytes.TrimSuffix(l, []byte("\r"))), rest
}

// requestLine tells the parts of "POST /path HTTP/1.1".
func requestLine(line string, note func(string, ...any)) (method, target, proto string, err error) {
	method, target, ok := strings.Cut(strings.TrimSpace(line), " ")
	if !ok || method == "" {
		return "", "", "", errors.New("the first line is no request line, as GET /path HTTP/1.1")
	}
	target = strings.TrimSpace(target)
	proto = "HTTP/1.1"
	if i := strings.LastIndex(target, " HTTP/"); i >= 0 {
		target, proto = strings.TrimSpace(target[:i]), strings.TrimSpace(target[i+1:])
	} else {
		note("no protocol in the request line: taken for HTTP/1.1")
	}
	switch proto {
	case "HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/2.0", "HTTP/3", "HTTP/3.0":
	default:
		return "", "", "", fmt.Errorf("the server itself would refuse this: it speaks no %q", proto)
	}
	if strings.Contains(target, " ") {
		note("the target has spaces: taken for %%20")
		target = strings.ReplaceAll(target, " ", "%20")
	}
	if target == "" {
		return "", "", "", errors.New("the request line names no target")
	}
	return method, target, proto, nil
}

// length writes the Content-Length that the body needs, and returns the body that it covers.
func length(head *bytes.Buffer, has map[string]string, body []byte, note func(string, ...any)) []byte {
	said, given := has["content-length"]
	if !given {
		if len(body) > 0 {
			note("no Content-Length: added Content-Length: %d", len(body))
			fmt.Fprintf(head, "Content-Length: %d\r\n", len(body))
		}
		return body
	}
	n, err := strconv.ParseUint(said, 10, 63)
	switch {
	case err != nil: // the server's to refuse
		fmt.Fprintf(head, "Content-Length: %s\r\n", said)
		return body
	case n > uint64(len(body)):
		note("Content-Length says %d, but the body has %d bytes: taken for %[2]d", n, len(body))
		n = uint64(len(body))
	case n < uint64(len(body)):
		note("Content-Length says %d: %d more bytes are left out", n, uint64(len(body))-n)
	}
	fmt.Fprintf(head, "Content-Length: %d\r\n", n)
	return body[:n]
}
