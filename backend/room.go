package backend

import (
	"crypto/rand"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Visibility of a room. It is plain data here: what it means is the gateway's to say.
type Visibility string

const (
	Public  Visibility = "public"
	Private Visibility = "private"
)

// Room is where people talk.
type Room struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Visibility Visibility `json:"visibility"`
	CreatedBy  string     `json:"created_by"` // user name
	CreatedAt  time.Time  `json:"created_at"`
	Members    []string   `json:"members,omitempty"` // user names; filled where one room was asked for
}

const (
	maxRoomName = 80
	maxUserName = 64
	maxSlug     = 48
)

// NewRoom checks the name and the visibility ("" is public) and gives the room its id: the slug of its name.
func NewRoom(name string, v Visibility, by string, now time.Time) (*Room, error) {
	name, err := line("The room's name", name, maxRoomName)
	if err != nil {
		return nil, err
	}
	if v == "" {
		v = Public
	}
	if v != Public && v != Private {
		return nil, invalid("The visibility must be public or private")
	}
	if by, err = UserName(by); err != nil {
		return nil, err
	}
	r := &Room{Name: name, Visibility: v, CreatedBy: by, CreatedAt: stamp(now), Members: []string{by}}
	r.ID = slug(name)
	// A private room always has the suffix: otherwise its plain slug being taken would tell others that it exists.
	if v == Private || r.ID == "" {
		r.Rename()
	}
	return r, nil
}

// Rename gives the room another id with a random suffix, for when its slug is taken.
func (r *Room) Rename() {
	base := slug(r.Name)
	if base == "" {
		base = "room"
	}
	r.ID = base + "-" + strings.ToLower(rand.Text()[:8])
}

// UserName checks a user's name as the gateway gives it.
func UserName(name string) (string, error) {
	if name != strings.TrimSpace(name) || strings.ContainsAny(name, "/\\") {
		return "", invalid("The user's name holds a character that is not allowed")
	}
	return line("The user's name", name, maxUserName)
}

// slug writes a name in a to z, 0 to 9 and single hyphens: "Café Über" is "cafe-uber". It may be empty.
func slug(name string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(name) {
		switch r = unicode.ToLower(r); {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r): // the accent that was taken off its letter
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() == maxSlug {
			break
		}
	}
	return strings.Trim(b.String(), "-")
}
