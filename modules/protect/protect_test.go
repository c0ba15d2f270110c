package protect

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
)

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// chat is the block of an application of rooms and messages, and its table.
const (
	chat = `
route POST /rooms/{room}/messages {
	key_set room/{room}
	record message
	mint $.id ulid
}
route GET /rooms/{room}/messages {
	key_set room/{room}
	record message /messages/*
}
route PUT,GET /rooms/{room}/messages/{id} {
	key_set room/{room}
	record message
	id {id}
}
`
	chatFields = `{
	"POST /rooms/{room}/messages": {"request": {"/text": "secret", "/mood": "secret", "/room": "open"}, "response": {"/text": "secret", "/mood": "secret"}},
	"GET /rooms/{room}/messages": {"response": {"/messages/*/text": "secret", "/messages/*/mood": "secret"}},
	"PUT,GET /rooms/{room}/messages/{id}": {"request": {"/text": "secret"}, "response": {"/text": "secret"}}
}`
)

// store is a back end that keeps messages as they come, and lists them.
type store struct {
	mu       sync.Mutex
	messages []map[string]any
}

func (s *store) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.Method == http.MethodGet {
		_ = json.NewEncoder(w).Encode(map[string]any{"messages": s.messages})
		return
	}
	d := json.NewDecoder(r.Body)
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.messages = append(s.messages, m)
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(m)
}

// What a client sends comes back to clients, and never reaches the back end.
func TestRoundTrip(t *testing.T) {
	e := newEnv(t, chat, chatFields)
	s := &store{}
	e.backend(s.serve)
	for _, text := range []string{`"hello <b>w\u00f6rld</b> \ud83d\ude00\n"`, `12345678901234567890.10e+5`, `true`, `{"a":[1,null]}`, `["x"]`} {
		r := e.post("/rooms/general/messages", `{"text":`+text+`,"mood":"secretly glad","plain":"seen"}`)
		if r.status != http.StatusCreated {
			t.Fatal(r)
		}
		stored := e.stored()
		if strings.Contains(stored, "hello") || strings.Contains(stored, "12345") || strings.Contains(stored, "glad") || !strings.Contains(stored, `"plain":"seen"`) {
			t.Errorf("the back end has %s", stored)
		}
		var m map[string]json.RawMessage
		if err := json.Unmarshal([]byte(r.body), &m); err != nil {
			t.Fatal(err)
		}
		var want, have any
		if json.Unmarshal([]byte(text), &want) != nil || json.Unmarshal(m["text"], &have) != nil || fmt.Sprint(want) != fmt.Sprint(have) {
			t.Errorf("%s came back as %s", text, m["text"])
		}
		if len(m["id"]) != 28 {
			t.Errorf("the id is %s", m["id"])
		}
	}
	list := e.get("/rooms/general/messages")
	if list.status != 200 || strings.Count(list.body, "glad") != 5 || strings.Contains(list.body, "enc:v1:") || !strings.Contains(list.body, "12345678901234567890.10e+5") {
		t.Error(list)
	}
}

// Absent, null and the empty string are nothing to hide: the back end can tell that there is nothing.
func TestNothingStaysNothing(t *testing.T) {
	e := newEnv(t, chat, chatFields)
	s := &store{}
	e.backend(s.serve)
	if r := e.post("/rooms/general/messages", `{"text":"","mood":null}`); r.status != http.StatusCreated {
		t.Fatal(r)
	}
	if got := e.stored(); !strings.Contains(got, `"text":""`) || !strings.Contains(got, `"mood":null`) {
		t.Error(got)
	}
	if r := e.get("/rooms/general/messages"); r.status != 200 {
		t.Error(r)
	}
}

// part is a form of one part.
func part(disposition string) string {
	return "--b\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\nplanted\r\n--b--\r\n"
}

// Each attack sends plaintext past the encryption.
func TestPlaintextNeverGetsPast(t *testing.T) {
	e := newEnv(t, chat, chatFields)
	e.backend(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	const path = "/rooms/general/messages"
	for name, c := range map[string]struct {
		contentType, body, query string
		headers                  []string
		status                   int
	}{
		"twice, the first clean":       {body: `{"text":"","text":"planted"}`, status: 400},
		"in another case":              {body: `{"Text":"planted"}`, status: 422},
		"in another letter of a case":  {body: `{"te\u0078t":"","T\u0045XT":"planted"}`, status: 422},
		"a list of records":            {body: `[{"text":"planted"}]`, status: 422},
		"a wrong type":                 {contentType: "text/plain", body: `{"text":"planted"}`, status: 415},
		"no type":                      {contentType: "-", body: `{"text":"planted"}`, status: 415},
		"two types":                    {body: `{"text":"planted"}`, headers: []string{"Content-Type", "text/plain"}, status: 415},
		"another charset":              {contentType: "application/json; charset=utf-16", body: `{"text":"planted"}`, status: 415},
		"XML":                          {contentType: "application/xml", body: `<text>planted</text>`, status: 415},
		"compressed":                   {body: "\x1f\x8bplanted", headers: []string{"Content-Encoding", "gzip"}, status: 415},
		"not JSON":                     {body: `{"text":'planted'}`, status: 400},
		"JSON and more":                {body: `{"text":"x"}{"text":"planted"}`, status: 400},
		"half a surrogate":             {body: `{"text":"planted\ud800"}`, status: 400},
		"not UTF-8":                    {body: "{\"text\":\"planted\xff\"}", status: 400},
		"by the query":                 {body: `{"text":"x"}`, query: "?text=planted", status: 422},
		"by the query, in other case":  {body: `{"text":"x"}`, query: "?TEXT=planted", status: 422},
		"by the query, as a list":      {body: `{"text":"x"}`, query: "?text%5B%5D=planted", status: 422},
		"by the query, with semicolon": {body: `{"text":"x"}`, query: "?a=b;text=planted", status: 400},
		"form, as a list":              {contentType: "application/x-www-form-urlencoded", body: "text[]=planted", status: 422},
		"form, in other case":          {contentType: "application/x-www-form-urlencoded", body: "Text=planted", status: 422},
		"form, with semicolon":         {contentType: "application/x-www-form-urlencoded", body: "a=b;text=planted", status: 400},
		"one's own id":                 {body: `{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","text":"planted"}`, status: 422},
		"one's own id in other case":   {body: `{"ID":"1","text":"planted"}`, status: 422},
		"one's own id by form":         {contentType: "application/x-www-form-urlencoded", body: "id=1&text=planted", status: 422},
		"one's own id by query":        {body: `{"text":"x"}`, query: "?id=1", status: 422},
		"a file of a field's name":     {contentType: "multipart/form-data; boundary=b", body: part(`name="text"; filename="a"`), status: 422},
		"a file without a name":        {contentType: "multipart/form-data; boundary=b", body: part(`name="text"; filename=""`), status: 422},
		"a file for one's own id":      {contentType: "multipart/form-data; boundary=b", body: part(`name="id"; filename="a"`), status: 422},
		"a file in another case":       {contentType: "multipart/form-data; boundary=b", body: part(`name="Text"; filename=""`), status: 422},
		"too long":                     {body: `{"text":"` + strings.Repeat("planted", 1<<20/7) + `"}`, status: 413},
		"chunked, in another case":     {body: "10\r\n{\"Text\":\"planted\r\n2\r\n\"}\r\n0\r\n\r\n", headers: []string{"Transfer-Encoding", "chunked"}, status: 422},
	} {
		e.backend(nil)
		switch c.contentType {
		case "":
			c.contentType = "application/json"
		case "-":
			c.contentType = ""
		}
		r := e.send("POST", path+c.query, c.contentType, c.body, c.headers...)
		if r.status != c.status || strings.Contains(r.body, "planted") {
			t.Errorf("%s: %d, want %d: %s", name, r.status, c.status, r.body)
		}
		if got := e.reached(); len(got) > 0 && (got[0].err == nil || strings.Contains(got[0].body, "planted")) {
			t.Errorf("%s: the back end got %s %s", name, got[0].URL, got[0].body)
		}
	}
}

// What is encrypted is so however it comes.
func TestFormsAreEncrypted(t *testing.T) {
	e := newEnv(t, chat, chatFields)
	for contentType, body := range map[string]string{
		"application/x-www-form-urlencoded": "text=planted+%C3%BC&other=seen&text=planted+again",
		"multipart/form-data; boundary=b": "--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nplanted \u00fc\r\n--b\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nseen\r\n" +
			"--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nplanted again\r\n--b--\r\n",
	} {
		e.backend(nil)
		if r := e.send("POST", "/rooms/general/messages", contentType, body); r.status != 502 { // it is no JSON that comes back
			t.Errorf("%s: %v", contentType, r)
		}
		got := e.reached()
		if len(got) != 1 || strings.Contains(got[0].body, "planted") {
			t.Fatalf("%s: %v", contentType, got)
		}
		r := got[0].Request
		r.Body = io.NopCloser(strings.NewReader(got[0].body))
		if err := r.ParseMultipartForm(1 << 20); err != nil && err != http.ErrNotMultipart {
			t.Fatal(err)
		}
		if len(r.PostForm["text"]) != 2 || !strings.HasPrefix(r.PostForm["text"][1], "enc:v1:") || r.PostForm.Get("other") != "seen" || len(r.PostForm.Get("id")) != 26 {
			t.Errorf("%s: the back end has %v", contentType, r.PostForm)
		}
	}
}
