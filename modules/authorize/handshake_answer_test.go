package authorize

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// handshake are the headers with which any request asks for a socket.
var handshake = []string{
	"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==",
}

// Most back ends answer a handshake where there is no socket as any other request: its answer is filtered, masked and learned from as
// any other, too.
func TestHandshakesGetNoMore(t *testing.T) {
	e := newEnv(t, filtered+"route GET /start {\npermission app:read\non 200 grant owner room:{http.gw.response.json.id}\n}\n", "")
	grantRoom(t, e, "a")
	e.answers(200, "application/json", `{"rooms":[{"id":"a"},{"id":"b","x":"leak"}]}`)
	if r := e.do("GET", "/list", "ursula/user", handshake...); r.status != 200 || r.body != `{"rooms":[{"id":"a"}]}` {
		t.Errorf("%d %s", r.status, r.body)
	}
	e.answers(200, "text/plain", "leak")
	if r := e.do("GET", "/list", "ursula/user", handshake...); r.status != 502 || strings.Contains(r.body, "leak") {
		t.Errorf("%d %s", r.status, r.body)
	}
	e.answers(200, "application/json", `{"id":"c"}`)
	if r := e.do("GET", "/start", "ursula/user", handshake...); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	e.answers(200, "application/json", `{"rooms":[{"id":"c"}]}`)
	if r := e.expect(200, "GET", "/list", "ursula/user"); r.body != `{"rooms":[{"id":"c"}]}` {
		t.Errorf("what a handshake's answer granted was not learned: %s", r.body)
	}
}

func TestHandshakesAreMasked(t *testing.T) {
	e := newEnv(t, "socket /tunnel {\npermission app:read\n}", withPolicy(t, maskPolicy))
	e.answers(200, "application/json", `{"secret":"leak"}`)
	for _, path := range []string{"/tunnel", "/other"} {
		if r := e.do("GET", path, "ursula/user", handshake...); r.status != 200 || strings.Contains(r.body, "leak") {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	e.answers(426, "text/plain", "leak")
	if r := e.do("GET", "/tunnel", "ursula/user", handshake...); r.status != 426 || r.body != "" {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// 205 has no body, but nothing keeps a back end from sending one.
func TestResetContentHasNoBody(t *testing.T) {
	e := newEnv(t, filtered, "")
	e.backend(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusResetContent)
		_, _ = io.WriteString(w, `{"rooms":[{"id":"leak"}]}`)
	})
	if r := e.do("GET", "/list", "ursula/user"); r.status != 205 || r.body != "" {
		t.Errorf("%d %s", r.status, r.body)
	}
}
