package backend

import (
	"mime"
	"time"
)

// File is what somebody uploaded into a room.
type File struct {
	ID   string    `json:"id"`
	Room string    `json:"room"`
	Name string    `json:"name"`
	Type string    `json:"type"` // media type
	Size int64     `json:"size"` // bytes
	By   string    `json:"by"`   // user name
	At   time.Time `json:"at"`
}

const (
	// MaxFile is the most bytes a file may have.
	MaxFile = 10 << 20
	// MaxStored is the most bytes of one that are kept: the gateway's encryption makes it longer by its head, and 16 bytes for each 64 KiB.
	MaxStored = MaxFile + 16<<10
)

const maxFileName = 200

// NewFile checks the name; a media type that can't be read becomes application/octet-stream. id is the one that the gateway has made for the file, "" for one of
// our own. Size is set once it is stored.
func NewFile(id, room, by, name, mediaType string, now time.Time) (*File, error) {
	id, err := givenID(id)
	if err != nil {
		return nil, err
	}
	by, err = UserName(by)
	if err != nil {
		return nil, err
	}
	if name, err = line("The file's name", name, maxFileName); err != nil {
		return nil, err
	}
	return &File{ID: id, Room: room, Name: name, Type: tidyType(mediaType), By: by, At: stamp(now)}, nil
}

func tidyType(s string) string {
	if t, params, err := mime.ParseMediaType(s); err == nil && len(s) <= 100 {
		if t = mime.FormatMediaType(t, params); t != "" {
			return t
		}
	}
	return "application/octet-stream"
}
