package http

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"github.com/convosphere/gateway/backend"
)

func TestRoomsAndMembers(t *testing.T) {
	c := newChat(t)
	a := c.do(t, "ursula", "POST", "/api/rooms", `{"name":"General","visibility":"public"}`)
	want(t, "POST", a, http.StatusCreated)
	var r backend.Room
	if a.json(t, &r); r.ID != "general" || r.Name != "General" || r.Visibility != "public" || r.CreatedBy != "ursula" || r.CreatedAt.IsZero() {
		t.Errorf("%+v", r)
	}
	want(t, "PUT", c.do(t, "petra", "PUT", "/api/rooms/general/members/petra", ""), http.StatusNoContent)
	want(t, "PUT again", c.do(t, "petra", "PUT", "/api/rooms/general/members/petra", ""), http.StatusNoContent)
	a = c.do(t, "petra", "GET", "/api/rooms/general", "")
	if a.json(t, &r); strings.Join(r.Members, " ") != "petra ursula" {
		t.Errorf("members %v", r.Members)
	}
	want(t, "DELETE", c.do(t, "petra", "DELETE", "/api/rooms/general/members/petra", ""), http.StatusNoContent)
	var list struct{ Rooms []backend.Room }
	if c.do(t, "petra", "GET", "/api/rooms", "").json(t, &list); len(list.Rooms) != 1 || list.Rooms[0].ID != "general" {
		t.Errorf("%+v", list)
	}
	want(t, "no room", c.do(t, "petra", "GET", "/api/rooms/x", ""), http.StatusNotFound)
	want(t, "no room", c.do(t, "petra", "PUT", "/api/rooms/x/members/petra", ""), http.StatusNotFound)
	want(t, "a bad name", c.do(t, "petra", "PUT", "/api/rooms/general/members/a%2Fb", ""), http.StatusUnprocessableEntity)
	want(t, "a bad name", c.do(t, "petra", "PUT", "/api/rooms/general/members/%ff", ""), http.StatusUnprocessableEntity)
}

func TestMessages(t *testing.T) {
	c := newChat(t)
	general, other := c.room(t, "ursula", "General"), c.room(t, "ursula", "Other")
	path := "/api/rooms/" + general + "/messages"
	var ids []string
	for i := range 5 {
		a := c.do(t, "petra", "POST", path, fmt.Sprintf(`{"text":"number %d"}`, i))
		want(t, "POST", a, http.StatusCreated)
		var m backend.Message
		if a.json(t, &m); m.Author != "petra" || m.Room != general || m.At.IsZero() {
			t.Errorf("%+v", m)
		}
		ids = append(ids, m.ID)
	}
	var page struct {
		Messages []backend.Message
		Next     string
	}
	if c.do(t, "petra", "GET", path+"?limit=2", "").json(t, &page); len(page.Messages) != 2 || page.Messages[1].ID != ids[4] || page.Next != ids[3] {
		t.Errorf("%+v", page)
	}
	page.Next = ""
	if c.do(t, "petra", "GET", path+"?limit=100&before="+ids[3], "").json(t, &page); len(page.Messages) != 3 || page.Next != "" {
		t.Errorf("%+v", page)
	}
	want(t, "another room's path", c.do(t, "petra", "DELETE", "/api/rooms/"+other+"/messages/"+ids[0], ""), http.StatusNotFound)
	want(t, "DELETE", c.do(t, "petra", "DELETE", path+"/"+ids[0], ""), http.StatusNoContent)
	want(t, "DELETE again", c.do(t, "petra", "DELETE", path+"/"+ids[0], ""), http.StatusNotFound)
	want(t, "no room", c.do(t, "petra", "POST", "/api/rooms/x/messages", `{"text":"a"}`), http.StatusNotFound)
	for query, status := range map[string]int{
		"limit=0": 422, "limit=101": 422, "limit=x": 422, "limit=": 422, "before=~": 422, "before=x": 422, "limit=%zz": 400, "limit=1;x=2": 400,
	} {
		want(t, query, c.do(t, "petra", "GET", path+"?"+query, ""), status)
	}
}

func TestBadBodies(t *testing.T) {
	c := newChat(t)
	path := "/api/rooms/" + c.room(t, "ursula", "General") + "/messages"
	for body, status := range map[string]int{
		`{"text":`:                    400,
		`{"text":"a"} {}`:             400,
		`{"text":"a"}x`:               400,
		"{\"text\":\"a\xff\"}":        400,
		`{"text":"\ud800"}`:           400,
		`{"text":"a","text":"b"}`:     400, // the gateway might read the one and we the other
		`{"Text":"a"}`:                422,
		`{"text":"a","room":"other"}`: 422,
		`{"text":7}`:                  422,
		`["a"]`:                       422,
		`{}`:                          422,
		`null`:                        422,
		`{"text":" "}`:                422,
		`{"text":"a\u0000b"}`:         422,
		`{"text":"a","file":"x"}`:     422,
		`{"text":"` + strings.Repeat("x", maxBody) + `"}`: 413,
	} {
		want(t, body[:min(len(body), 30)], c.do(t, "petra", "POST", path, body), status)
	}
	want(t, "no body", c.send(t, c.as(t, "petra"), "POST", path, "application/json", nil), http.StatusBadRequest)
	want(t, "a form", c.send(t, c.as(t, "petra"), "POST", path, "application/x-www-form-urlencoded", strings.NewReader("text=a")), http.StatusUnsupportedMediaType)
	want(t, "no type", c.send(t, c.as(t, "petra"), "POST", path, "", strings.NewReader(`{"text":"a"}`)), http.StatusUnsupportedMediaType)
	want(t, "room", c.do(t, "petra", "POST", "/api/rooms", `{"name":"a","visibility":"secret"}`), http.StatusUnprocessableEntity)
	longest := `{"text":"` + strings.Repeat(`\ud83d\ude00`, 4000) + `"}` // 4000 characters, each written as 12
	want(t, "the longest message", c.do(t, "petra", "POST", path, longest), http.StatusCreated)
}

func TestMethodsAndPaths(t *testing.T) {
	c := newChat(t)
	a := c.do(t, "petra", "PATCH", "/api/rooms", "")
	want(t, "PATCH", a, http.StatusMethodNotAllowed)
	if a.header.Get("Allow") != "GET, POST, HEAD" {
		t.Errorf("Allow: %q", a.header.Get("Allow"))
	}
	want(t, "DELETE a room", c.do(t, "petra", "DELETE", "/api/rooms/general", ""), http.StatusMethodNotAllowed)
	want(t, "POST the page", c.do(t, "petra", "POST", "/", ""), http.StatusMethodNotAllowed)
	want(t, "nothing", c.do(t, "petra", "GET", "/api/nothing", ""), http.StatusNotFound)
	want(t, "a folder", c.do(t, "petra", "GET", "/assets/", ""), http.StatusNotFound)
	if a := c.do(t, "petra", "HEAD", "/api/rooms", ""); a.status != http.StatusOK || len(a.body) > 0 {
		t.Errorf("HEAD: %d %s", a.status, a.body)
	}
}

func TestPage(t *testing.T) {
	c := newChat(t)
	for path, mediaType := range map[string]string{
		"/": "text/html; charset=utf-8", "/assets/app.js": "text/javascript; charset=utf-8",
		"/assets/chat.css": "text/css; charset=utf-8", "/assets/logo.svg": "image/svg+xml",
	} {
		a := c.do(t, "petra", "GET", path, "")
		want(t, path, a, http.StatusOK)
		h := a.header
		if h.Get("Content-Type") != mediaType || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Content-Security-Policy") != pagePolicy || len(a.body) == 0 {
			t.Errorf("%s: %v", path, h)
		}
		again := c.as(t, "petra")
		again.Set("If-None-Match", h.Get("Etag"))
		want(t, path, c.send(t, again, "GET", path, "", nil), http.StatusNotModified)
	}
	html := c.do(t, "petra", "GET", "/", "").body
	for _, inline := range []string{" style=", "<style", " onclick", "<script>", "http://", "https://"} {
		if bytes.Contains(html, []byte(inline)) {
			t.Errorf("the page has %q, which its policy forbids", inline)
		}
	}
}

type formPart struct{ field, file, mediaType, body string }

func form(t *testing.T, parts ...formPart) (string, *bytes.Buffer) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"; filename="%s"`, p.field, p.file))
		h.Set("Content-Type", p.mediaType)
		part, err := w.CreatePart(h)
		if err == nil {
			_, err = part.Write([]byte(p.body))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), &b
}

func TestFiles(t *testing.T) {
	c := newChat(t)
	path := "/api/rooms/" + c.room(t, "ursula", "General") + "/files"
	mediaType, body := form(t, formPart{"file", "../../päge.html", "text/html", "<script>alert(1)</script>"})
	a := c.send(t, c.as(t, "petra"), "POST", path, mediaType, body)
	want(t, "POST", a, http.StatusCreated)
	var f backend.File
	if a.json(t, &f); f.Room != "general" || f.Name != "päge.html" || f.Type != "text/html" || f.Size != 25 || f.By != "petra" || f.At.IsZero() {
		t.Errorf("%+v", f)
	}
	a = c.do(t, "ursula", "GET", "/api/files/"+f.ID, "")
	want(t, "GET", a, http.StatusOK)
	for name, value := range map[string]string{
		"Content-Type": "text/html", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox",
		"Content-Disposition": "attachment; filename*=utf-8''p%C3%A4ge.html", "Content-Length": "25", "Cache-Control": "private, no-cache",
	} {
		if a.header.Get(name) != value {
			t.Errorf("%s: %q", name, a.header.Get(name))
		}
	}
	if string(a.body) != "<script>alert(1)</script>" {
		t.Errorf("body %q", a.body)
	}
	part := c.as(t, "ursula")
	part.Set("Range", "bytes=1-6")
	if a := c.send(t, part, "GET", "/api/files/"+f.ID, "", nil); a.status != http.StatusPartialContent || string(a.body) != "script" {
		t.Errorf("a range: %d %q", a.status, a.body)
	}
	part.Set("Range", "bytes=900-")
	if a := c.send(t, part, "GET", "/api/files/"+f.ID, "", nil); a.status != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("a range beyond: %d %q", a.status, a.body)
	}
	want(t, "none", c.do(t, "ursula", "GET", "/api/files/x", ""), http.StatusNotFound)
	a = c.do(t, "petra", "POST", "/api/rooms/general/messages", `{"text":"see","file":"`+f.ID+`"}`)
	want(t, "message", a, http.StatusCreated)
	var m backend.Message
	if a.json(t, &m); m.File == nil || *m.File != (backend.Attachment{ID: f.ID, Name: f.Name, Type: f.Type, Size: f.Size}) {
		t.Errorf("%+v", m)
	}
}

func TestBadUploads(t *testing.T) {
	c := newChat(t)
	path := "/api/rooms/" + c.room(t, "ursula", "General") + "/files"
	file := formPart{"file", "a.txt", "text/plain", "abc"}
	named := func(name string) formPart { return formPart{"file", name, "text/plain", "abc"} }
	for _, x := range []struct {
		what   string
		parts  []formPart
		status int
	}{
		{"no part", nil, 400},
		{"another field", []formPart{{"other", "a.txt", "text/plain", "abc"}}, 422},
		{"no file name", []formPart{named("")}, 422},
		{"two files", []formPart{file, file}, 422},
		{"bad UTF-8", []formPart{named("a\xff.txt")}, 422},
		{"long name", []formPart{named(strings.Repeat("x", 300))}, 422},
		{"one byte too many", []formPart{{"file", "a.txt", "text/plain", strings.Repeat("x", backend.MaxStored+1)}}, 413},
		{"far too many", []formPart{{"file", "a.txt", "text/plain", strings.Repeat("x", backend.MaxStored+1<<20)}}, 413},
		{"the most", []formPart{{"file", "a.txt", "text/plain", strings.Repeat("x", backend.MaxStored)}}, 201},
		{"empty", []formPart{{"file", "a.txt", "text/plain", ""}}, 201},
	} {
		mediaType, body := form(t, x.parts...)
		want(t, x.what, c.send(t, c.as(t, "petra"), "POST", path, mediaType, body), x.status)
	}
	mediaType, body := form(t, file)
	want(t, "no room", c.send(t, c.as(t, "petra"), "POST", "/api/rooms/x/files", mediaType, bytes.NewReader(body.Bytes())), http.StatusNotFound)
	want(t, "cut short", c.send(t, c.as(t, "petra"), "POST", path, mediaType, bytes.NewReader(body.Bytes()[:body.Len()-20])), http.StatusBadRequest)
	want(t, "not a form", c.do(t, "petra", "POST", path, `{}`), http.StatusUnsupportedMediaType)
}

// The gateway's id for a file is the file's.
func TestAFileOfTheGatewaysID(t *testing.T) {
	c := newChat(t)
	path := "/api/rooms/" + c.room(t, "ursula", "General") + "/files"
	for id, status := range map[string]int{"01KAZ4T3M5N6P7Q8R9S0TVWXYZ": 201, "x": 422} {
		mediaType, body := form(t, formPart{"file", "a.txt", "text/plain", "abc"})
		header := c.as(t, "petra")
		header.Set("X-Record-Id", id)
		a := c.send(t, header, "POST", path, mediaType, body)
		want(t, id, a, status)
		var f backend.File
		if a.json(t, &f); status == 201 && f.ID != id {
			t.Errorf("%+v", f)
		}
	}
}

// The gateway's id for a message is the message's.
func TestAMessageOfTheGatewaysID(t *testing.T) {
	c := newChat(t)
	path := "/api/rooms/" + c.room(t, "ursula", "General") + "/messages"
	for _, x := range []struct {
		id     string
		status int
	}{{"01KAZ4T3M5N6P7Q8R9S0TVWXYZ", 201}, {"01KAZ4T3M5N6P7Q8R9S0TVWXYZ", 422}, {"x", 422}} {
		a := c.do(t, "petra", "POST", path, `{"text":"hello","id":"`+x.id+`"}`)
		want(t, x.id, a, x.status)
		var m backend.Message
		if a.json(t, &m); x.status == 201 && m.ID != x.id {
			t.Errorf("%+v", m)
		}
	}
}
