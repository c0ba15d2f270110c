package e2e

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/kit"
)

// What the chat answers and says on its sockets is what its document describes: nothing of it is reported.
func TestTheChatIsAsItsDocumentSays(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		c := s.as(t, "petra")
		start := time.Now()
		room := c.NewRoom(t, "Described, "+s.name, "private").ID
		c.Rooms(t)
		c.Call(t, "GET", kit.RoomPath(room), nil).Want(t, http.StatusOK)
		c.Call(t, "PUT", kit.RoomPath(room, "members", "mona"), nil).Want(t, http.StatusNoContent)
		sock := c.Socket(t).Join(t, room)
		peer := s.as(t, "mona").Socket(t).Join(t, room)
		sock.Send(t, kit.Frame{"type": "typing", "room": room})
		peer.Expect(t, "typing", func(f kit.Frame) bool { return f.Str("type") == "typing" })
		sock.Send(t, kit.Frame{"type": "message", "room": room, "text": "by socket", "ref": "r"})
		sock.Expect(t, "ack", func(f kit.Frame) bool { return f.Str("type") == "ack" })
		peer.ExpectText(t, "by socket")
		sock.Send(t, kit.Frame{"type": "message", "room": room, "text": "x", "file": "01JZZZZZZZZZZZZZZZZZZZZZZZ", "ref": "r"}) // the chat's own refusal
		sock.Expect(t, "error", func(f kit.Frame) bool { return f.Str("type") == "error" })
		m := c.Post(t, room, "by HTTP")
		c.Messages(t, room)
		c.Call(t, "POST", kit.RoomPath(room, "messages"), map[string]string{"text": " "}).Want(t, http.StatusUnprocessableEntity)

		var form bytes.Buffer
		w := multipart.NewWriter(&form)
		part, err := w.CreateFormFile("file", "notes.txt")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write([]byte("some notes")); err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		var file struct{ ID string }
		c.Call(t, "POST", kit.RoomPath(room, "files"), form.Bytes(), kit.With("Content-Type", w.FormDataContentType())).Want(t, http.StatusCreated).JSON(t, &file)
		c.Call(t, "POST", kit.RoomPath(room, "messages"), map[string]string{"text": "with a file", "file": file.ID}).Want(t, http.StatusCreated)
		c.Messages(t, room)
		c.Call(t, "GET", "/api/files/"+file.ID, nil).Want(t, http.StatusOK)
		c.Call(t, "GET", "/api/files/"+file.ID, nil, kit.With("Range", "bytes=0-3"))
		c.Call(t, "DELETE", kit.RoomPath(room, "messages", m.ID), nil).Want(t, http.StatusNoContent)
		peer.Expect(t, "deleted", func(f kit.Frame) bool { return f.Str("type") == "deleted" })
		sock.Send(t, kit.Frame{"type": "leave", "room": room})
		sock.Expect(t, "left", func(f kit.Frame) bool { return f.Str("type") == "left" })
		c.Call(t, "DELETE", kit.RoomPath(room, "members", "mona"), nil).Want(t, http.StatusNoContent)
		sock.Close()
		peer.Close()
		done := func() bool {
			sockets := 0
			for _, e := range s.a.Events(t) {
				at, err := time.Parse(time.RFC3339Nano, e.Str("@timestamp"))
				if err == nil && at.After(start) && e.Str("event.action") == "websocket" {
					sockets++
				}
			}
			return sockets >= 2
		}
		kit.Eventually(t, 30*time.Second, "the events of the sockets", done)
		for _, e := range s.a.Events(t) {
			list, _ := e["gateway.invalid"].([]any)
			for _, found := range list {
				// A message that closed its socket was a client's, of another test.
				if text, _ := found.(string); strings.HasPrefix(text, "response") || strings.HasPrefix(text, "message") && e["gateway.socket.close_code"] == nil {
					t.Errorf("%s %s, status %v: %s", e.Str("http.request.method"), e.Str("url.path"), e["http.response.status_code"], text)
				}
			}
		}
	})
}

// What is not described does not reach the chat. The sender is told where and why; what they sent is nowhere, neither in the answer nor in the event.
func TestMalformedRequests(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		c := s.as(t, "ursula")
		path := kit.RoomPath("general", "messages")
		for body, want := range map[string]string{
			`{"text":"a","author":"canary-8f2"}`: "/author",
			`{"text":"canary-8f2","text":"b"}`:   "/text",
			`{"text":"canary-8f2","Text":"b"}`:   "/Text",
			`{"text":["canary-8f2"]}`:            "/text",
			`{"text":"a","id":"canary-8f2"}`:     "/id",
		} {
			a := c.Call(t, "POST", path, body)
			a.Problem(t, http.StatusUnprocessableEntity)
			var p struct {
				Errors []struct{ Pointer, Reason string }
			}
			if err := json.Unmarshal(a.Body, &p); err != nil || len(p.Errors) != 1 || p.Errors[0].Pointer != want || p.Errors[0].Reason == "" {
				t.Errorf("%s: %s", body, a.Body)
			}
			if bytes.Contains(a.Body, []byte("canary-8f2")) {
				t.Errorf("%s: the value is in the answer: %s", body, a.Body)
			}
		}
		c.Call(t, "GET", path+"?limit=many", nil).Problem(t, http.StatusUnprocessableEntity)
		c.Call(t, "GET", path+"?Limit=1", nil).Problem(t, http.StatusUnprocessableEntity)
		c.Call(t, "GET", path+"?limit=1&limit=2", nil).Problem(t, http.StatusUnprocessableEntity)
		sock := c.Socket(t)
		sock.Send(t, kit.Frame{"type": "message", "room": "general", "text": "a", "author": "canary-8f2"})
		sock.WantClosed(t, websocket.StatusPolicyViolation, atOnce)
		for name, text := range s.a.Written(t) {
			if strings.Contains(text, "canary-8f2") {
				t.Errorf("what was sent is in %s", name)
			}
		}
	})
}
