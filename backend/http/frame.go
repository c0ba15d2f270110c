package http

import (
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/convosphere/gateway/backend"
)

// frame is what a client says on its socket.
type frame struct {
	Type string `json:"type"` // join, leave, message or typing
	Room string `json:"room"`
	ID   string `json:"id"`   // of a message: the gateway's, clients give none that comes through it
	Text string `json:"text"` // of a message
	File string `json:"file"` // of a message: id of an uploaded file
	Ref  string `json:"ref"`  // the client's own word for this frame, given back in the answer
}

const maxRef = 64

// parseFrame is as strict as readJSON, for the same reason.
func parseFrame(raw []byte) (frame, error) {
	var f frame
	if err := json.Unmarshal(raw, &f, json.RejectUnknownMembers(true)); err != nil {
		return frame{}, err
	}
	if utf8.RuneCountInString(f.Ref) > maxRef {
		return frame{}, &backend.Error{Code: backend.Invalid, Title: "The ref is too long"}
	}
	switch f.Type {
	case "join", "leave", "message", "typing":
	default:
		return f, &backend.Error{Code: backend.Invalid, Title: "The type must be join, leave, message or typing"}
	}
	if f.Room == "" {
		return f, &backend.Error{Code: backend.Invalid, Title: "The room is missing"}
	}
	if f.Type != "message" && (f.ID != "" || f.Text != "" || f.File != "") {
		return f, &backend.Error{Code: backend.Invalid, Title: "Only a message has an id, a text or a file"}
	}
	return f, nil
}

// event is what we say on a socket.
type event struct {
	Type    string           `json:"type"`
	Ref     string           `json:"ref,omitempty"`
	Room    string           `json:"room,omitempty"`
	ID      string           `json:"id,omitempty"`
	User    string           `json:"user,omitempty"`
	Title   string           `json:"title,omitempty"`
	Message *backend.Message `json:"message,omitempty"`
}

func (e event) bytes() []byte {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err) // plain fields that were checked to be UTF-8 when they came in
	}
	return b
}

// roomsChanged tells a client to ask for its list of rooms again.
var roomsChanged = event{Type: "rooms"}.bytes()

func messageEvent(m *backend.Message) []byte {
	return event{Type: "message", Room: m.Room, Message: m}.bytes()
}
func deletedEvent(room, id string) []byte { return event{Type: "deleted", Room: room, ID: id}.bytes() }
func membersEvent(room string) []byte     { return event{Type: "members", Room: room}.bytes() }
func leftEvent(room string) []byte        { return event{Type: "left", Room: room}.bytes() }
