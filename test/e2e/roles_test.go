package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/kit"
)

func TestWhoMayDeleteAMessage(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ursula, ursulaB := s.both(t, "ursula")
		_, petraB := s.both(t, "petra")
		_, monaB := s.both(t, "mona")

		hers := ursula.Post(t, "general", "to be deleted by its author")
		petraB.Call(t, "DELETE", kit.RoomPath("general", "messages", hers.ID), nil).Problem(t, http.StatusForbidden)
		ursulaB.Call(t, "DELETE", kit.RoomPath("general", "messages", hers.ID), nil).Want(t, http.StatusNoContent)

		his := ursula.Post(t, "general", "to be deleted by a moderator")
		monaB.Call(t, "DELETE", kit.RoomPath("general", "messages", his.ID), nil).Want(t, http.StatusNoContent)
		for _, m := range ursula.Messages(t, "general") {
			if m.ID == hers.ID || m.ID == his.ID {
				t.Errorf("message %s is deleted but still listed", m.ID)
			}
		}
		// What a message on the socket creates is its author's too.
		sock := ursula.Socket(t).Join(t, "general")
		sock.Send(t, kit.Frame{"type": "message", "room": "general", "text": "by socket", "ref": "r1"})
		id := sock.Expect(t, "ack", func(f kit.Frame) bool { return f.Str("type") == "ack" && f.Str("ref") == "r1" }).Message().Str("id")
		petraB.Call(t, "DELETE", kit.RoomPath("general", "messages", id), nil).Problem(t, http.StatusForbidden)
		ursulaB.Call(t, "DELETE", kit.RoomPath("general", "messages", id), nil).Want(t, http.StatusNoContent)
		sock.Expect(t, "deleted", func(f kit.Frame) bool { return f.Str("type") == "deleted" && f.Str("id") == id })
	})
}

func TestPrivateRoomIsInvisible(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		petra, petraB := s.both(t, "petra")
		ursula, ursulaB := s.both(t, "ursula")
		room := petra.NewRoom(t, "Private "+s.name, "private").ID
		petra.Post(t, room, "secret-before")
		petraB.Call(t, "GET", kit.RoomPath(room), nil).Want(t, http.StatusOK)
		if !slices.Contains(petraB.Rooms(t), room) {
			t.Error("the owner does not see her own room")
		}

		for _, c := range []*kit.Client{ursula, ursulaB} {
			if slices.Contains(c.Rooms(t), room) {
				t.Error("a stranger sees the private room in the list")
			}
			// A stranger can't tell it from a room that is not there.
			for _, call := range []struct {
				method string
				parts  []string
				body   any
			}{
				{"GET", nil, nil},
				{"GET", []string{"messages"}, nil},
				{"POST", []string{"messages"}, map[string]string{"text": "let me in"}},
				{"PUT", []string{"members", "ursula"}, map[string]string{}},
				{"DELETE", []string{"members", "petra"}, nil},
				{"DELETE", []string{"members", "ursula"}, nil},
				{"POST", []string{"files"}, map[string]string{}},
			} {
				here := c.Call(t, call.method, kit.RoomPath(room, call.parts...), call.body)
				gone := c.Call(t, call.method, kit.RoomPath("no-such-room", call.parts...), call.body)
				if here.Status != gone.Status || here.Status != http.StatusForbidden && here.Status != http.StatusNotFound {
					t.Errorf("%s %s of a stranger: %d in the private room, %d in none", call.method, call.parts, here.Status, gone.Status)
				}
			}
		}

		// The owner lets her in: by a grant that the gateway learns, on one node, and knows on the other.
		petra.Call(t, "PUT", kit.RoomPath(room, "members", "ursula"), nil).OK(t)
		kit.Eventually(t, time.Second, "the member sees the room on the other node", func() bool { return slices.Contains(ursulaB.Rooms(t), room) })
		ursulaB.Call(t, "GET", kit.RoomPath(room, "messages"), nil).Want(t, http.StatusOK)
		inside := ursulaB.Socket(t).Join(t, room)
		petra.Post(t, room, "secret-between")
		inside.ExpectText(t, "secret-between")

		petra.Call(t, "DELETE", kit.RoomPath(room, "members", "ursula"), nil).Want(t, http.StatusNoContent)
		kit.Eventually(t, time.Second, "the removed member no longer sees the room", func() bool { return !slices.Contains(ursulaB.Rooms(t), room) })
		petra.Post(t, room, "secret-after")
		ursulaB.Post(t, "general", "after-the-removal")
		if inside.Open() { // it may stay: what it then gets is decided one by one
			time.Sleep(300 * time.Millisecond)
		}
		for _, m := range inside.Received() {
			if strings.Contains(m, "secret-after") {
				t.Errorf("a removed member received %s", m)
			}
		}
		ursula.Call(t, "GET", kit.RoomPath(room, "messages"), nil).Refused(t)

		// What is nobody's name is not let in, to wait for somebody who takes it.
		for _, name := range []string{"PETRA", "petra,ada", "%7Buser%7D", "*", "room:general"} {
			if a := petra.Call(t, "PUT", "/api/rooms/"+room+"/members/"+name, nil); a.Status/100 != 4 {
				t.Errorf("a member named %s: status %d", name, a.Status)
			}
		}

		// Who is put out is out, the owner too.
		s.as(t, "mona").Call(t, "DELETE", kit.RoomPath(room, "members", "petra"), nil).Want(t, http.StatusNoContent)
		petra.Call(t, "GET", kit.RoomPath(room, "messages"), nil).Refused(t)
	})
}

func TestPrivateRoomOnTheSocket(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		petra := s.as(t, "petra")
		_, ursula := s.both(t, "ursula")
		room := petra.NewRoom(t, "Hidden "+s.name, "private").ID

		for what, frame := range map[string]kit.Frame{
			"join":           {"type": "join", "room": room},
			"message":        {"type": "message", "room": room, "text": "by force"},
			"a room unknown": {"type": "join", "room": "no-such-room"},
			"type unknown":   {"type": "become_admin", "room": room},
			"type missing":   {"room": room},
			"room missing":   {"type": "message", "text": "nowhere"},
			"room no string": {"type": "join", "room": []string{room}},
		} {
			t.Run(what, func(t *testing.T) {
				sock := ursula.Socket(t)
				sock.Send(t, frame)
				sock.WantClosed(t, websocket.StatusPolicyViolation, 5*time.Second)
			})
		}

		t.Run("typing", func(t *testing.T) { // is dropped: the sender may just have been put out
			inside, outside := petra.Socket(t).Join(t, room), ursula.Socket(t).Join(t, "general")
			inside.Join(t, "general")
			outside.Send(t, kit.Frame{"type": "typing", "room": room})
			outside.Send(t, kit.Frame{"type": "typing", "room": "general"})
			inside.Expect(t, "typing in general", func(f kit.Frame) bool {
				if f.Str("type") == "typing" && f.Str("room") == room {
					t.Error("a stranger's typing reaches the private room")
				}
				return f.Str("type") == "typing" && f.Str("room") == "general"
			})
		})

		// Readers of JSON disagree on twins and on case: what the gateway decides must be what the back end reads.
		for what, raw := range map[string]string{
			"twin, allowed last":     `{"type":"join","room":"` + room + `","room":"general"}`,
			"twin, allowed first":    `{"type":"join","room":"general","room":"` + room + `"}`,
			"other case":             `{"type":"join","room":"general","Room":"` + room + `"}`,
			"other case first":       `{"type":"join","ROOM":"` + room + `","room":"general"}`,
			"mixed case":             `{"type":"join","room":"general","rooM":"` + room + `"}`,
			"escaped name":           `{"type":"join","room":"general","\u0072oom":"` + room + `"}`,
			"trailing document":      `{"type":"join","room":"general"}{"type":"join","room":"` + room + `"}`,
			"twin type":              `{"type":"leave","type":"join","room":"` + room + `"}`,
			"leave in other case":    `{"type":"leave","Type":"join","room":"` + room + `"}`,
			"in an array":            `[{"type":"join","room":"` + room + `"}]`,
			"with a byte order mark": "\ufeff" + `{"type":"join","room":"` + room + `"}`,
		} {
			t.Run(what, func(t *testing.T) {
				sock := ursula.Socket(t)
				sock.Write(t, websocket.MessageText, []byte(raw))
				time.Sleep(150 * time.Millisecond)
				secret := "secret-" + room + "-" + what
				petra.Post(t, room, secret)
				ursula.Post(t, "general", "open-"+what) // comes after it on the same way
				time.Sleep(150 * time.Millisecond)
				for _, m := range sock.Received() {
					if strings.Contains(m, secret) || strings.Contains(m, room) {
						t.Errorf("%s: received %s", raw, m)
					}
				}
			})
		}

		t.Run("as binary", func(t *testing.T) {
			sock := ursula.Socket(t)
			sock.Write(t, websocket.MessageBinary, []byte(`{"type":"join","room":"`+room+`"}`))
			if code, _ := sock.Closed(t, 5*time.Second); code != websocket.StatusPolicyViolation && code != websocket.StatusUnsupportedData {
				t.Errorf("closed with %d, want 1008 or 1003", code)
			}
		})
	})
}

func TestRoomsAndMessagesReachEachOther(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		petra, _ := s.both(t, "petra")
		_, ursula := s.both(t, "ursula")
		p, u := petra.Socket(t).Join(t, "general"), ursula.Socket(t).Join(t, "general")
		p.Send(t, kit.Frame{"type": "message", "room": "general", "text": "from one node", "ref": "1"})
		if m := u.ExpectText(t, "from one node").Message(); m.Str("author") != "petra" {
			t.Errorf("author %q, want petra", m.Str("author"))
		}
		p.Expect(t, "ack", func(f kit.Frame) bool { return f.Str("type") == "ack" && f.Str("ref") == "1" })
		u.Send(t, kit.Frame{"type": "typing", "room": "general"})
		p.Expect(t, "typing", func(f kit.Frame) bool { return f.Str("type") == "typing" && f.Str("user") == "ursula" })
		u.Send(t, kit.Frame{"type": "leave", "room": "general"})
		u.Close()
		p.Close()
	})
}
