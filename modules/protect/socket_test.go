package protect

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/modules/protect/stream"
)

// talk is the block of a socket of rooms and messages, and its table.
const (
	talk = `
socket /ws {
	in message {
		key_set room/{.room}
		record message
		mint $.id ulid
	}
	out message ack {
		key_set room/{.room}
		record message /message
		size /message/file/size
	}
}
`
	talkFields = `{"GET /ws": {
	"in": {"message": {"/text": "secret", "/mood": "secret", "/room": "open"}},
	"out": {"message": {"/message/text": "secret", "/message/mood": "secret"}, "ack": {"/message/text": "secret"}}
}}`
)

// peer is a client's socket, with the back end's behind it.
type peer struct {
	t      *testing.T
	client *websocket.Conn
	behind *websocket.Conn
}

// open opens a socket through the gateway.
func (e *env) open(t *testing.T, path string, headers ...string) *peer {
	t.Helper()
	behind := make(chan *websocket.Conn, 1)
	gone := make(chan struct{})
	e.backend(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		c.SetReadLimit(-1)
		behind <- c
		<-gone
		_ = c.CloseNow()
	})
	h := http.Header{}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	c, _, err := websocket.Dial(ctx, "ws://"+e.addr+path, &websocket.DialOptions{HTTPHeader: h})
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(-1)
	p := &peer{t, c, <-behind}
	t.Cleanup(func() {
		_ = c.CloseNow()
		close(gone)
	})
	return p
}

// send sends a text to c, and says what comes out at the other: the text, or the code that it closes with.
func (p *peer) send(c *websocket.Conn, text string) string {
	p.t.Helper()
	return p.pass(c, websocket.MessageText, text)
}

func (p *peer) pass(c *websocket.Conn, kind websocket.MessageType, text string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	if err := c.Write(ctx, kind, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
	other := p.client
	if c == p.client {
		other = p.behind
	}
	_, got, err := other.Read(ctx)
	if err != nil { // the client is the one who is told why
		if other != p.client {
			_, _, err = p.client.Read(ctx)
		}
		return fmt.Sprint(int(websocket.CloseStatus(err)))
	}
	return string(got)
}

func members(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return m
}

// plant sends a message into a room, and gives back what the back end has of it.
func (p *peer) plant(room, text string) map[string]any {
	return members(p.t, p.send(p.client, fmt.Sprintf(`{"type":"message","room":%q,"text":%q,"mood":5}`, room, text)))
}

// shown is a message of the back end's with these members.
func (p *peer) shown(m map[string]any) string {
	p.t.Helper()
	b, err := json.Marshal(map[string]any{"type": "message", "message": m})
	if err != nil {
		p.t.Fatal(err)
	}
	return p.send(p.behind, string(b))
}

func TestMessagesAreEncryptedAndDecrypted(t *testing.T) {
	e := newEnv(t, talk, talkFields)
	p := e.open(t, "/ws")
	kept := p.plant("a", "see you at nine")
	if s := fmt.Sprint(kept); strings.Contains(s, "nine") || !strings.HasPrefix(kept["text"].(string), "enc:v1:") || !strings.HasPrefix(kept["mood"].(string), "enc:v1:") {
		t.Fatalf("the back end has %v", kept)
	}
	if len(kept["id"].(string)) != 26 || kept["room"] != "a" || kept["type"] != "message" {
		t.Fatalf("the back end has %v", kept)
	}
	got := members(t, p.shown(map[string]any{"id": kept["id"], "room": "a", "text": kept["text"], "mood": kept["mood"]}))["message"].(map[string]any)
	if got["text"] != "see you at nine" || got["mood"] != 5.0 {
		t.Errorf("the client has %v", got)
	}
	// What has no fields passes as it is, both ways.
	for _, text := range []string{`{"type":"typing", "room":"a"}`, `{"type":"rooms"}`} {
		if got := p.send(p.client, text); got != text {
			t.Errorf("in: %s became %s", text, got)
		}
		if got := p.send(p.behind, text); got != text {
			t.Errorf("out: %s became %s", text, got)
		}
	}
}

// The length of an encrypted file is told as that of the file.
func TestMessagesTellTheLengthOfFiles(t *testing.T) {
	e := newEnv(t, talk, talkFields)
	p := e.open(t, "/ws")
	for stored, want := range map[int64]float64{stream.SealedSize(1000): 1000, stream.SealedSize(0): 0, stream.SealedSize(200_000): 200_000, 5: 5} {
		got := members(t, p.shown(map[string]any{"id": "1", "room": "a", "file": map[string]any{"size": stored}}))["message"].(map[string]any)
		if size := got["file"].(map[string]any)["size"]; size != want {
			t.Errorf("%d is shown as %v, want %v", stored, size, want)
		}
	}
}

// None of these messages reaches the back end: the socket closes.
func TestMessagesThatClientsCantSend(t *testing.T) {
	e := newEnv(t, talk, talkFields)
	token := e.open(t, "/ws").plant("a", "x")["text"].(string)
	for name, c := range map[string]struct {
		text string
		code string
	}{
		"a token for a field":          {`{"type":"message","room":"a","text":"` + token + `"}`, "1008"},
		"a token elsewhere":            {`{"type":"message","room":"a","text":"x","note":"` + token + `"}`, "1008"},
		"a token, escaped":             {`{"type":"message","room":"a","text":"\u0065nc:v1:a:b"}`, "1008"},
		"a token, in another case":     {`{"type":"message","room":"a","text":"ENC:v1:a:b"}`, "1008"},
		"a token in another type":      {`{"type":"typing","room":"` + token + `"}`, "1008"},
		"a token without a type":       {`{"text":"` + token + `"}`, "1008"},
		"an id of its own":             {`{"type":"message","room":"a","text":"x","id":"01KAZ4T3M5N6P7Q8R9S0TVWXYZ"}`, "1008"},
		"an id, in another case":       {`{"type":"message","room":"a","text":"x","ID":"1"}`, "1008"},
		"a field in another case":      {`{"type":"message","room":"a","Text":"secret"}`, "1008"},
		"a field twice":                {`{"type":"message","room":"a","text":"clean","text":"secret"}`, "1008"},
		"a type twice":                 {`{"type":"typing","type":"message","room":"a","text":"secret"}`, "1008"},
		"a type in another case":       {`{"Type":"message","room":"a","text":"secret"}`, "1008"},
		"no room":                      {`{"type":"message","text":"secret"}`, "1008"},
		"no JSON":                      {`secret`, "1008"},
		"a bare value after the other": {`{"type":"typing"}{"type":"message","room":"a","text":"secret"}`, "1008"},
	} {
		p := e.open(t, "/ws")
		if got := p.send(p.client, c.text); got != c.code {
			t.Errorf("%s: %s", name, got)
		}
	}
	p := e.open(t, "/ws")
	if got := p.pass(p.client, websocket.MessageBinary, `{"type":"message","room":"a","text":"secret"}`); got != "1003" {
		t.Errorf("binary: %s", got)
	}
	if strings.Count(e.events(), "protect-token-sent") < 6 {
		t.Error("tokens were sent, and no event tells")
	}
}

// What does not belong where it stands is never shown, nor is a part of it: the socket closes with 1011.
func TestMessagesThatCantBeDecrypted(t *testing.T) {
	e := newEnv(t, talk, talkFields)
	p := e.open(t, "/ws")
	kept, other := p.plant("a", "one"), p.plant("b", "two")
	id, text, mood := kept["id"], kept["text"].(string), kept["mood"].(string)
	flipped := []byte(text)
	flipped[len(flipped)-5] ^= 1
	for name, m := range map[string]map[string]any{
		"of another record":    {"id": other["id"], "room": "a", "text": text},
		"of another room":      {"id": id, "room": "b", "text": text},
		"of another field":     {"id": id, "room": "a", "text": mood},
		"changed":              {"id": id, "room": "a", "text": string(flipped)},
		"cut off":              {"id": id, "room": "a", "text": text[:len(text)-10]},
		"of no key set":        {"id": id, "room": "a", "text": "enc:v1:nosuchset:AAAA"},
		"plaintext":            {"id": id, "room": "a", "text": "never encrypted"},
		"a number":             {"id": id, "room": "a", "text": 7},
		"the second is broken": {"id": id, "room": "a", "text": text, "mood": text},
		"no id":                {"room": "a", "text": text},
	} {
		p := e.open(t, "/ws")
		if got := p.shown(m); got != "1011" {
			t.Errorf("%s: %s", name, got)
		}
	}
	// A text that nobody can read is left out, and the socket stays.
	p = e.open(t, "/ws")
	if err := p.behind.Write(t.Context(), websocket.MessageText, []byte("no JSON")); err != nil {
		t.Fatal(err)
	}
	if got := p.send(p.behind, `{"type":"rooms"}`); got != `{"type":"rooms"}` {
		t.Error(got)
	}
	if got := strings.Count(e.events(), "protect-message-withheld"); got != 10 {
		t.Errorf("%d events tell of 10", got)
	}
}

// Without a decision nothing is decrypted.
func TestMessagesNeedADecision(t *testing.T) {
	e := newEnv(t, talk, talkFields)
	kept := e.open(t, "/ws").plant("a", "one")
	p := e.open(t, "/ws", "Test-Undecided", "1")
	if got := p.shown(kept); got != "1013" {
		t.Error(got)
	}
}

// A field that must be encrypted, and has no place that says how, closes the socket both ways.
func TestMessagesWithoutAPlace(t *testing.T) {
	e := newEnv(t, talk, `{"GET /other": {"in": {"say": {"/text": "secret"}}, "out": {"said": {"/text": "secret"}}}}`)
	p := e.open(t, "/other")
	if got := p.send(p.client, `{"type":"say","text":"secret"}`); got != "1013" {
		t.Error(got)
	}
	p = e.open(t, "/other")
	if got := p.send(p.behind, `{"type":"said","text":"secret"}`); got != "1013" {
		t.Error(got)
	}
}

func TestSocketsThatCantBe(t *testing.T) {
	for name, s := range map[string]Socket{
		"nothing":           {Path: "/ws"},
		"no path":           {In: []Messages{{Types: []string{"a"}, Sizes: nil}}},
		"no type":           {Path: "/ws", Out: []Messages{{Sizes: []string{"/size"}}}},
		"no record":         {Path: "/ws", Out: []Messages{{Types: []string{"a"}}}},
		"a type twice":      {Path: "/ws", Out: []Messages{{Types: []string{"a", "a"}, Sizes: []string{"/size"}}}},
		"sizes in":          {Path: "/ws", In: []Messages{{Types: []string{"a"}, Sizes: []string{"/size"}}}},
		"a bad pointer":     {Path: "/ws", Out: []Messages{{Types: []string{"a"}, Sizes: []string{"size"}}}},
		"the whole as size": {Path: "/ws", Out: []Messages{{Types: []string{"a"}, Sizes: []string{""}}}},
	} {
		if _, err := compileSockets([]Socket{s}); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}
