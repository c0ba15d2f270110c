package protect

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

const listFields = `{
	"POST /rooms/{room}/messages": {"request": {"/text": "secret", "/mood": "secret"}, "response": {"/text": "secret", "/mood": "secret"}},
	"GET /rooms/{room}/messages": {"response": {"/messages/*/text": "secret", "/messages/*/mood": "secret"}}
}`

// planted puts a message into a room, and gives what the back end has of it.
func (e *env) planted(room, text, mood string) (id, textToken, moodToken string) {
	e.t.Helper()
	e.backend(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(b)
	})
	if r := e.post("/rooms/"+room+"/messages", fmt.Sprintf(`{"text":%q,"mood":%q}`, text, mood)); r.status != 200 {
		e.t.Fatal(r)
	}
	var m struct{ ID, Text, Mood string }
	if err := json.Unmarshal([]byte(e.stored()), &m); err != nil {
		e.t.Fatal(err)
	}
	return m.ID, m.Text, m.Mood
}

// lists is what a client gets for a back end that says so.
func (e *env) lists(room, id, text, mood string) reply {
	e.answers(200, "application/json", fmt.Sprintf(`{"messages":[{"id":%q,"text":%q,"mood":%q}]}`, id, text, mood))
	return e.get("/rooms/" + room + "/messages")
}

// Whoever can write to the back end's tables can't make the gateway decrypt a value elsewhere, nor pass off another for it.
func TestTokensOpenOnlyWhereTheyBelong(t *testing.T) {
	e := newEnv(t, chat, listFields)
	id, text, mood := e.planted("general", "planted secret", "planted mood")
	id2, text2, _ := e.planted("general", "another", "one")
	_, text3, mood3 := e.planted("other", "elsewhere", "else")
	if r := e.lists("general", id, text, mood); r.status != 200 || !strings.Contains(r.body, "planted secret") {
		t.Fatal("what belongs there does not open: ", r)
	}
	flip := func(s string, i int) string {
		b := []byte(s)
		if b[i]++; b[i] == 'z'+1 || b[i] == 'Z'+1 || b[i] == '9'+1 {
			b[i] = 'A'
		}
		return string(b)
	}
	setOf := func(token string) string { return strings.Split(token, ":")[2] }
	for name, c := range map[string]struct{ room, id, text, mood string }{
		"to another field":                  {"general", id, mood, text},
		"to another record":                 {"general", id2, text, ""},
		"to another room":                   {"other", id, text, ""},
		"from another room":                 {"general", id, text3, ""},
		"from another room, renamed":        {"general", id, strings.Replace(text3, setOf(text3), setOf(text), 1), ""},
		"renamed to another room's keys":    {"other", id, strings.Replace(text, setOf(text), setOf(mood3), 1), ""},
		"replayed into another record":      {"general", id2, text, ""},
		"cut":                               {"general", id, text[:len(text)-4], ""},
		"cut to nothing":                    {"general", id, "enc:v1:" + setOf(text) + ":", ""},
		"one letter longer":                 {"general", id, text + "A", ""},
		"with another head":                 {"general", id, flip(text, len("enc:v1:")+len(setOf(text))+1), ""},
		"with another version of the key":   {"general", id, flip(text, len("enc:v1:")+len(setOf(text))+4), ""},
		"with another nonce":                {"general", id, flip(text, len("enc:v1:")+len(setOf(text))+12), ""},
		"with another text":                 {"general", id, flip(text, len(text)-30), ""},
		"with another tag":                  {"general", id, flip(text, len(text)-3), ""},
		"with a line break":                 {"general", id, text[:60] + "\n" + text[60:], ""},
		"with padding":                      {"general", id, text + "=", ""},
		"in upper case":                     {"general", id, strings.ToUpper(text), ""},
		"of a version that does not exist":  {"general", id, strings.Replace(text, "enc:v1:", "enc:v2:", 1), ""},
		"of keys that do not exist":         {"general", id, strings.Replace(text, setOf(text), "abcdefghijklmnop", 1), ""},
		"of a record without an id":         {"general", "", text, ""},
		"plaintext in its place":            {"general", id, "forged", ""},
		"the other record's, under this id": {"general", id, text2, ""},
	} {
		r := e.lists(c.room, c.id, c.text, c.mood)
		if r.status != http.StatusBadGateway || strings.Contains(r.body, "planted") || strings.Contains(r.body, "else") || strings.Contains(r.body, "enc:") {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	log := e.events()
	if !strings.Contains(log, "protect-answer-withheld") || strings.Contains(log, "planted") {
		t.Error(log)
	}
}

// A client that has got hold of a token can't send it, in any spelling: it has no business in what the gateway decrypts.
func TestClientsSendNoTokens(t *testing.T) {
	e := newEnv(t, chat, chatFields)
	_, token, _ := e.planted("general", "planted", "x")
	wide := strings.NewReplacer("e", "\uff45", "n", "\uff4e", "1", "\uff11", ":", "\uff1a").Replace("enc:v1:") + token[7:]
	escaped := `\u0065\u006E\u0063\u003a` + token[4:]
	percent := "%65nc%3Av1%3a" + token[7:]
	const messages, other = "/rooms/general/messages", "/elsewhere"
	for name, c := range map[string]struct{ path, contentType, body, pointer string }{
		"a field":                       {messages, "", `{"text":"` + token + `"}`, "/text"},
		"another member":                {messages, "", `{"room":"` + token + `"}`, "/room"},
		"nested":                        {messages, "", `{"a":{"b/c":["x","` + token + `"]}}`, "/a/b~1c/1"},
		"a name":                        {messages, "", `{"` + token + `":1}`, ""},
		"inside of a text":              {messages, "", `{"text":"look: ` + token + `"}`, "/text"},
		"escaped":                       {messages, "", `{"text":"` + escaped + `"}`, "/text"},
		"upper case":                    {messages, "", `{"text":"` + strings.ToUpper(token) + `"}`, "/text"},
		"wide letters":                  {messages, "", `{"text":"` + wide + `"}`, "/text"},
		"letters of no width":           {messages, "", `{"text":"e` + "\u200b" + token[1:] + `"}`, "/text"},
		"surrogates":                    {messages, "", `{"text":"\ud835\udc86\ud835\udc8f\ud835\udc84` + token[3:] + `"}`, "/text"},
		"a version to come":             {messages, "", `{"text":"enc:v27:` + token[7:] + `"}`, "/text"},
		"a form":                        {messages, "application/x-www-form-urlencoded", "text=" + percent, "/text"},
		"a form's name":                 {messages, "application/x-www-form-urlencoded", percent + "=1", ""},
		"the query":                     {messages + "?q=" + percent, "", `{}`, ""},
		"elsewhere":                     {other, "", `{"a":["` + token + `"]}`, "/a/0"},
		"elsewhere, escaped":            {other, "", `{"a":["` + escaped + `"]}`, "/a/0"},
		"elsewhere, long":               {other, "", `{"a":["` + strings.Repeat("x", 2*early) + escaped + `"]}`, ""},
		"elsewhere, by form":            {other, "application/x-www-form-urlencoded", "a=" + percent, ""},
		"elsewhere, in text":            {other, "text/plain", "x " + token, ""},
		"elsewhere, by query":           {other + "?q=" + percent, "", "{}", ""},
		"elsewhere, of no type":         {other, "-", `{"a":["` + escaped + `"]}`, ""},
		"elsewhere, in another charset": {other, "application/json; charset=utf-16", strings.Join(strings.Split(`{"a":"`+token+`"}`, ""), "\x00"), ""},
		"elsewhere, by a form in another charset": {other, "application/x-www-form-urlencoded; charset=latin1", "a=" + token, ""},
		"elsewhere, in a type like JSON":          {other, "application/json-seq", "\x1e{\"a\":\"" + token + "\"}", ""},
		"elsewhere, multipart":                    {other, "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n" + token + "\r\n--b--\r\n", "/a"},
		"a file without name":                     {other, "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"\"\r\n\r\n" + token + "\r\n--b--\r\n", "/a"},
		"a file's name":                           {other, "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"" + token + "\"\r\n\r\nx\r\n--b--\r\n", ""},
	} {
		e.backend(nil)
		switch c.contentType {
		case "":
			c.contentType = "application/json"
		case "-":
			c.contentType = ""
		}
		r := e.send("POST", c.path, c.contentType, c.body)
		if r.status != http.StatusUnprocessableEntity || r.pointer() != c.pointer || strings.Contains(r.body, token[7:40]) {
			t.Errorf("%s: %d, %q, want %q: %s", name, r.status, r.pointer(), c.pointer, r.body)
		}
		for _, g := range e.reached() {
			if g.err == nil {
				t.Errorf("%s: the back end has it: %s", name, g.body)
			}
		}
	}
	for name, body := range map[string]string{"what looks a little like one": `{"text":"enc:vx: enc:v enc v1: \u00e9nc:v1:"}`} {
		if r := e.post(other, body); r.status != 200 {
			t.Errorf("%s: %v", name, r)
		}
	}
}

// Who is not decided on gets nothing decrypted.
func TestWithoutADecisionNothingIsDone(t *testing.T) {
	e := newEnv(t, chat, listFields)
	id, text, mood := e.planted("general", "planted", "x")
	e.answers(200, "application/json", fmt.Sprintf(`{"messages":[{"id":%q,"text":%q,"mood":%q}]}`, id, text, mood))
	r := e.send("GET", "/rooms/general/messages", "", "", "Test-Undecided", "1")
	if r.status != http.StatusServiceUnavailable || len(e.reached()) > 0 {
		t.Error(r)
	}
}

// A field that is classified so, and that no record holds, passes in no form.
func TestAFieldWithoutAPlaceRefuses(t *testing.T) {
	for _, fields := range []string{
		`{"POST /notes": {"request": {"/text": "secret"}}}`,
		`{"GET /notes": {"response": {"/notes/*/text": "secret"}}}`,
		`{"POST /notes": {"query": {"q": "secret"}}}`,
		`{"POST /rooms/{room}/messages": {"request": {"/text": "secret"}, "query": {"q": "secret"}}}`,
	} {
		e := newEnv(t, chat, fields)
		method, path, _ := strings.Cut(strings.Split(fields, `"`)[1], " ")
		if r := e.send(method, strings.Replace(path, "{room}", "r", 1), "application/json", `{}`); r.status != http.StatusServiceUnavailable || len(e.reached()) > 0 {
			t.Errorf("%s: %v", fields, r)
		}
		if r := e.get("/elsewhere"); r.status != 200 {
			t.Errorf("%s: what is not classified: %v", fields, r)
		}
		if err := closeAll(e); err != nil {
			t.Fatal(err)
		}
	}
}

// An answer that the back end compresses all the same is opened, unless it is a bomb.
func TestCompressedAnswers(t *testing.T) {
	e := newEnv(t, "max_answer 64KiB\n"+chat, listFields)
	id, text, _ := e.planted("general", "planted", "x")
	pack := map[string]func(io.Writer) io.WriteCloser{
		"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
		"br":      func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
		"zstd": func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w)
			if err != nil {
				t.Fatal(err)
			}
			return z
		},
	}
	answer := func(encoding, body string) reply {
		var b bytes.Buffer
		w := pack[encoding](&b)
		_, _ = io.WriteString(w, body)
		_ = w.Close()
		e.backend(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") != "identity" {
				t.Error("the back end was asked for", r.Header.Get("Accept-Encoding"))
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", encoding)
			_, _ = w.Write(b.Bytes())
		})
		return e.send("GET", "/rooms/general/messages", "", "", "Accept-Encoding", encoding)
	}
	for encoding := range pack {
		r := answer(encoding, fmt.Sprintf(`{"messages":[{"id":%q,"text":%q}]}`, id, text))
		if r.status != 200 || !strings.Contains(r.body, "planted") || r.header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %v", encoding, r)
		}
		if r := answer(encoding, `{"messages":["`+strings.Repeat("a", 1<<20)+`"]}`); r.status != http.StatusBadGateway {
			t.Errorf("a bomb of %s: %v", encoding, r)
		}
	}
	e.backend(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "compress")
		_, _ = w.Write([]byte("x"))
	})
	if r := e.get("/rooms/general/messages"); r.status != http.StatusBadGateway {
		t.Error("an encoding that is not known:", r)
	}
}
