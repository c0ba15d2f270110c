package backend

import (
	"strings"
	"time"
)

// Message is what somebody said in a room.
type Message struct {
	ID     string      `json:"id"`
	Room   string      `json:"room"`
	Author string      `json:"author"` // user name
	Text   string      `json:"text"`
	At     time.Time   `json:"at"`
	File   *Attachment `json:"file,omitempty"`
}

// Attachment is what a message shows of the file it carries.
type Attachment struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
	Size int64  `json:"size"`
}

const (
	maxText   = 4000
	maxSealed = 22_000 // what the gateway makes of as many characters where it encrypts them
)

// NewMessage checks the text. file is the id of a file of this room that its author uploaded, or "": with it the text may be empty. id is the one that
// the gateway has made for the message, "" for one of our own.
func NewMessage(id, room, author, text, file string, now time.Time) (*Message, error) {
	id, err := givenID(id)
	if err != nil {
		return nil, err
	}
	if author, err = UserName(author); err != nil {
		return nil, err
	}
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	if text == "" && file == "" {
		return nil, invalid("The message has no text")
	}
	if err := clean("The message", text, most(text), "\n\t"); err != nil {
		return nil, err
	}
	m := &Message{ID: id, Room: room, Author: author, Text: text, At: stamp(now)}
	if file != "" {
		m.File = &Attachment{ID: file}
	}
	return m, nil
}

// most is how long a text may be. What the gateway has encrypted it has measured itself, and nobody here can read it.
func most(text string) int {
	if strings.HasPrefix(text, "enc:v1:") {
		return maxSealed
	}
	return maxText
}

// stamp cuts a time to what the tables and JSON keep of it.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
