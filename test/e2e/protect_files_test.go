package e2e

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

// sent is a file as the chat tells of it.
type sent struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Size int64  `json:"size"`
}

// sendFile uploads a text into the room "general".
func sendFile(t *testing.T, c *kit.Client, name, text string) sent {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", name)
	if err == nil {
		_, err = part.Write([]byte(text))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	var f sent
	c.Call(t, "POST", kit.RoomPath("general", "files"), form.Bytes(), kit.With("Content-Type", w.FormDataContentType())).Want(t, http.StatusCreated).JSON(t, &f)
	return f
}

// The chat keeps files that it can't read, and hands out what people sent; and what it mixes up, or cuts off, it can't hand out.
func TestFilesThatTheChatCantRead(t *testing.T) {
	s := memory
	petra, ursula := s.as(t, "petra"), s.as(t, "ursula")
	text := strings.Repeat("The planted sentence of a file. ", 8_000)
	f := sendFile(t, petra, "plan.txt", text)
	if f.Size != int64(len(text)) || f.Name != "plan.txt" || len(f.ID) != 26 {
		t.Errorf("the chat tells of %+v", f)
	}
	path := "/api/files/" + f.ID
	a := ursula.Call(t, "GET", path, nil).Want(t, http.StatusOK)
	if string(a.Body) != text || a.Header.Get("Content-Length") != fmt.Sprint(len(text)) {
		t.Errorf("%d bytes came back, %v", len(a.Body), a.Header)
	}
	if part := ursula.Call(t, "GET", path, nil, kit.With("Range", "bytes=100000-100031")).Want(t, http.StatusPartialContent); string(part.Body) != text[100000:100032] {
		t.Errorf("the range is %q", part.Body)
	}
	ursula.Call(t, "GET", path, nil, kit.With("If-None-Match", a.Header.Get("Etag"))).Want(t, http.StatusNotModified)
	if h := ursula.Call(t, "HEAD", path, nil).Want(t, http.StatusOK); h.Header.Get("Content-Length") != fmt.Sprint(len(text)) {
		t.Errorf("HEAD tells of %s bytes", h.Header.Get("Content-Length"))
	}

	var m struct{ File sent }
	sock := ursula.Socket(t).Join(t, "general")
	petra.Call(t, "POST", kit.RoomPath("general", "messages"), map[string]string{"text": "the plan, planted", "file": f.ID}).Want(t, http.StatusCreated).JSON(t, &m)
	if m.File.Size != f.Size {
		t.Errorf("the message tells of %+v", m.File)
	}
	told := sock.ExpectText(t, "the plan, planted").Message()
	if file, _ := told["file"].(map[string]any); file["size"] != float64(f.Size) {
		t.Errorf("the socket tells of %v", told)
	}

	folder := filepath.Join(s.a.Data, "chat")
	holdsNot(t, folder, "planted sentence", "the plan, planted")
	stored := func(id string) string { return filepath.Join(folder, "files", id) }
	other := sendFile(t, petra, "other.txt", text)
	was, err := os.ReadFile(stored(f.ID))
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(stored(other.ID))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"another file": foreign, "plaintext": []byte(text), "a part": was[:1000]} {
		if err := os.WriteFile(stored(f.ID), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if a := ursula.Call(t, "GET", path, nil); a.Status != http.StatusBadGateway {
			t.Errorf("%s: %d, %d bytes", name, a.Status, len(a.Body))
		}
	}
	if err := os.WriteFile(stored(f.ID), was[:len(was)-1000], 0o600); err != nil {
		t.Fatal(err)
	}
	if a, err := ursula.Try("GET", path, nil); err == nil || a != nil && len(a.Body) >= len(text) {
		t.Errorf("a file that is cut off came as if it were whole")
	}
}

// holdsNot reads all files of a folder.
func holdsNot(t *testing.T, folder string, secrets ...string) {
	t.Helper()
	read := 0
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		read += len(b)
		for _, secret := range secrets {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s holds %q", path, secret)
			}
		}
		return nil
	})
	if err != nil || read == 0 {
		t.Fatalf("%d bytes were looked at: %v", read, err)
	}
}
