package authorize

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// serveList answers with a list of n rooms with ids from a function, in the middle of other members, and flushes now and then.
func serveList(n int, id func(i int) string, end string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Etag", `"e"`)
		w.Header().Set("Trailer", "X-After")
		_, _ = io.WriteString(w, `{"n":1,"rooms":[`)
		for i := range n {
			if i > 0 {
				_, _ = io.WriteString(w, ",")
			}
			_, _ = fmt.Fprintf(w, `{"id":%q,"key":"secret-%d","text":"%s"}`, id(i), i, strings.Repeat("x", 100))
		}
		_, _ = io.WriteString(w, end)
		w.Header().Set("X-After", "x")
	}
}

// An answer far above what may be held back passes, in time and without the refused.
func TestLargeListsPass(t *testing.T) {
	e := newEnv(t, filtered, "")
	grantRoom(t, e, "a", "c")
	const n = 30_000 // 4 MB, where 64 KiB may be held back
	e.backend(serveList(n, func(i int) string { return string(rune('a' + i%3)) }, `],"m":2}`))
	r := e.expect(200, "GET", "/list", "ursula/user")
	var got struct {
		N, M  int
		Rooms []struct{ ID string }
	}
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || len(got.Rooms) != n*2/3 || got.N != 1 || got.M != 2 {
		t.Fatalf("%v, %d rooms, %d %d", err, len(got.Rooms), got.N, got.M)
	}
	for _, room := range got.Rooms {
		if room.ID == "b" {
			t.Fatal("a refused element came out")
		}
	}
	if r.header.Get("Etag") != "" || r.header.Get("Content-Length") != "" || r.header.Get("Trailer") != "" || r.header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("%v", r.header)
	}
}

// What is wrong behind the beginning that went out ends the answer so that everybody sees that it is cut off, and holds nothing of the rest.
func TestLargeListsThatAreWrongAreCutOff(t *testing.T) {
	e := newEnv(t, filtered, "")
	grantRoom(t, e, "a")
	for name, end := range map[string]string{
		"malformed":  `,{"id":"a","x":"leak",}]}`,
		"no id":      `,{"name":"leak"}]}`,
		"twice":      `],"rooms":[{"id":"leak"}]}`,
		"capitals":   `],"Rooms":[{"id":"leak"}]}`,
		"unfinished": `]`,
		"too large":  `,{"id":"a","x":"leak` + strings.Repeat("x", 100<<10) + `"}]}`,
	} {
		e.backend(serveList(5000, func(int) string { return "a" }, end))
		conn, err := net.Dial("tcp", e.addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /list HTTP/1.1\r\nHost: %s\r\nTest-User: ursula/user\r\n\r\n", e.addr)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if err == nil || resp.StatusCode != 200 || bytes.Contains(got, []byte("leak")) || bytes.Contains(got, []byte("problem")) {
			t.Errorf("%s: %d %v, %s", name, resp.StatusCode, err, got[max(0, len(got)-200):])
		}
		_ = conn.Close()
	}
}

// What is ready of a large answer goes on while the rest is not there yet.
func TestLargeListsStream(t *testing.T) {
	e := newEnv(t, filtered, "")
	grantRoom(t, e, "a")
	proceed := make(chan struct{})
	e.backend(func(w http.ResponseWriter, r *http.Request) {
		serveList(1000, func(int) string { return "a" }, ``)(w, r)
		_ = http.NewResponseController(w).Flush()
		<-proceed
		_, _ = io.WriteString(w, `]}`)
	})
	req, err := http.NewRequest("GET", e.url+"/list", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Test-User", "ursula/user")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.CopyN(io.Discard, resp.Body, 64<<10); err != nil {
		t.Fatal(err)
	}
	close(proceed)
	if rest, err := io.ReadAll(resp.Body); err != nil || !bytes.HasSuffix(rest, []byte(`]}`)) {
		t.Error(err)
	}
}

// The list is named by a pointer, too, and elements by members of members.
func TestFilterByPointer(t *testing.T) {
	e := newEnv(t, `
	route GET /list {
		permission app:read
		filter /a.b/rooms room:read room:{/meta/room.id}
	}
`, "")
	grantRoom(t, e, "a")
	e.answers(200, "application/json", `{"a.b":{"rooms":[{"meta":{"room.id":"a"}},{"meta":{"room.id":"b"}}]}}`)
	if r := e.expect(200, "GET", "/list", "ursula/user"); r.body != `{"a.b":{"rooms":[{"meta":{"room.id":"a"}}]}}` {
		t.Error(r.body)
	}
}

// Elements may be bare ids.
func TestFilterOfBareIDs(t *testing.T) {
	e := newEnv(t, "route GET /list {\npermission app:read\nfilter . room:read room:{.}\n}", "")
	grantRoom(t, e, "a", "7")
	e.answers(200, "application/json", `["b","a",7,8]`)
	if r := e.expect(200, "GET", "/list", "ursula/user"); r.body != `["a",7]` {
		t.Error(r.body)
	}
	for _, leak := range []string{`["a",["leak"]]`, `["a",{"leak":1}]`, `["a",null,"leak"]`, `["a",1.5,"leak"]`} {
		e.answers(200, "application/json", leak)
		if r := e.expect(502, "GET", "/list", "ursula/user"); strings.Contains(r.body, "leak") {
			t.Error(r.body)
		}
	}
}

// A list and grants of one answer.
func TestFilterOfAnAnswerThatGrants(t *testing.T) {
	e := newEnv(t, `
	route POST /make {
		permission app:write
		filter rooms room:read room:{id}
		on 200 grant owner room:{http.gw.response.json.made}
	}
`, "")
	e.answers(200, "application/json", `{"made":"x","rooms":[{"id":"x"},{"id":"y"}]}`)
	if r := e.expect(200, "POST", "/make", "ursula/user"); r.body != `{"made":"x","rooms":[{"id":"x"}]}` {
		t.Error(r.body)
	}
}

// maskPolicy masks for everybody but admins; what depends on the path.
const maskPolicy = `package gateway

default decision := {"allow": true, "reason": "r"}

decision := {"allow": true, "reason": "r", "obligations": {"mask": masks}} if input.identity.roles[0] != "admin"

masks := ["rooms"] if {
	input.request.path == "/whole"
} else := ["a..b"] if {
	input.request.path == "/malformed"
} else := ["key"] if {
	input.request.permission == "element"
} else := ["text"] if {
	input.message.type == "said"
} else := [] if {
	input.message.direction == "in"
} else := ["secret", "list.secret", "rooms.text"]
`

func TestAnswersAreMasked(t *testing.T) {
	e := newEnv(t, "max_answer 64KiB\nroute GET /filtered {\npermission app:read\nfilter rooms element room:{id}\n}\nroute POST /make {\npermission app:write\non 201 grant owner room:{http.gw.response.json.id}\n}", withPolicy(t, maskPolicy))
	const in = `{"secret":"leak","list":[{"secret":["leak"],"b":1},{"b":2}],"open":{"secret":"no"}}`
	for _, status := range []int{200, 201, 202, 400, 404, 500} {
		e.answers(status, "application/problem+json; charset=utf-8", in)
		r := e.expect(status, "GET", "/x", "ursula/user")
		if r.body != `{"secret":null,"list":[{"secret":null,"b":1},{"b":2}],"open":{"secret":"no"}}` || r.header.Get("Etag") != "" || r.header.Get("Content-Length") != fmt.Sprint(len(r.body)) {
			t.Errorf("%d: %v %s", status, r.header, r.body)
		}
		if rc := lastSeen(); fmt.Sprint(rc.Decision.Mask) != "[secret list.secret rooms.text]" {
			t.Errorf("%+v", rc.Decision)
		}
		if r := e.expect(status, "GET", "/x", "ada/admin"); r.body != in || r.header.Get("Etag") == "" {
			t.Errorf("%d: an admin's: %v %s", status, r.header, r.body)
		}
	}
	e.answers(200, "application/json", `{"rooms":["leak"],"n":1}`)
	if r := e.expect(200, "GET", "/whole", "ursula/user"); r.body != `{"rooms":null,"n":1}` {
		t.Error(r.body)
	}
	e.answers(201, "application/json", `{"id":"made","secret":"leak"}`)
	if r := e.expect(201, "POST", "/make", "ursula/user"); r.body != `{"id":"made","secret":null}` {
		t.Error(r.body)
	}
	// The answer's masks, and those of the element.
	e.answers(200, "application/json", `{"rooms":[{"id":"a","key":"leak","text":"leak"}],"key":1,"secret":"leak"}`)
	if r := e.expect(200, "GET", "/filtered", "ursula/user"); r.body != `{"rooms":[{"id":"a","key":null,"text":null}],"key":1,"secret":null}` {
		t.Error(r.body)
	}
}

// What should be masked and can't be does not come out.
func TestMaskFailsClosed(t *testing.T) {
	e := newEnv(t, "max_answer 64KiB", withPolicy(t, maskPolicy))
	for name, c := range map[string][3]string{ // type, body
		"text":              {"200", "text/plain", "leak"},
		"no type":           {"200", "", "leak"},
		"partial":           {"206", "application/json", `{"secret":"leak"}`},
		"broken":            {"200", "application/json", `{"secret":"leak"`},
		"twice":             {"200", "application/json", `{"secret":"leak","secret":"leak"}`},
		"another character": {"200", "application/json; charset=utf-16", `{"secret":"leak"}`},
		"lines":             {"200", "application/x-ndjson", "{\"secret\":\"leak\"}\n{\"secret\":\"leak\"}\n"},
		"two documents":     {"200", "application/json", `{"secret":1}{"secret":"leak"}`},
	} {
		var status int
		_, _ = fmt.Sscan(c[0], &status)
		e.answers(status, c[1], c[2])
		if r := e.do("GET", "/x", "ursula/user"); r.status != 502 || strings.Contains(r.body, "leak") || r.header.Get("X-Inside") != "" {
			t.Errorf("%s: %d %v %s", name, r.status, r.header, r.body)
		}
	}
	// An error page keeps its status and loses its words; a mistake of the policy is nobody's answer.
	e.answers(404, "text/html", "<p>leak</p>")
	if r := e.expect(404, "GET", "/x", "ursula/user"); r.body != "" || r.header.Get("X-Inside") != "secret" || r.header.Get("Content-Type") != "" {
		t.Errorf("%v %s", r.header, r.body)
	}
	e.answers(200, "application/json", `{"secret":"leak"}`)
	if r := e.expect(500, "GET", "/malformed", "ursula/user"); strings.Contains(r.body, "leak") || len(e.reached()) != 0 {
		t.Errorf("%s, %d reached the back end", r.body, len(e.reached()))
	}
	// What has no body has nothing to mask.
	for _, status := range []int{204, 304, 303, 201} {
		e.answers(status, "", "")
		if r := e.expect(status, "GET", "/x", "ursula/user"); r.body != "" {
			t.Errorf("%d: %s", status, r.body)
		}
	}
	e.answers(200, "application/json", `{"secret":"leak"}`)
	if r := e.expect(200, "HEAD", "/x", "ursula/user"); r.header.Get("Content-Length") != "" || r.header.Get("Etag") != "" {
		t.Errorf("%v", r.header)
	}
}

func TestLargeAnswersAreMasked(t *testing.T) {
	e := newEnv(t, "max_answer 64KiB", withPolicy(t, maskPolicy))
	e.backend(serveList(10_000, func(int) string { return "a" }, `],"secret":"leak"}`))
	r := e.expect(200, "GET", "/x", "ursula/user")
	if !json.Valid([]byte(r.body)) || !strings.HasSuffix(r.body, `"text":null}],"secret":null}`) || strings.Contains(r.body, "xxx") || strings.Count(r.body, `"text":null`) != 10_000 {
		t.Error(r.body[max(0, len(r.body)-300):])
	}
}

func TestSocketMessagesAreMasked(t *testing.T) {
	e := newEnv(t, "socket /ws {\npermission app:read\nin say {\npermission app:write\n}\nout said {\npermission app:read\n}\npass hello\n}\nroute GET /tunnel {\npermission app:read\n}", withPolicy(t, maskPolicy))
	l := dial(t, e, "/ws", "ursula/user")
	l.arrives(`{"type":"say","secret":"mine","text":"hi"}`)
	says := func(sent, heard string) {
		t.Helper()
		l.send <- sent
		if got := l.read(); got != heard {
			t.Errorf("%s is heard as %s, want %s", sent, got, heard)
		}
	}
	says(`{"type":"said","secret":"leak","text":"leak","n":1}`, `{"type":"said","secret":null,"text":null,"n":1}`)
	says(`{"type":"hello","secret":"leak","text":"open"}`, `{"type":"hello","secret":null,"text":"open"}`)
	l = dial(t, e, "/tunnel", "ursula/user")
	l.send <- "b:{\"secret\":\"leak\"}"
	l.send <- `not JSON, leak`
	says(` [ {"secret":"leak"} ] `, ` [ {"secret":null} ] `)
	l = dial(t, e, "/tunnel", "ada/admin")
	l.hears(`{"secret":"open"}`)
}

// A client that stops reading does not keep a list in memory, and one that goes away ends it.
func TestLargeListsOfClientsThatGoAway(t *testing.T) {
	e := newEnv(t, filtered, "")
	grantRoom(t, e, "a")
	ended := make(chan struct{})
	e.backend(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"rooms":[{"id":"a"}`)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, `,{"id":"a"}`); err != nil {
				return
			}
		}
	})
	conn, err := net.Dial("tcp", e.addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /list HTTP/1.1\r\nHost: %s\r\nTest-User: ursula/user\r\n\r\n", e.addr)
	if _, err := io.CopyN(io.Discard, conn, 1<<20); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("it goes on for ever")
	}
}

// A filtered answer is one person's, whatever the back end says to caches of the one that it sent.
func TestFilteredAnswersAreForNoSharedCache(t *testing.T) {
	e := newEnv(t, filtered, "")
	for said, want := range map[string]string{
		"":                      "private, no-cache",
		"public, max-age=600":   "private, no-cache",
		"s-maxage=600":          "private, no-cache",
		`private="X-A", public`: "private, no-cache",
		"max-age=60, private":   "max-age=60, private",
		"No-Store":              "No-Store",
		"PRIVATE":               "PRIVATE",
	} {
		e.backend(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if said != "" {
				w.Header().Set("Cache-Control", said)
			}
			for _, name := range []string{"CDN-Cache-Control", "Surrogate-Control"} {
				w.Header().Set(name, "max-age=600")
			}
			_, _ = io.WriteString(w, `{"rooms":[]}`)
		})
		r := e.expect(200, "GET", "/list", "ursula/user")
		if got := r.header.Get("Cache-Control"); got != want || r.header.Get("CDN-Cache-Control") != "" || r.header.Get("Surrogate-Control") != "" {
			t.Errorf("%q becomes %q: %v", said, got, r.header)
		}
	}
}
