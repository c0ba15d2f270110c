package extended

import (
	"io"
	"net/http"
	"net/http/httptest"
)

// Request is how a server shows an extended CONNECT for a WebSocket to its handlers, over HTTP/2 or HTTP/3. Nothing ever comes on the stream.
func Request(version int, target string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, http.NoBody)
	r.Method, r.Proto, r.ProtoMajor, r.ProtoMinor = http.MethodConnect, "HTTP/2.0", version, 0
	body, _ := io.Pipe()
	r.Body, r.ContentLength = body, -1
	r.Header.Set("Sec-WebSocket-Version", "13")
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	if version == 3 {
		r.Proto = "websocket"
	} else {
		r.Header[":protocol"] = []string{"websocket"}
	}
	return r
}
