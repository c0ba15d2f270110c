package waf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// messageRequest is what the rules are shown of a message on the socket of that path: a POST of its text to it. JSON is the body as it is. Any
// other text is the one argument "message"; where it begins as JSON does, what a lenient reader would find in it are arguments "json".
// The headers are a browser's, so that no rule finds fault with what the client did not write.
func messageRequest(path, host string, data []byte) (*http.Request, error) {
	u, err := url.ParseRequestURI(path)
	if err != nil {
		return nil, fmt.Errorf("the path of a socket: %w", err)
	}
	kind, body := "application/json", data
	if first, _ := firstByte(data); first != '{' && first != '[' || !json.Valid(data) {
		kind, body = "application/x-www-form-urlencoded", messageForm(data)
	}
	return &http.Request{
		Method: http.MethodPost, URL: u, RequestURI: path, Host: host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Accept":       {"*/*"},
			"Content-Type": {kind},
			"User-Agent":   {"Mozilla/5.0"},
		},
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

func messageForm(data []byte) []byte {
	var b strings.Builder
	b.WriteString("message=" + url.QueryEscape(string(data)))
	first, ok := firstByte(data)
	if !ok || !strings.ContainsRune(`{["`, rune(first)) {
		return []byte(b.String())
	}
	for d, size := json.NewDecoder(bytes.NewReader(data)), 0; ; {
		token, err := d.Token()
		if err != nil {
			return []byte(b.String()) // no JSON from here on
		}
		// Each text is part of the data, and a decoded one hardly longer: the sum is bounded by it.
		if s, ok := token.(string); ok && size <= 2*len(data) {
			size += len(s)
			b.WriteString("&json=" + url.QueryEscape(s))
		}
	}
}
