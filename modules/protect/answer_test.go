package protect

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// What speaks of the bytes as the back end sent them goes, or fits; ranges are not passed on, since those of ciphertext are nothing.
func TestHeadersFitThePlaintext(t *testing.T) {
	e := newEnv(t, chat, listFields)
	id, text, _ := e.planted("general", "planted", "x")
	body := fmt.Sprintf(`{"messages":[{"id":%q,"text":%q}]}`, id, text)
	e.backend(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Etag", `"1"`)
		h.Set("Accept-Ranges", "bytes")
		h.Set("Digest", "sha-256=x")
		h.Set("Content-Digest", "sha-256=:x:")
		h.Set("Cache-Control", "public, s-maxage=60")
		h.Set("Trailer", "X-Sum")
		if r.Header.Get("Range") != "" || r.Header.Get("If-Range") != "" {
			t.Error("the back end was asked for a part")
		}
		if r.Header.Get("If-None-Match") == `"1"` {
			h.Del("Trailer")
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h.Set("Content-Length", fmt.Sprint(len(body)))
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, body)
		}
		h.Set("X-Sum", "x")
	})
	r := e.send("GET", "/rooms/general/messages", "", "", "Range", "bytes=0-3", "If-Range", `"1"`)
	if r.status != 200 || !strings.Contains(r.body, "planted") || r.header.Get("Content-Length") != fmt.Sprint(len(r.body)) {
		t.Error(r)
	}
	for _, gone := range []string{"Accept-Ranges", "Digest", "Content-Digest", "Trailer", "Content-Range"} {
		if r.header.Get(gone) != "" {
			t.Errorf("%s: %s", gone, r.header.Get(gone))
		}
	}
	if r.header.Get("Etag") != `"1"` || r.header.Get("Cache-Control") != "private, no-cache" {
		t.Error(r.header)
	}
	if r := e.send("GET", "/rooms/general/messages", "", "", "If-None-Match", `"1"`); r.status != http.StatusNotModified || r.header.Get("Etag") != `"1"` || r.body != "" {
		t.Error("304:", r)
	}
	if r := e.send("HEAD", "/rooms/general/messages", "", ""); r.status != 200 || r.header.Get("Content-Length") != "" || r.header.Get("Digest") != "" {
		t.Error("HEAD:", r)
	}
}

// What the back end answers that is not what the route says is no answer; what is no success passes as it is.
func TestOtherAnswers(t *testing.T) {
	e := newEnv(t, "max_answer 64KiB\n"+chat, listFields)
	for _, c := range []struct {
		status            int
		contentType, body string
		want              int
	}{
		{200, "text/html", "<p>", 502},
		{200, "", "{}", 502},
		{200, "application/json; charset=latin1", "{}", 502},
		{200, "application/json", "", 200},
		{200, "application/json", "{}", 200},
		{200, "application/json", "[]", 200},
		{200, "application/json", "null", 200},
		{200, "application/json", `{"messages":null}`, 200},
		{200, "application/json", `{"messages":{"text":"x"}}`, 200},
		{200, "application/json", `{"messages":[{"id":"1","Text":"forged"}]}`, 502},
		{200, "application/json", `{"Messages":[{"id":"1","text":"forged"}]}`, 502},
		{200, "application/problem+json", `{"messages":[]}`, 200},
		{200, "application/json", `{"messages":[`, 502},
		{200, "application/json", `{"messages":[],"messages":[{"id":"1"}]}`, 502},
		{206, "application/json", `{"messages":[]}`, 502},
		{200, "application/json", `{"messages":["` + strings.Repeat("x", 65<<10) + `"]}`, 502},
		{204, "", "", 204},
		{304, "", "", 304},
		{404, "text/plain", "not here", 404},
		{302, "text/html", "<p>", 302},
		{500, "application/json", `{"messages":[{"text":"x"}]}`, 500},
	} {
		e.answers(c.status, c.contentType, c.body)
		r := e.get("/rooms/general/messages")
		if r.status != c.want || c.want == c.status && c.want != 304 && r.body != c.body && c.status != 500 {
			t.Errorf("%d %s %.60s: %d %q, want %d", c.status, c.contentType, c.body, r.status, r.body, c.want)
		}
	}
}

// A long list is decrypted while it passes, and one that holds a forgery ends before it: nothing of that element is sent.
func TestLongListsStream(t *testing.T) {
	e := newEnv(t, chat, listFields)
	id, text, _ := e.planted("general", "planted", "x")
	element := fmt.Sprintf(`{"id":%q,"text":%q,"pad":%q}`, id, text, strings.Repeat("x", 1000))
	const n = 2000
	next := make(chan bool)
	forged := false
	e.backend(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"messages":[`)
		for i := range n {
			if i > 0 {
				_, _ = io.WriteString(w, ",")
			}
			if i == n/2 {
				_ = http.NewResponseController(w).Flush()
				<-next // the client has seen what came before
				if forged {
					_, _ = io.WriteString(w, fmt.Sprintf(`{"id":%q,"text":%q},`, "another", text))
				}
			}
			if _, err := io.WriteString(w, element); err != nil {
				return // the gateway has hung up
			}
		}
		_, _ = io.WriteString(w, `],"next":"n"}`)
	})
	read := func() (string, error) {
		resp, err := http.Get("http://" + e.addr + "/rooms/general/messages")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		begin := make([]byte, 1000)
		if _, err := io.ReadFull(resp.Body, begin); err != nil {
			t.Fatal(err)
		}
		next <- true
		rest, err := io.ReadAll(resp.Body)
		return string(begin) + string(rest), err
	}
	body, err := read()
	if err != nil || strings.Count(body, `"text":"planted"`) != n || !strings.HasSuffix(body, `],"next":"n"}`) || strings.Contains(body, "enc:") {
		t.Error(err, len(body), strings.Count(body, "planted"))
	}
	forged = true
	if body, err = read(); err == nil || strings.Count(body, `"text":"planted"`) > n/2 || strings.Contains(body, "another") {
		t.Error(err, len(body), strings.Count(body, "planted"))
	}
}

// Long answers are read one after another where memory is short: whoever finds no room is told to come back, and gets nothing undecrypted.
func TestAnswersTakeRoom(t *testing.T) {
	h := benchHandler(t)
	ask := func(body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, decided("GET", "/rooms/general/messages", ""), answerWith([]byte(body))); err != nil {
			t.Fatal(err)
		}
		return w
	}
	const short = `{"messages":[]}`
	long := `{"messages":[{"id":"1","pad":"` + strings.Repeat("x", 64<<10) + `"}]}`
	seat, err := h.answers.Enter(t.Context(), "another", bodyMemory, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if seat2, err := h.answers.Enter(t.Context(), "a third", bodyMemory, time.Minute); err == nil {
		defer seat2.Leave()
	}
	if w := ask(short); w.Code != http.StatusOK {
		t.Error("a short one: ", w.Code)
	}
	if w := ask(long); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "xxx") {
		t.Error("a long one, without room: ", w.Code, w.Header())
	}
	seat.Leave()
	if w := ask(long); w.Code != http.StatusOK || w.Body.Len() != len(long) {
		t.Error("a long one: ", w.Code, w.Body.Len())
	}
}

// Whoever hangs up hangs up.
func TestAClientThatGoesAway(t *testing.T) {
	e := newEnv(t, chat, listFields)
	conn, err := net.Dial("tcp", e.addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST /rooms/general/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"text\":"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if r := e.get("/elsewhere"); r.status != 200 || len(e.reached()) != 1 {
		t.Error(r, e.reached())
	}
}

// What was stored before it was encrypted passes by choice alone; what only looks like a token never does.
func TestPlainPasses(t *testing.T) {
	e := newEnv(t, "plain pass\n"+chat, listFields)
	id, text, _ := e.planted("general", "planted", "x")
	e.answers(200, "application/json", fmt.Sprintf(`{"messages":[{"id":"1","text":"old","mood":12},{"id":%q,"text":%q}]}`, id, text))
	if r := e.get("/rooms/general/messages"); r.status != 200 || r.body != fmt.Sprintf(`{"messages":[{"id":"1","text":"old","mood":12},{"id":%q,"text":"planted"}]}`, id) {
		t.Error(r)
	}
	if r := e.lists("general", id, strings.ToUpper(text), ""); r.status != http.StatusBadGateway {
		t.Error(r)
	}
}
