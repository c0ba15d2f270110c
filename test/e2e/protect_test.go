package e2e

import (
	"bytes"
	"io/fs"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

// What people write and upload is nowhere in the back end's files, while they read it: over HTTP, on sockets, through either gateway.
func TestTheBackEndKeepsNoPlaintext(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		petra, ursula := s.as(t, "petra"), s.as(t, "ursula").On(t, s.b)
		room := petra.NewRoom(t, "Protected, "+s.name, "public").ID
		const posted, said, uploaded = "planted marmalade posted <b>\u00fc</b>", "planted marmalade said", "planted marmalade uploaded\n"

		listener := ursula.Socket(t).Join(t, room)
		m := petra.Post(t, room, posted)
		if len(m.ID) != 26 {
			t.Errorf("the id %q was not made at the edge", m.ID)
		}
		if got := listener.ExpectText(t, posted).Message(); got.Str("id") != m.ID {
			t.Errorf("on the socket: %v", got)
		}
		talker := petra.Socket(t).Join(t, room)
		talker.Send(t, kit.Frame{"type": "message", "room": room, "text": said, "ref": "r"})
		talker.Expect(t, "its ack", func(f kit.Frame) bool { return f.Str("type") == "ack" && f.Message().Str("text") == said })
		listener.ExpectText(t, said)

		file := upload(t, petra, room, "notes.txt", uploaded)
		if file.Size != int64(len(uploaded)) || len(file.ID) != 26 {
			t.Errorf("the file is %+v", file)
		}
		petra.Call(t, "POST", kit.RoomPath(room, "messages"), map[string]string{"text": "planted marmalade with a file", "file": file.ID}).Want(t, http.StatusCreated)
		if a := ursula.Call(t, "GET", "/api/files/"+file.ID, nil).Want(t, http.StatusOK); string(a.Body) != uploaded {
			t.Errorf("the file came back as %q", a.Body)
		}

		list := ursula.Messages(t, room)
		if len(list) != 3 || list[0].Text != posted || list[1].Text != said || list[2].Text != "planted marmalade with a file" {
			t.Errorf("the list is %+v", list)
		}
		if s.name != "memory" {
			return // the fleet's back end has its folder elsewhere
		}
		looked, tokens := 0, 0
		err := filepath.WalkDir(filepath.Join(s.a.Data, "chat"), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			looked++
			tokens += bytes.Count(b, []byte("enc:v1:"))
			if bytes.Contains(b, []byte("marmalade")) {
				t.Errorf("%s holds plaintext", path)
			}
			return err
		})
		if err != nil || looked < 2 || tokens < 3 {
			t.Error(err, looked, tokens)
		}
	})
}

// file is the chat's answer to an upload.
type file struct {
	ID   string `json:"id"`
	Size int64  `json:"size"`
}

func upload(t *testing.T, c *kit.Client, room, name, text string) (f file) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c.Call(t, "POST", kit.RoomPath(room, "files"), body.Bytes(), kit.With("Content-Type", w.FormDataContentType())).Want(t, http.StatusCreated).JSON(t, &f)
	return f
}

// A client gets nothing past the encryption: its own ids and tokens, other spellings of a field, other types of bodies.
func TestNothingGetsPastTheEncryption(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		c := s.as(t, "petra")
		room := c.NewRoom(t, "Past it, "+s.name, "private").ID
		path := kit.RoomPath(room, "messages")
		for name, x := range map[string]struct{ kind, body string }{
			"a token":            {"application/json", `{"text":"enc:v1:abcdefghijklmnop:AAAAAAAAAAAA"}`},
			"an escaped token":   {"application/json", `{"text":"\u0065nc:v1:abcdefghijklmnop:AAAAAAAAAAAA"}`},
			"an id":              {"application/json", `{"text":"planted marmalade","id":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}`},
			"another case":       {"application/json", `{"Text":"planted marmalade"}`},
			"twice":              {"application/json", `{"text":"","text":"planted marmalade"}`},
			"another type":       {"text/plain", `{"text":"planted marmalade"}`},
			"a list":             {"application/json", `[{"text":"planted marmalade"}]`},
			"JSON by name alone": {"application/json; charset=utf-7", `{"text":"planted marmalade"}`},
		} {
			a := c.Call(t, "POST", path, []byte(x.body), kit.With("Content-Type", x.kind))
			if a.Status < 400 || a.Status > 499 || strings.Contains(string(a.Body), "marmalade") {
				t.Errorf("%s: %d %s", name, a.Status, a.Body)
			}
		}
		if list := c.Messages(t, room); len(list) != 0 {
			t.Errorf("the back end took %+v", list)
		}
	})
}
