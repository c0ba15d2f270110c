package wsframe

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

const plain = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

func TestIsHandshake(t *testing.T) {
	with := func(old, replacement string) string { return strings.Replace(plain, old, replacement, 1) }
	tests := []struct {
		name                 string
		head                 string
		handshake, upgrading bool
	}{
		{"plain", plain, true, true},
		{"any case", with("websocket", "WebSocket"), true, true},
		{"connection list", with("Connection: Upgrade", "Connection: keep-alive, uPGRADE"), true, true},
		{"connection twice", with("Connection: Upgrade", "Connection: keep-alive\r\nConnection: upgrade"), true, true},
		{"space around", with("Upgrade: websocket", "Upgrade:  \twebsocket\t "), true, true},
		{"upgrade list", with("websocket", "websocket, h2c"), false, true},
		{"upgrade twice", with("Upgrade: websocket", "Upgrade: websocket\r\nUpgrade: websocket"), false, true},
		{"other first", with("Upgrade: websocket", "Upgrade: h2c\r\nUpgrade: websocket"), false, true},
		{"other protocol", with("websocket", "h2c"), false, true},
		{"versioned protocol", with("websocket", "websocket/13"), false, true},
		{"empty upgrade", with("websocket", ""), false, true},
		{"no upgrade", with("Upgrade: websocket\r\n", ""), false, false},
		{"no connection", with("Connection: Upgrade\r\n", ""), false, false},
		{"connection without the word", with("Connection: Upgrade", "Connection: keep-alive"), false, false},
		{"no version", with("Sec-WebSocket-Version: 13\r\n", ""), false, true},
		{"version 8", with("13", "8"), false, true},
		{"version list", with("13", "13, 8"), false, true},
		{"no key", with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), false, true},
		{"short key", with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="), false, true},
		{"key not base64", with("dGhlIHNhbXBsZSBub25jZQ==", "!!!!!!!!!!!!!!!!!!!!!!=="), false, true},
		{"two keys", plain + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", false, true},
		{"post", with("GET", "POST"), false, true},
		{"http/1.0", with("HTTP/1.1", "HTTP/1.0"), false, true},
		{"length", plain + "Content-Length: 5\r\n", false, true},
		{"chunked", plain + "Transfer-Encoding: chunked\r\n", false, true},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(tc.head + "\r\nhello")))
			if err != nil {
				t.Fatal(err)
			}
			if got := IsHandshake(r); got != tc.handshake {
				t.Errorf("IsHandshake %v", got)
			}
			if got := Upgrading(r); got != tc.upgrading {
				t.Errorf("Upgrading %v", got)
			}
		})
	}
	for _, r := range []*http.Request{
		{Method: "CONNECT", Proto: "HTTP/2.0", ProtoMajor: 2, Header: http.Header{":protocol": {"websocket"}}},
		{Method: "CONNECT", Proto: "websocket", ProtoMajor: 3, Header: http.Header{}},
	} {
		if IsHandshake(r) || !Upgrading(r) {
			t.Errorf("%s: IsHandshake %v, Upgrading %v", r.Proto, IsHandshake(r), Upgrading(r))
		}
	}
	for _, r := range []*http.Request{
		{Method: "CONNECT", Proto: "HTTP/2.0", ProtoMajor: 2, Header: http.Header{}},
		{Method: "CONNECT", Proto: "HTTP/3.0", ProtoMajor: 3, Header: http.Header{}},
		{Method: "GET", Proto: "HTTP/2.0", ProtoMajor: 2, Header: http.Header{"Upgrade": {"websocket"}}},
	} {
		if Upgrading(r) {
			t.Errorf("%s %s is upgrading", r.Method, r.Proto)
		}
	}
}

func TestExtended(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *http.Request)
		want   bool
	}{
		"as it should be": {func(*http.Request) {}, true},
		"GET":             {func(r *http.Request) { r.Method = "GET" }, false},
		"lower case":      {func(r *http.Request) { r.Method = "connect" }, false},
		"ended":           {func(r *http.Request) { r.Body, r.ContentLength = http.NoBody, 0 }, false},
		"no body":         {func(r *http.Request) { r.Body = nil }, false},
		"of a length":     {func(r *http.Request) { r.ContentLength = 7 }, false},
		"no version":      {func(r *http.Request) { r.Header.Del("Sec-WebSocket-Version") }, false},
		"version 8":       {func(r *http.Request) { r.Header.Set("Sec-WebSocket-Version", "8") }, false},
		"two versions":    {func(r *http.Request) { r.Header.Add("Sec-WebSocket-Version", "13") }, false},
		"no path":         {func(r *http.Request) { r.URL.Path = "" }, false},
		"HTTP/1.1":        {func(r *http.Request) { r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1 }, false},
		"another protocol": {func(r *http.Request) {
			if r.ProtoMajor == 3 {
				r.Proto = "webtransport"
			} else {
				r.Header[":protocol"] = []string{"webtransport"}
			}
		}, false},
		"upper case": {func(r *http.Request) {
			if r.ProtoMajor == 3 {
				r.Proto = "WebSocket"
			} else {
				r.Header[":protocol"] = []string{"WebSocket"}
			}
		}, false},
	} {
		for _, version := range []int{2, 3} {
			r := extendedRequest(version)
			c.change(r)
			if got := Extended(r); got != c.want {
				t.Errorf("HTTP/%d, %s: Extended %v", version, name, got)
			}
			if IsHandshake(r) {
				t.Errorf("HTTP/%d, %s: a handshake before it is made one", version, name)
			}
		}
	}
}

func extendedRequest(version int) *http.Request {
	r := httptest.NewRequest("GET", "/ws", nil)
	r.Method, r.Proto, r.ProtoMajor, r.ProtoMinor = "CONNECT", "HTTP/2.0", version, 0
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("")), -1
	r.Header.Set("Sec-WebSocket-Version", "13")
	r.Header[":protocol"] = []string{"websocket"}
	if version == 3 {
		r.Proto = "websocket"
		delete(r.Header, ":protocol")
	}
	return r
}

// What stands for a CONNECT is a handshake to everybody; what it was made of stays as it was.
func TestFromConnect(t *testing.T) {
	for _, version := range []int{2, 3} {
		r := extendedRequest(version)
		rec := httptest.NewRecorder()
		err := FromConnect(rec, r, Stream{Body: r.Body}, func(w http.ResponseWriter, g *http.Request) error {
			if !IsHandshake(g) || !Upgrading(g) || Extended(g) || g.Method != "GET" || g.ProtoMajor != version || !strings.HasPrefix(g.Proto, "HTTP/") || g.Body != http.NoBody {
				t.Errorf("%s %s is no handshake: %v", g.Method, g.Proto, g.Header)
			}
			if _, _, err := http.NewResponseController(w).Hijack(); err == nil {
				t.Error("hijacked without a 101")
			}
			w.Header().Set("Connection", "close") // net/http would end all streams of the connection
			w.WriteHeader(http.StatusForbidden)
			_, err := io.WriteString(w, "no")
			return err
		})
		if err != nil || rec.Code != 403 || rec.Body.String() != "no" || len(rec.Header()["Connection"]) != 0 {
			t.Errorf("answered %d %q %v, %v", rec.Code, rec.Body, rec.Header(), err)
		}
		if r.Method != "CONNECT" || r.Header.Get("Upgrade") != "" || !Extended(r) {
			t.Errorf("the request was changed: %s %v", r.Method, r.Header)
		}
	}
}

func TestAttachOnce(t *testing.T) {
	r := httptest.NewRequest("GET", "/ws", nil)
	r.Header["Sec-Websocket-Extensions"] = []string{"permessage-deflate"}
	r.Header["sec-websocket-EXTENSIONS"] = []string{"permessage-deflate"}
	rec := httptest.NewRecorder()
	w1, r1, t1 := Attach(rec, r)
	if len(r.Header) != 0 {
		t.Errorf("still offered: %v", r.Header)
	}
	if reqctx.From(r1.Context()) == nil {
		t.Error("no reqctx on the request")
	}
	between := struct{ http.ResponseWriter }{w1}
	w2, r2, t2 := Attach(between, r1)
	if t1 != t2 || r1 != r2 || w2 != http.ResponseWriter(between) {
		t.Error("attached twice")
	}
	if err := http.NewResponseController(w1).Flush(); err != nil || !rec.Flushed {
		t.Errorf("Flush does not reach through: %v", err)
	}
}

func TestExtensionAnswer(t *testing.T) {
	for _, tc := range []struct {
		h    http.Header
		want bool
	}{
		{http.Header{}, false},
		{http.Header{"Sec-Websocket-Extensions": {""}}, false},
		{http.Header{"Sec-Websocket-Extensions": {" , "}}, false},
		{http.Header{"Sec-WebSocket-Extensions": {"permessage-deflate"}}, true},
		{http.Header{"Sec-Websocket-Extensions": {"", "x"}}, true},
	} {
		if got := extended(tc.h); got != tc.want {
			t.Errorf("%v: %v", tc.h, got)
		}
	}
}
