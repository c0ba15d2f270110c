package protect

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/protect/stream"
)

// shelf is the block of an application of files in rooms, and its table.
const (
	shelf = `
route POST /rooms/{room}/files {
	size /size
}
file POST /rooms/{room}/files {
	key_set room/{room}
	record file
	mint header X-Record-Id ulid
	part file
}
file GET /files/{id} {
	record file {id}
}
file GET,PUT /rooms/{room}/pages/{page} {
	key_set room/{room}
	record page {page}
}
`
	shelfFields = `{
	"POST /rooms/{room}/files": {"request": {"/file": "secret", "/name": "open"}},
	"GET /files/{id}": {"response": {"": "secret"}},
	"PUT /rooms/{room}/pages/{page}": {"request": {"": "secret"}}
}`
)

// cabinet is a back end that keeps files.
type cabinet struct {
	mu    sync.Mutex
	files map[string][]byte // by id, pages by path
	heads http.Header       // of the last request
}

func (c *cabinet) serve(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heads = r.Header.Clone()
	switch r.Method {
	case http.MethodPost:
		f, info, err := r.FormFile("file")
		if err != nil {
			http.Error(w, "no file", http.StatusBadRequest)
			return
		}
		b, err := io.ReadAll(f)
		if err != nil {
			http.Error(w, "broken", http.StatusBadRequest)
			return
		}
		id := r.Header.Get("X-Record-Id")
		c.files[id] = b
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"id":%q,"name":%q,"size":%d}`, id, info.Filename, info.Size)
	case http.MethodPut:
		b, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "broken", http.StatusBadRequest)
			return
		}
		c.files[r.URL.Path] = b
		w.WriteHeader(http.StatusNoContent)
	default:
		b, ok := c.files[strings.TrimPrefix(r.URL.Path, "/files/")]
		if !ok {
			http.Error(w, "not here", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "image/png")
		w.Header().Set("Etag", `"e"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	}
}

// shelve starts a gateway in front of a cabinet.
func shelve(t testing.TB) (*env, *cabinet) {
	e := newEnv(t, shelf, shelfFields)
	c := &cabinet{files: map[string][]byte{}}
	e.backend(c.serve)
	return e, c
}

const formType = "multipart/form-data; boundary=bnd"

// upload posts a form of one file.
func (e *env) upload(room, text string, headers ...string) reply {
	body := "--bnd\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nmine\r\n" +
		"--bnd\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n" + text + "\r\n--bnd--\r\n"
	return e.send("POST", "/rooms/"+room+"/files", formType, body, headers...)
}

func TestFilesAreEncryptedAndDecrypted(t *testing.T) {
	e, c := shelve(t)
	text := strings.Repeat("meet me at nine ", 10_000)
	a := e.upload("a", text, "X-Record-Id", "mine", "X-RECORD-ID", "mine")
	if a.status != http.StatusCreated || !strings.Contains(a.body, fmt.Sprintf(`"size":%d`, len(text))) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	id := c.heads.Get("X-Record-Id")
	if len(id) != 26 || len(c.heads["X-Record-Id"]) != 1 {
		t.Fatalf("the back end was told of the ids %q", c.heads["X-Record-Id"])
	}
	stored := c.files[id]
	if !stream.IsSealed(stored) || bytes.Contains(stored, []byte("nine")) {
		t.Fatal("the back end has the plaintext")
	}
	got := e.get("/files/" + id)
	if got.status != 200 || got.body != text || got.header.Get("Content-Length") != strconv.Itoa(len(text)) || got.header.Get("Content-Type") != "image/png" {
		t.Fatalf("%d, %d bytes, %v", got.status, len(got.body), got.header)
	}
	if part := e.send("GET", "/files/"+id, "", "", "Range", "bytes=8-9,"); part.status != 200 {
		t.Errorf("an odd range: %d", part.status)
	}
	if part := e.send("GET", "/files/"+id, "", "", "Range", "bytes=100000-100003"); part.status != 206 || part.body != text[100000:100004] {
		t.Errorf("a range: %d %q", part.status, part.body)
	}
	if h := e.send("HEAD", "/files/"+id, "", ""); h.status != 200 || h.header.Get("Content-Length") != strconv.Itoa(len(text)) {
		t.Errorf("HEAD: %d %v", h.status, h.header)
	}
	if n := e.send("GET", "/files/"+id, "", "", "If-None-Match", `"e-gw"`); n.status != 304 {
		t.Errorf("If-None-Match: %d", n.status)
	}
	if none := e.get("/files/none"); none.status != 404 || none.body != "not here\n" {
		t.Errorf("%d %q", none.status, none.body)
	}
	page := "a page of the room"
	if p := e.send("PUT", "/rooms/a/pages/p1", "text/html", page); p.status != 204 || !stream.IsSealed(c.files["/rooms/a/pages/p1"]) {
		t.Fatalf("%d", p.status)
	}
	if p := e.get("/rooms/a/pages/p1"); p.body != page {
		t.Errorf("%d %q", p.status, p.body)
	}
}

// A stream that the back end puts elsewhere is not shown.
func TestFilesOpenOnlyWhereTheyBelong(t *testing.T) {
	e, c := shelve(t)
	for _, p := range []string{"/rooms/a/pages/p1", "/rooms/b/pages/p1"} {
		if r := e.send("PUT", p, "text/plain", "secret of "+p); r.status != 204 {
			t.Fatal(r)
		}
	}
	e.upload("a", "secret file")
	id := c.heads.Get("X-Record-Id")
	for name, move := range map[string]struct{ from, to string }{
		"another record":       {"/rooms/a/pages/p1", "/rooms/a/pages/p2"},
		"another tenant":       {"/rooms/a/pages/p1", "/rooms/b/pages/p1"},
		"another type":         {"/rooms/a/pages/p1", id},
		"a file in a page":     {id, "/rooms/a/pages/p1"},
		"another file's place": {id, "01KAZ4T3M5N6P7Q8R9S0TVWXYZ"},
	} {
		c.mu.Lock()
		kept := c.files[move.to]
		c.files[move.to] = c.files[move.from]
		c.mu.Unlock()
		path := move.to
		if !strings.HasPrefix(path, "/") {
			path = "/files/" + path
		}
		if got := e.get(path); got.status != http.StatusBadGateway || strings.Contains(got.body, "secret") {
			t.Errorf("%s: %d %q", name, got.status, got.body)
		}
		c.mu.Lock()
		c.files[move.to] = kept
		c.mu.Unlock()
	}
	c.mu.Lock()
	c.files[id] = []byte("plaintext")
	c.mu.Unlock()
	if got := e.get("/files/" + id); got.status != http.StatusBadGateway {
		t.Errorf("plaintext: %d", got.status)
	}
	if n := strings.Count(e.events(), "protect-answer-withheld"); n != 6 {
		t.Errorf("%d events of 6", n)
	}
}

// Nothing of these requests is kept by the back end.
func TestFilesThatClientsCantSend(t *testing.T) {
	e, c := shelve(t)
	e.send("PUT", "/rooms/a/pages/p1", "text/plain", "secret")
	stolen := string(c.files["/rooms/a/pages/p1"])
	form := func(parts ...string) string {
		var b strings.Builder
		for _, p := range parts {
			b.WriteString("--bnd\r\nContent-Disposition: form-data; " + p + "\r\n")
		}
		return b.String() + "--bnd--\r\n"
	}
	file := "name=\"file\"; filename=\"a\"\r\n\r\nx"
	for name, s := range map[string]struct {
		method, path, typ, body string
		status                  int
	}{
		"a stream":             {"PUT", "/rooms/a/pages/p2", "text/plain", stolen, 422},
		"a stream in a form":   {"POST", "/rooms/a/files", formType, form("name=\"file\"; filename=\"a\"\r\n\r\n" + stolen), 422},
		"a token in a field":   {"POST", "/rooms/a/files", formType, form("name=\"note\"\r\n\r\nenc:v1:a:b", file), 422},
		"a token for a name":   {"POST", "/rooms/a/files", formType, form("name=\"file\"; filename=\"enc:v1:a:b\"\r\n\r\nx"), 422},
		"two files":            {"POST", "/rooms/a/files", formType, form(file, file), 422},
		"a file elsewhere":     {"POST", "/rooms/a/files", formType, form("name=\"other\"; filename=\"a\"\r\n\r\nx"), 422},
		"a form that ends":     {"POST", "/rooms/a/files", formType, form(file)[:70], 400},
		"a form in a form":     {"POST", "/rooms/a/files", formType, form("name=\"file\"; filename=\"a\"\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\nx"), 400},
		"another case of path": {"PUT", "/rooms/a/Pages/p2", "text/plain", "secret", 400},
	} {
		c.mu.Lock()
		clear(c.files)
		c.mu.Unlock()
		if got := e.send(s.method, s.path, s.typ, s.body); got.status != s.status {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		c.mu.Lock()
		if len(c.files) > 0 {
			t.Errorf("%s: it was kept", name)
		}
		c.mu.Unlock()
	}
	if got := e.send("PUT", "/rooms/a/pages/p2", "text/plain", "x", "Content-Encoding", "gzip"); got.status != 415 {
		t.Errorf("compressed: %d", got.status)
	}
	if got := e.send("PUT", "/rooms/a/pages/p2", "text/plain", "x", "Content-Range", "bytes 0-0/5"); got.status != 415 {
		t.Errorf("a part: %d", got.status)
	}
}

func TestFilesNeedADecisionAndKeys(t *testing.T) {
	e, c := shelve(t)
	e.send("PUT", "/rooms/a/pages/p1", "text/plain", "secret")
	for _, method := range []string{"GET", "PUT"} {
		if got := e.send(method, "/rooms/a/pages/p1", "text/plain", "x", "Test-Undecided", "1"); got.status != 503 {
			t.Errorf("%s undecided: %d", method, got.status)
		}
	}
	sets := e.ground.DataKeys
	if _, err := sets.Destroy(context.Background(), "room/a"); err != nil {
		t.Fatal(err)
	}
	if got := e.get("/rooms/a/pages/p1"); got.status != http.StatusGone || strings.Contains(got.body, "secret") {
		t.Errorf("erased: %d %s", got.status, got.body)
	}
	if len(c.files) != 1 {
		t.Error(c.files)
	}
}

// A file that is read or written by a rotated key set is still one.
func TestFilesSurviveARotation(t *testing.T) {
	e, _ := shelve(t)
	e.send("PUT", "/rooms/a/pages/p1", "text/plain", "before")
	if _, err := e.ground.DataKeys.Rotate(context.Background(), "room/a"); err != nil {
		t.Fatal(err)
	}
	e.send("PUT", "/rooms/a/pages/p2", "text/plain", "after")
	if a, b := e.get("/rooms/a/pages/p1"), e.get("/rooms/a/pages/p2"); a.body != "before" || b.body != "after" {
		t.Error(a, b)
	}
}

// Without the file's block the classification refuses.
func TestAFileWithoutAPlaceRefuses(t *testing.T) {
	e := newEnv(t, "", shelfFields)
	for _, s := range []struct{ method, path string }{{"POST", "/rooms/a/files"}, {"GET", "/files/1"}, {"PUT", "/rooms/a/pages/p"}} {
		if got := e.send(s.method, s.path, "text/plain", "secret"); got.status != 503 {
			t.Errorf("%s %s: %d", s.method, s.path, got.status)
		}
	}
	if len(e.reached()) > 0 {
		t.Error("the back end was asked")
	}
}

func TestFilesThatCantBe(t *testing.T) {
	good := File{Methods: []string{"PUT"}, Path: "/f/{id}", KeySet: "room/{id}", Type: "file", ID: "{id}"}
	if _, err := compileFiles([]File{good}); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*File){
		"no method":           func(f *File) { f.Methods = nil },
		"another method":      func(f *File) { f.Methods = []string{"PATCH"} },
		"no type":             func(f *File) { f.Type = "" },
		"a type of its own":   func(f *File) { f.Type = "a/b" },
		"no key set":          func(f *File) { f.KeySet = "" },
		"a key set of a body": func(f *File) { f.KeySet = "room/{.room}" },
		"an unknown variable": func(f *File) { f.ID = "{no}" },
		"no id":               func(f *File) { f.ID = "" },
		"an id twice":         func(f *File) { f.Mint = "X-Id" },
		"minted on reading":   func(f *File) { f.Methods, f.ID, f.Mint = []string{"GET"}, "", "X-Id" },
		"a header of others":  func(f *File) { f.ID, f.Mint = "", "Cookie" },
		"no header":           func(f *File) { f.ID, f.Mint = "", "X Id" },
		"no path":             func(f *File) { f.Path = "f" },
	} {
		f := good
		change(&f)
		if _, err := compileFiles([]File{f}); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}
