package http

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/backend"
)

type client struct {
	t    *testing.T
	conn *websocket.Conn
}

func (c *chat) dial(t *testing.T, user string) *client {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), c.url+"/api/ws", &websocket.DialOptions{HTTPHeader: c.as(t, user)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() }) // ended by the test, mostly
	return &client{t, conn}
}

func (c *client) say(frame string) {
	c.t.Helper()
	if err := c.conn.Write(c.t.Context(), websocket.MessageText, []byte(frame)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) hear() event {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
	defer cancel()
	_, raw, err := c.conn.Read(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	var e event
	if err := json.Unmarshal(raw, &e); err != nil {
		c.t.Fatal(err)
	}
	return e
}

// hears fails unless the next event is of this type.
func (c *client) hears(kind string) event {
	c.t.Helper()
	e := c.hear()
	if e.Type != kind {
		c.t.Fatalf("heard %+v, want %s", e, kind)
	}
	return e
}

func (c *client) join(room string) {
	c.t.Helper()
	c.say(`{"type":"join","room":"` + room + `","ref":"j"}`)
	if e := c.hears("joined"); e.Room != room || e.Ref != "j" {
		c.t.Errorf("%+v", e)
	}
}

// closed reads on until the socket ends and gives its code.
func (c *client) closed() websocket.StatusCode {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 15*time.Second)
	defer cancel()
	for {
		if _, _, err := c.conn.Read(ctx); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

func TestSocket(t *testing.T) {
	c := newChat(t)
	room := c.room(t, "ursula", "General")
	u, twin, p := c.dial(t, "ursula"), c.dial(t, "ursula"), c.dial(t, "petra")
	u.join(room)
	twin.join(room)
	p.join(room)

	p.say(`{"type":"typing","room":"general"}`)
	if e := u.hears("typing"); e.User != "petra" || e.Room != room {
		t.Errorf("%+v", e)
	}
	twin.hears("typing")

	u.say(`{"type":"message","room":"general","text":"hello","ref":"1"}`)
	ack := u.hears("ack")
	if ack.Ref != "1" || ack.Message.Author != "ursula" || ack.Message.Text != "hello" || ack.Message.Room != room {
		t.Errorf("%+v %+v", ack, ack.Message)
	}
	for _, other := range []*client{twin, p} {
		if e := other.hears("message"); e.Room != room || e.Message.ID != ack.Message.ID || e.Message.Text != "hello" {
			t.Errorf("%+v", e)
		}
	}

	want(t, "DELETE", c.do(t, "ursula", "DELETE", "/api/rooms/general/messages/"+ack.Message.ID, ""), http.StatusNoContent)
	for _, all := range []*client{u, twin, p} {
		if e := all.hears("deleted"); e.ID != ack.Message.ID || e.Room != room {
			t.Errorf("%+v", e)
		}
	}
	want(t, "POST", c.do(t, "mona", "POST", "/api/rooms/general/messages", `{"text":"by REST"}`), http.StatusCreated)
	for _, all := range []*client{u, twin, p} {
		if e := all.hears("message"); e.Message.Text != "by REST" || e.Message.Author != "mona" {
			t.Errorf("%+v", e)
		}
	}

	p.say(`{"type":"leave","room":"general"}`)
	p.hears("left")
	u.say(`{"type":"message","room":"general","text":"after","ref":"2"}`)
	u.hears("ack")
	p.say(`{"type":"join","room":"nowhere","ref":"3"}`)
	if e := p.hears("error"); e.Ref != "3" || e.Title == "" { // and not the message after it had left
		t.Errorf("%+v", e)
	}
}

func TestMemberThatIsRemovedHearsNoMore(t *testing.T) {
	c := newChat(t)
	room := c.room(t, "ursula", "General")
	p := c.dial(t, "petra")
	want(t, "PUT", c.do(t, "ursula", "PUT", "/api/rooms/general/members/petra", ""), http.StatusNoContent)
	p.hears("rooms")
	p.join(room)
	want(t, "DELETE", c.do(t, "ursula", "DELETE", "/api/rooms/general/members/petra", ""), http.StatusNoContent)
	if e := p.hears("left"); e.Room != room {
		t.Errorf("%+v", e)
	}
	p.hears("rooms")
	want(t, "POST", c.do(t, "ursula", "POST", "/api/rooms/general/messages", `{"text":"secret"}`), http.StatusCreated)
	p.say(`{"type":"leave","room":"general","ref":"x"}`)
	if e := p.hears("left"); e.Ref != "x" {
		t.Errorf("%+v", e)
	}
}

func TestNewsOfRooms(t *testing.T) {
	c := newChat(t)
	p, u := c.dial(t, "petra"), c.dial(t, "ursula")
	want(t, "private", c.do(t, "ursula", "POST", "/api/rooms", `{"name":"Lab","visibility":"private"}`), http.StatusCreated)
	u.hears("rooms")
	want(t, "public", c.do(t, "ursula", "POST", "/api/rooms", `{"name":"Hall","visibility":"public"}`), http.StatusCreated)
	u.hears("rooms")
	p.hears("rooms")
	p.say(`{"type":"leave","room":"x"}`)
	p.hears("left") // and nothing of the private one
}

func TestBadFrames(t *testing.T) {
	c := newChat(t)
	room := c.room(t, "ursula", "General")
	p := c.dial(t, "petra")
	p.join(room)
	for frame, ref := range map[string]string{
		`{`:                                  "",
		`[]`:                                 "",
		`{"type":"join","room":"general"} 1`: "",
		`{"type":"message","room":"general","room":"other","text":"a","ref":"r"}`:  "",
		`{"TYPE":"join","room":"general"}`:                                         "",
		`{"type":"join","room":"general","x":1}`:                                   "",
		"{\"type\":\"typing\",\"room\":\"\xff\"}":                                  "",
		`{"type":"delete","room":"general","ref":"r"}`:                             "r",
		`{"type":"join","ref":"r"}`:                                                "r",
		`{"type":"typing","room":"general","text":"a","ref":"r"}`:                  "r",
		`{"type":"message","room":"general","ref":"r"}`:                            "r",
		`{"type":"message","room":"nowhere","text":"a","ref":"r"}`:                 "r",
		`{"type":"message","room":"general","text":"a","file":"x","ref":"r"}`:      "r",
		`{"type":"join","room":"general","ref":"` + strings.Repeat("r", 65) + `"}`: "",
	} {
		p.say(frame)
		if e := p.hears("error"); e.Ref != ref || e.Title == "" {
			t.Errorf("%s: %+v", frame, e)
		}
	}
	p.say(`{"type":"message","room":"general","text":"still here","ref":"ok"}`)
	p.hears("ack")
}

func TestSocketLimits(t *testing.T) {
	c := newChat(t)
	room := c.room(t, "ursula", "General")
	big := c.dial(t, "petra")
	big.say(`{"type":"message","room":"general","text":"` + strings.Repeat("x", maxFrame) + `"}`)
	if code := big.closed(); code != websocket.StatusMessageTooBig {
		t.Errorf("too large: %d", code)
	}
	binary := c.dial(t, "petra")
	if err := binary.conn.Write(t.Context(), websocket.MessageBinary, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	if code := binary.closed(); code != websocket.StatusUnsupportedData {
		t.Errorf("binary: %d", code)
	}
	many := c.dial(t, "petra")
	many.join(room)
	sockets(c, func(s *socket) {
		for i := range maxJoined - 1 {
			s.joined[fmt.Sprint(i)] = struct{}{}
		}
	})
	many.join(room) // again, which is no more
	other := c.room(t, "ursula", "Other")
	many.hears("rooms")
	many.say(`{"type":"join","room":"` + other + `"}`)
	many.hears("error")
}

// sockets calls f for each open socket, under the hub's lock.
func sockets(c *chat, f func(*socket)) {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	for s := range c.hub.sockets {
		f(s)
	}
}

func TestSlowSocketIsClosed(t *testing.T) {
	c := newChat(t)
	room := c.room(t, "ursula", "General")
	p := c.dial(t, "petra")
	p.join(room)
	sockets(c, func(s *socket) {
		for range 100 * maxQueue { // faster than anyone can write it out
			s.push([]byte(`{"type":"x"}`))
		}
	})
	if code := p.closed(); code != websocket.StatusTryAgainLater {
		t.Errorf("closed with %d", code)
	}
}

// A reader that has stopped reading altogether costs its own socket and nobody else's time.
func TestStuckSocketHoldsNobodyUp(t *testing.T) {
	c := newChat(t)
	room := c.room(t, "ursula", "General")
	stuck, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	fmt.Fprintf(stuck, "GET /api/ws HTTP/1.1\r\nHost: x\r\n%s: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
		assertionHeader, c.as(t, "petra").Get(assertionHeader))
	for open := 0; open == 0; time.Sleep(5 * time.Millisecond) {
		sockets(c, func(s *socket) { open++; c.hub.rooms[room] = map[*socket]struct{}{s: {}}; s.joined[room] = struct{}{} })
	}
	text := strings.Repeat("x", 4000)
	began := time.Now()
	for range 300 {
		c.hub.room(room, messageEvent(&backend.Message{Room: room, Text: text}), nil)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("sending took %v", took)
	}
}

func TestHandshakeRefused(t *testing.T) {
	c := newChat(t)
	want(t, "no upgrade", c.do(t, "petra", "GET", "/api/ws", ""), http.StatusUpgradeRequired)
	if _, res, err := websocket.Dial(t.Context(), c.url+"/api/ws", nil); err == nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("no assertion: %v, %v", res, err)
	}
}

func TestCloseSockets(t *testing.T) {
	c := newChat(t)
	a, b := c.dial(t, "petra"), c.dial(t, "ursula")
	codes := make(chan websocket.StatusCode, 2)
	for _, cl := range []*client{a, b} {
		go func() { codes <- cl.closed() }()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c.CloseSockets(ctx)
	for range 2 {
		if code := <-codes; code != websocket.StatusGoingAway {
			t.Errorf("closed with %d", code)
		}
	}
	late := c.dial(t, "mona")
	if code := late.closed(); code != websocket.StatusGoingAway {
		t.Errorf("a late one: %d", code)
	}
}

func FuzzParseFrame(f *testing.F) {
	for _, seed := range []string{
		`{"type":"join","room":"general"}`, `{"type":"message","room":"general","text":"hi","ref":"1"}`, `{"type":"typing","room":""}`,
		`{"type":"message","room":"a","room":"b"}`, "{\"type\":\"join\",\"room\":\"\xff\"}", `{"type":1}`, `null`, `[`, `{"Type":"join"}`, `{"type":"join","room":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := parseFrame(raw)
		if err != nil {
			if p, inside := problemOf(err); inside || p.title == "" {
				t.Errorf("%q: %v is no answer for a client", raw, err)
			}
			return
		}
		// What we took, any other strict reader must read the same: no second value of a field, none in another spelling.
		var fields map[string]string
		if err := json.Unmarshal(raw, &fields); err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		if got.Type != fields["type"] || got.Room != fields["room"] || got.Text != fields["text"] || got.Room == "" {
			t.Errorf("%q: %+v", raw, got)
		}
		event{Type: "error", Ref: got.Ref, Room: got.Room}.bytes() // must not panic
	})
}
