package e2e

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/convosphere/gateway/test/clamav"
	"github.com/convosphere/gateway/test/kit"
)

// What people send to a room is scanned; what is refused never reaches the chat, and is kept until an operator says what becomes of it.
func TestUploadsAreScannedAndRefusedOnesKept(t *testing.T) {
	daemon, err := clamav.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := daemon.Stop(); err != nil {
			t.Error(err)
		}
	}()
	n := kit.Demo(t, kit.DemoOptions{})
	files := filepath.Join(n.Data, "caddyfiles")
	shipped, err := os.ReadFile(filepath.Join(files, "demo.Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(shipped), "import chat-", "import "+files+"/chat-") // what is posted has no folder of its own
	n.Load(t, strings.Replace(text, "gw_secure {\n", "gw_secure {\n\t\tupload {\n\t\t\tscanner "+daemon.Unix+"\n\t\t\tquarantine\n\t\t}\n", 1)).Want(t, http.StatusOK)
	c := n.Client(t).Login(t, n.Users["ursula"])
	upload := func(name string, content []byte) *kit.Answer {
		t.Helper()
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		part, err := w.CreateFormFile("file", name)
		if err == nil {
			_, err = part.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return c.Call(t, "POST", kit.RoomPath("general", "files"), b.Bytes(), kit.With("Content-Type", w.FormDataContentType()))
	}
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 20, 20))); err != nil {
		t.Fatal(err)
	}
	var file struct{ ID string }
	upload("a.png", picture.Bytes()).Want(t, http.StatusCreated).JSON(t, &file)
	if got := c.Call(t, "GET", "/api/files/"+file.ID, nil).Want(t, http.StatusOK); !bytes.Equal(got.Body, picture.Bytes()) {
		t.Errorf("the picture comes back as %d bytes of %d", len(got.Body), picture.Len())
	}
	refused := upload("letter.txt", clamav.EICAR())
	if refused.Status != http.StatusUnprocessableEntity || !strings.Contains(string(refused.Body), `"malware"`) || strings.Contains(string(refused.Body), "EICAR") {
		t.Fatalf("%d %s", refused.Status, refused.Body)
	}
	admin := "unix/" + filepath.Join(n.Data, "admin.sock")
	code, out := n.Exec(t, "", "quarantine", "list", "--json", "--address", admin)
	var kept []struct{ ID, Name, Signature, User string }
	if err := json.Unmarshal([]byte(out), &kept); err != nil || code != 0 || len(kept) != 1 {
		t.Fatalf("%d %v %s", code, err, out)
	}
	if k := kept[0]; k.Name != "letter.txt" || k.Signature != clamav.Signature || k.User == "" || k.User == "ursula" {
		t.Errorf("%+v", k)
	}
	if err := filepath.WalkDir(n.Data, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		b, err := io.ReadAll(f)
		if bytes.Contains(b, clamav.EICAR()) || bytes.Contains(b, []byte("letter.txt")) {
			t.Errorf("%s holds what was refused, or its name", path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if code, out := n.Exec(t, "", "quarantine", "release", kept[0].ID, "--address", admin); code != 0 {
		t.Fatalf("%d %s", code, out)
	}
	upload("letter.txt", clamav.EICAR()).Want(t, http.StatusCreated)
}
