package kit

import (
	"net/http"
	"net/url"
	"strings"
)

// Room and Message are the chat's, as its API has them.
type (
	Room struct {
		ID         string `json:"id"`
		Name       string `json:"name"`
		Visibility string `json:"visibility"`
		CreatedBy  string `json:"created_by"`
		CreatedAt  string `json:"created_at"`
	}
	Message struct {
		ID     string `json:"id"`
		Room   string `json:"room"`
		Author string `json:"author"`
		Text   string `json:"text"`
		At     string `json:"at"`
	}
)

// NewRoom makes a room and returns it.
func (c *Client) NewRoom(t T, name, visibility string) Room {
	t.Helper()
	var r Room
	c.Call(t, "POST", "/api/rooms", map[string]string{"name": name, "visibility": visibility}).
		Want(t, http.StatusCreated).JSON(t, &r)
	if r.ID == "" || r.CreatedBy != c.User {
		t.Fatalf("new room: %+v, want an id and created_by %s", r, c.User)
	}
	return r
}

// Rooms lists the ids of the rooms that the person sees.
func (c *Client) Rooms(t T) []string {
	t.Helper()
	var l struct{ Rooms []Room }
	c.Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusOK).JSON(t, &l)
	var ids []string
	for _, r := range l.Rooms {
		ids = append(ids, r.ID)
	}
	return ids
}

// Post sends a message and returns it.
func (c *Client) Post(t T, room, text string) Message {
	t.Helper()
	var m Message
	c.Call(t, "POST", RoomPath(room, "messages"), map[string]string{"text": text}).
		Want(t, http.StatusCreated).JSON(t, &m)
	if m.ID == "" || m.Text != text || m.Author != c.User {
		t.Fatalf("new message: %+v, want an id, author %s and text %q", m, c.User, text)
	}
	return m
}

// Messages lists the newest messages of a room.
func (c *Client) Messages(t T, room string) []Message {
	t.Helper()
	var l struct{ Messages []Message }
	c.Call(t, "GET", RoomPath(room, "messages")+"?limit=100", nil).Want(t, http.StatusOK).JSON(t, &l)
	return l.Messages
}

// RoomPath joins the parts below a room.
func RoomPath(room string, parts ...string) string {
	p := "/api/rooms/" + url.PathEscape(room)
	for _, s := range parts {
		p += "/" + strings.TrimPrefix(s, "/")
	}
	return p
}
