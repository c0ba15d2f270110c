package authorize

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/modules/policy/grant"
)

// chat is a small back end with the answers of the real one.
func chat(w http.ResponseWriter, r *http.Request) {
	send := func(status int, body string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
	p := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.Method == "POST" && len(p) == 2:
		body, _ := io.ReadAll(r.Body)
		var in struct{ Name, Visibility string }
		if err := json.Unmarshal(body, &in); err != nil {
			send(422, `{}`)
			return
		}
		send(201, fmt.Sprintf(`{"id":%q,"name":%q,"visibility":%q}`, in.Name, in.Name, in.Visibility))
	case r.Method == "GET" && len(p) == 2:
		send(200, `{ "rooms" : [ {"id":"general","x":[1,{}]}, {"id":"secret"} , {"id":"other"}], "n": 3}`)
	case r.Method == "POST" && p[3] == "messages":
		send(201, `{"id":"m-`+p[2]+`","room":"`+p[2]+`"}`)
	case r.Method == "POST" && p[3] == "files":
		send(201, `{"id":"f-`+p[2]+`"}`)
	case r.Method == "PUT" || r.Method == "DELETE":
		w.WriteHeader(204)
	default:
		send(200, `{"ok":true}`)
	}
}

// A back end that says that somebody has made what is another's does not make it theirs.
func TestTheBackEndGivesNothingAway(t *testing.T) {
	e := newEnv(t, importChat(t), "")
	e.backend(chat)
	create := func(user string, status int) {
		t.Helper()
		if r := e.send("POST", "/api/rooms", user, `{"name":"hers","visibility":"private"}`); r.status != status {
			t.Fatalf("%s: %d %s", user, r.status, r.body)
		}
	}
	create("ursula/user", 201)
	create("petra/user", 503)
	e.expect(403, "GET", "/api/rooms/hers/messages", "petra/user")
	create("ursula/user", 201) // a try that is made again
	e.expect(200, "GET", "/api/rooms/hers/messages", "ursula/user")

	e.expect(204, "PUT", "/api/rooms/hers/members/petra", "ursula/user")
	l := dial(t, e, "/api/ws", "ursula/user")
	l.hears(`{"type":"ack","message":{"id":"m1","room":"hers"}}`)
	l = dial(t, e, "/api/ws", "petra/user")
	l.send <- `{"type":"ack","message":{"id":"m1","room":"hers"}}`
	l.closes(websocket.StatusTryAgainLater, "ack of another's")
}

func TestChat(t *testing.T) {
	e := newEnv(t, importChat(t), "")
	e.backend(chat)
	post := func(user, path, body string, status int) {
		t.Helper()
		if r := e.send("POST", path, user, body); r.status != status {
			t.Fatalf("POST %s as %s: %d %s", path, user, r.status, r.body)
		}
	}
	rooms := func(user string) string {
		t.Helper()
		r := e.expect(200, "GET", "/api/rooms", user)
		var list struct {
			Rooms []struct{ ID string }
			N     int
		}
		if err := json.Unmarshal([]byte(r.body), &list); err != nil || list.N != 3 {
			t.Fatalf("%v: %s", err, r.body)
		}
		if r.header.Get("Content-Length") != fmt.Sprint(len(r.body)) || r.header.Get("Cache-Control") != "private, no-cache" {
			t.Errorf("headers %v", r.header)
		}
		ids := []string{}
		for _, room := range list.Rooms {
			ids = append(ids, room.ID)
		}
		return strings.Join(ids, " ")
	}
	const ursula, petra, mona, ada = "ursula/user", "petra/premium", "mona/moderator", "ada/admin"

	if r := e.send("POST", "/api/rooms", "", `{"name":"x"}`); r.status != 401 {
		t.Fatal("anonymous:", r.status)
	}
	post(ursula, "/api/rooms", `{"name":"general","visibility":"public"}`, 201)
	post(ursula, "/api/rooms", `{"name":"secret","visibility":"private"}`, 201)
	for user, want := range map[string]string{ursula: "general secret", petra: "general", mona: "general", ada: "general"} {
		if got := rooms(user); got != want {
			t.Errorf("%s sees %q", user, got)
		}
	}

	// A private room is invisible, in the list and by its id, to everybody else; a room that does not exist looks the same.
	for _, user := range []string{petra, mona, ada} {
		for _, c := range [][2]string{{"GET", "/api/rooms/secret"}, {"GET", "/api/rooms/secret/messages"}, {"GET", "/api/rooms/nowhere"}, {"GET", "/api/files/f-secret"}} {
			e.expect(403, c[0], c[1], user)
		}
		if r := e.send("POST", "/api/rooms/secret/messages", user, `{"text":"x"}`); r.status != 403 {
			t.Errorf("%s posts: %d", user, r.status)
		}
	}
	e.expect(200, "GET", "/api/rooms/secret", ursula)
	e.expect(403, "PUT", "/api/rooms/secret/members/petra", petra)
	e.expect(204, "PUT", "/api/rooms/general/members/petra", petra)
	e.expect(403, "PUT", "/api/rooms/general/members/ada", petra)
	e.expect(204, "PUT", "/api/rooms/secret/members/petra", ursula)
	e.expect(200, "GET", "/api/rooms/secret/messages", petra)
	if got := rooms(petra); got != "general secret" {
		t.Errorf("petra sees %q", got)
	}
	e.expect(204, "DELETE", "/api/rooms/secret/members/petra", ursula)
	e.expect(403, "GET", "/api/rooms/secret/messages", petra)
	e.expect(204, "PUT", "/api/rooms/secret/members/petra", mona)
	e.expect(204, "DELETE", "/api/rooms/secret/members/petra", petra)

	// Messages: the author, the owner of the room, a moderator.
	for _, c := range []struct {
		deleter string
		status  int
	}{{petra, 204}, {ursula, 204}, {mona, 204}, {ada, 204}, {"otto/user", 403}, {"", 401}} {
		post(petra, "/api/rooms/general/messages", `{"text":"x"}`, 201)
		e.expect(c.status, "DELETE", "/api/rooms/general/messages/m-general", c.deleter)
	}
	// Revoked with it: nobody is the author any more.
	post(petra, "/api/rooms/general/messages", `{"text":"x"}`, 201)
	e.expect(204, "DELETE", "/api/rooms/general/messages/m-general", petra)
	e.expect(403, "DELETE", "/api/rooms/general/messages/m-general", petra)

	// Another room in the path gives its owner nothing.
	post(petra, "/api/rooms", `{"name":"other","visibility":"private"}`, 201)
	post(ursula, "/api/rooms/general/messages", `{"text":"x"}`, 201)
	e.expect(403, "DELETE", "/api/rooms/other/messages/m-general", petra)
	e.expect(403, "DELETE", "/api/rooms/other/messages/m-general", mona)
	e.expect(204, "DELETE", "/api/rooms/general/messages/m-general", mona)

	// Files are read by who may read their room.
	post(ursula, "/api/rooms/secret/files", `{}`, 201)
	e.expect(200, "GET", "/api/files/f-secret", ursula)
	e.expect(403, "GET", "/api/files/f-secret", ada)
	e.expect(403, "GET", "/api/files/unknown", ursula)

	// Nothing else below /api.
	for _, c := range [][2]string{{"PATCH", "/api/rooms/general"}, {"DELETE", "/api/rooms/general"}, {"GET", "/api"}, {"GET", "/api/debug"}, {"POST", "/api/rooms/general/members/ursula"}, {"GET", "/api/rooms/general/members/ursula"}} {
		e.expect(403, c[0], c[1], ada)
	}
}

// Everyone, and objects, can't be put into a room by being called so.
func TestGrantsToWhatIsNoPerson(t *testing.T) {
	e := newEnv(t, importChat(t), "")
	e.backend(chat)
	if r := e.send("POST", "/api/rooms", "ursula/user", `{"name":"secret","visibility":"private"}`); r.status != 201 {
		t.Fatal(r.status)
	}
	e.backend(chat)
	for _, name := range []string{"*", "%2A", "room:secret", "room%3asecret", ":", strings.Repeat("x", 300)} {
		for _, user := range []string{"ursula/user", "ada/admin"} {
			if r := e.do("PUT", "/api/rooms/secret/members/"+name, user); r.status != 400 {
				t.Errorf("%s puts %q: %d", user, name, r.status)
			}
		}
	}
	if len(e.reached()) != 0 {
		t.Error("it reached the back end")
	}
	e.expect(403, "GET", "/api/rooms/secret", "petra/user")
	e.expect(400, "GET", "/api/rooms/"+strings.Repeat("x", 257), "ursula/user")
}

// A caller whose name reads as everyone or as an object has no grants.
func TestCallersThatAreNoPerson(t *testing.T) {
	e := newEnv(t, importChat(t), "")
	e.backend(chat)
	for _, c := range [][2]string{{"GET", "/api/rooms/general"}, {"POST", "/api/rooms"}} {
		if r := e.send(c[0], c[1], "*/user", `{"name":"general","visibility":"public"}`); r.status != 403 {
			t.Errorf("%v: %d", c, r.status)
		}
	}
}

const filtered = `
	max_answer 64KiB
	route GET /list {
		permission app:read
		filter rooms room:read room:{id}
	}
	route GET /bare {
		permission app:read
		filter . room:read room:{meta.id}
	}
	route POST /make {
		permission app:write
		on 201 grant owner room:{http.gw.response.json.id}
		on 200 grant member room:{http.gw.response.json.room.id} to {http.gw.response.json.user} if {http.gw.response.json.ready} == true
	}
`

func grantRoom(t *testing.T, e *env, rooms ...string) {
	t.Helper()
	s := grant.New(e.ground().DB, e.ground().Feed, time.Now)
	defer s.Close()
	for _, r := range rooms {
		if err := s.Apply(context.Background(), []grant.Grant{{Subject: "ursula", Relation: "member", Object: "room:" + r}}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFilterKeepsBytes(t *testing.T) {
	e := newEnv(t, filtered, "")
	grantRoom(t, e, "a", "c", "7")
	for _, c := range [][3]string{
		{"/list", `{"rooms":[]}`, `{"rooms":[]}`},
		{"/list", `{"rooms":[{"id":"b"}]}`, `{"rooms":[]}`},
		{"/list", ` { "x" : 1.50 , "rooms" : [ {"id":"a", "n":1e5} , {"id":"b"},{"id":"\u0063"} ] } `, ` { "x" : 1.50 , "rooms" : [{"id":"a", "n":1e5},{"id":"\u0063"}] } `},
		{"/list", `{"rooms":[{"id":7},{"id":8}]}`, `{"rooms":[{"id":7}]}`},
		{"/bare", `[{"meta":{"id":"a"}},{"meta":{"id":"b"}}]`, `[{"meta":{"id":"a"}}]`},
	} {
		e.answers(200, "application/json; charset=utf-8", c[1])
		r := e.expect(200, "GET", c[0], "ursula/user")
		if r.body != c[2] || r.header.Get("Etag") != "" || r.header.Get("X-Inside") != "secret" || r.header.Get("Content-Length") != fmt.Sprint(len(c[2])) {
			t.Errorf("%s\n gives %s\n want  %s\n%v", c[1], r.body, c[2], r.header)
		}
	}
}

// An answer that is not what the route says is withheld whole: no byte and no header of it comes out.
func TestFilterFailsClosed(t *testing.T) {
	e := newEnv(t, filtered, "")
	grantRoom(t, e, "a")
	const ok, leak = `{"rooms":[{"id":"a"}]}`, `"leak"`
	for name, c := range map[string][3]string{ // status, type, body
		"not JSON":           {"200", "text/html", ok},
		"no type":            {"200", "", ok},
		"another charset":    {"200", "application/json; charset=utf-16", ok},
		"broken":             {"200", "application/json", `{"rooms":[{"id":"a","x":` + leak},
		"empty":              {"200", "application/json", ``},
		"no member":          {"200", "application/json", `{"items":[` + leak + `]}`},
		"no list":            {"200", "application/json", `{"rooms":{"id":"a","x":` + leak + `}}`},
		"a list":             {"200", "application/json", `[{"id":` + leak + `}]`},
		"member twice":       {"200", "application/json", `{"rooms":[{"id":"a"}],"rooms":[` + leak + `]}`},
		"member in capitals": {"200", "application/json", `{"rooms":[{"id":"a"}],"Rooms":[` + leak + `]}`},
		"id twice":           {"200", "application/json", `{"rooms":[{"id":"a","id":` + leak + `}]}`},
		"id twice, escaped":  {"200", "application/json", `{"rooms":[{"id":"a","\u0069d":` + leak + `}]}`},
		"id in capitals":     {"200", "application/json", `{"rooms":[{"id":"a","ID":` + leak + `}]}`},
		"no id":              {"200", "application/json", `{"rooms":[{"id":"a"},{"name":` + leak + `}]}`},
		"empty id":           {"200", "application/json", `{"rooms":[{"id":""}]}`},
		"id an object":       {"200", "application/json", `{"rooms":[{"id":{"x":` + leak + `}}]}`},
		"element a string":   {"200", "application/json", `{"rooms":[` + leak + `]}`},
		"two documents":      {"200", "application/json", ok + ok},
		"half a surrogate":   {"200", "application/json", `{"rooms":[{"id":"\ud800"}]}`},
		"partial":            {"206", "application/json", ok},
		"transformed":        {"203", "application/json", ok},
		"large before":       {"200", "application/json", `{"x":"` + strings.Repeat("x", 200<<10) + `","rooms":[]}`},
		"very large":         {"200", "application/json", `{"x":"` + strings.Repeat("x", 4<<20) + `","rooms":[]}`},
		"large element":      {"200", "application/json", `{"rooms":[{"id":"a","x":"` + strings.Repeat("x", 80<<10) + `"}]}`},
	} {
		var status int
		_, _ = fmt.Sscan(c[0], &status)
		e.answers(status, c[1], c[2])
		r := e.do("GET", "/list", "ursula/user")
		if r.status != 502 || strings.Contains(r.body, "leak") || r.header.Get("X-Inside") != "" || r.header.Get("Etag") != "" {
			t.Errorf("%s: %d %v %s", name, r.status, r.header, r.body)
		}
		if r.problem() != "bad-gateway" {
			t.Errorf("%s: %s", name, r.body)
		}
	}
}

func TestFilterTakesNoCompressedAnswer(t *testing.T) {
	e := newEnv(t, filtered, "")
	e.backend(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "identity" || r.Header.Get("Range") != "" || r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Modified-Since") != "" {
			t.Errorf("the back end was asked with %v", r.Header)
		}
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, `{"rooms":[{"id":"leak"}]}`)
		_ = z.Close()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(b.Bytes())
	})
	r := e.do("GET", "/list", "ursula/user", "Accept-Encoding", "gzip, br", "Range", "bytes=0-4", "If-None-Match", `"e"`, "If-Modified-Since", "Mon, 02 Jan 2006 15:04:05 GMT")
	if r.status != 502 || r.header.Get("Content-Encoding") != "" {
		t.Errorf("%d %v", r.status, r.header)
	}
}

func TestFilterOnChunks(t *testing.T) {
	e := newEnv(t, filtered, "")
	grantRoom(t, e, "a")
	e.backend(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Trailer", "X-After")
		for _, part := range []string{`{"rooms":[{"i`, `d":"a"},{"id`, `":"b"}`, `]}`} {
			_, _ = io.WriteString(w, part)
			_ = http.NewResponseController(w).Flush()
		}
		w.Header().Set("X-After", "x")
	})
	if r := e.expect(200, "GET", "/list", "ursula/user"); r.body != `{"rooms":[{"id":"a"}]}` || r.header.Get("Content-Length") == "" {
		t.Errorf("%v %s", r.header, r.body)
	}
}

// The back end dies in the middle: nothing of what came so far comes out.
func TestFilterOnBrokenAnswer(t *testing.T) {
	e := newEnv(t, filtered, "")
	e.backend(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"rooms":[{"id":"leak"}`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	conn, err := net.Dial("tcp", e.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /list HTTP/1.1\r\nHost: %s\r\nTest-User: ursula/user\r\nConnection: close\r\n\r\n", e.addr)
	got, _ := io.ReadAll(conn)
	if bytes.Contains(got, []byte("leak")) || bytes.Contains(got, []byte(" 200 ")) || len(e.reached()) != 1 {
		t.Errorf("%d requests, %s", len(e.reached()), got)
	}
}

func TestOtherAnswersStream(t *testing.T) {
	e := newEnv(t, filtered, "")
	for _, status := range []int{301, 304, 400, 404, 422, 500, 503} {
		e.answers(status, "text/plain", "")
		if r := e.do("GET", "/list", "ursula/user"); r.status != status || r.header.Get("X-Inside") != "secret" {
			t.Errorf("%d becomes %d", status, r.status)
		}
	}
	e.answers(204, "", "")
	e.expect(204, "GET", "/list", "ursula/user")
	first := make(chan struct{})
	e.backend(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
		<-first
		_, _ = io.WriteString(w, "second")
	})
	req, err := http.NewRequest("POST", e.url+"/make", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Test-User", "ursula/user")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b := make([]byte, 5)
	if _, err := io.ReadFull(resp.Body, b); err != nil || string(b) != "first" {
		t.Fatalf("%q %v", b, err)
	}
	close(first)
	if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != "second" {
		t.Fatalf("%q %v", rest, err)
	}
}

func TestHeadOfAFilteredList(t *testing.T) {
	e := newEnv(t, filtered, "")
	e.backend(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "12345")
		w.Header().Set("Etag", `"e"`)
	})
	r := e.expect(200, "HEAD", "/list", "ursula/user")
	if r.header.Get("Content-Length") != "" || r.header.Get("Etag") != "" {
		t.Errorf("%v", r.header)
	}
}

// What was created is withheld until its grant is stored, and 503 where it can't be.
func TestGrantStoreDown(t *testing.T) {
	e := newEnv(t, filtered, "")
	e.answers(201, "application/json", `{"id":"leak"}`)
	e.expect(201, "POST", "/make", "ursula/user")
	if err := e.ground().DB.Close(); err != nil {
		t.Fatal(err)
	}
	r := e.expect(503, "POST", "/make", "ursula/user")
	if strings.Contains(r.body, "leak") || r.header.Get("X-Inside") != "" || r.header.Get("Retry-After") == "" {
		t.Errorf("%v %s", r.header, r.body)
	}
	// A question that memory can't answer is not refused for ever, either.
	e.answers(200, "application/json", `{"rooms":[{"id":"unknown"}]}`)
	e.expect(503, "GET", "/list", "ursula/user")
}

func TestGrantsNeedTheAnswer(t *testing.T) {
	e := newEnv(t, filtered, "")
	for _, body := range []string{`{}`, `{"id":""}`, `{"id":null}`, `{"id":"a","id":"b"}`, `{"id":"a","Id":"b"}`, `x`, ``, `{"id":"` + strings.Repeat("x", 300) + `"}`, `{"id":"a\u0000"}`, `{"id":1.5}`} {
		e.answers(201, "application/json", body)
		if r := e.expect(502, "POST", "/make", "ursula/user"); r.header.Get("X-Inside") != "" {
			t.Errorf("%s: %v", body, r.header)
		}
	}
	for body, status := range map[string]int{
		`{"ready":true,"room":{"id":"x"},"user":"petra"}`: 200, `{"ready":false}`: 200, `{}`: 200, `{"ready":null}`: 502,
		`{"ready":true,"room":{"id":"x"},"user":"*"}`: 502, `{"ready":true,"room":{"id":"x"},"user":"room:y"}`: 502, `{"ready":true}`: 502,
	} {
		e.answers(200, "application/json", body)
		e.expect(status, "POST", "/make", "ursula/user")
	}
	s := grant.New(e.ground().DB, e.ground().Feed, time.Now)
	defer s.Close()
	if got, err := s.Relations(context.Background(), "petra", "room:x"); err != nil || fmt.Sprint(got) != "[member]" {
		t.Error(got, err)
	}
	if got, err := s.Relations(context.Background(), "anybody", "room:x"); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
}

// The back end has acted: the grant is stored although the client has gone.
func TestClientThatGoesAway(t *testing.T) {
	e := newEnv(t, filtered, "")
	arrived, proceed := make(chan struct{}), make(chan struct{})
	e.backend(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-proceed
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(201)
		_, _ = io.WriteString(w, `{"id":"made"}`)
	})
	conn, err := net.Dial("tcp", e.addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /make HTTP/1.1\r\nHost: %s\r\nTest-User: ursula/user\r\nContent-Length: 0\r\n\r\n", e.addr)
	<-arrived
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // for the server to notice
	close(proceed)
	s := grant.New(e.ground().DB, e.ground().Feed, time.Now)
	defer s.Close()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		got, err := s.Relations(context.Background(), "ursula", "room:made")
		if err == nil && fmt.Sprint(got) == "[owner]" {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the grant was lost", got, err)
		}
	}
}

func TestOutlive(t *testing.T) {
	parent, end := context.WithCancel(context.WithValue(context.Background(), parentKey{}, 1))
	ctx, cancel := outlive(parent)
	end()
	time.Sleep(5 * time.Millisecond)
	if ctx.Err() != nil || ctx.Value(parentKey{}) != 1 {
		t.Error("it ended with its parent, or lost its values")
	}
	cancel()
	if ctx.Err() == nil {
		t.Error("it does not end")
	}
}

type parentKey struct{}
