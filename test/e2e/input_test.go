package e2e

import (
	"bufio"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/kit"
)

// cutWithin is more than the time that the shipped Caddyfiles give a client for its headers (10 s).
const cutWithin = 15 * time.Second

func TestBadInput(t *testing.T) {
	s := memory
	before := goroutines(t, s.a)
	var slow sync.WaitGroup
	slowClients(t, s, &slow) // they take their time: the rest runs meanwhile
	t.Run("headers", func(t *testing.T) { badHeaders(t, s) })
	t.Run("bodies", func(t *testing.T) { badBodies(t, s) })
	t.Run("JSON", func(t *testing.T) { badJSON(t, s) })
	t.Run("paths", func(t *testing.T) { badPaths(t, s) })
	t.Run("frames", func(t *testing.T) { badFrames(t, s) })
	slow.Wait()
	s.a.Client(t).Call(t, "GET", "/.well-known/jwks.json", nil).Want(t, http.StatusOK)
	kit.Eventually(t, 10*time.Second, "the gateway's goroutines go", func() bool { return goroutines(t, s.a) <= before+10 })
}

// goroutines counts those of the gateway, by the profile that Caddy's admin API offers.
func goroutines(t *testing.T, n *kit.Node) int {
	t.Helper()
	first, _, _ := strings.Cut(string(n.Admin(t, "GET", "/debug/pprof/goroutine?debug=1", "", "").Want(t, http.StatusOK).Body), "\n")
	count, err := strconv.Atoi(strings.TrimPrefix(first, "goroutine profile: total "))
	if err != nil {
		t.Fatalf("goroutine profile: %q", first)
	}
	return count
}

// slowClients open connections and then dawdle; each must be cut.
func slowClients(t *testing.T, s *site, wg *sync.WaitGroup) {
	t.Helper()
	for name, start := range map[string]string{
		"nothing sent":        "",
		"half a line":         "GET /api/ro",
		"half the headers":    "GET /api/rooms HTTP/1.1\r\nHost: " + host(s.a) + "\r\nX-Slow: ",
		"a byte now and then": "GET /api/rooms HTTP/1.1\r\nHost: " + host(s.a) + "\r\nX-Drip: ",
	} {
		conn := s.a.Dial(t, kit.ClientIP())
		if _, err := io.WriteString(conn, start); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if name == "a byte now and then" {
			go func() {
				for {
					if _, err := io.WriteString(conn, "x"); err != nil {
						return
					}
					time.Sleep(500 * time.Millisecond)
				}
			}()
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := conn.SetReadDeadline(begun.Add(cutWithin)); err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			_, err := io.Copy(io.Discard, conn) // an answer (408) may come first
			if ne, ok := err.(interface{ Timeout() bool }); ok && ne.Timeout() {
				t.Errorf("a slow client (%s) is not cut within %s", name, cutWithin)
			}
		}()
	}
}

func badHeaders(t *testing.T, s *site) {
	head := "GET /api/rooms HTTP/1.1\r\nHost: " + host(s.a) + "\r\n"
	for name, c := range map[string]struct {
		raw  string
		want []int // 0: closed without an answer
	}{
		"one of 64 KiB":       {head + "X-Large: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", []int{431}},
		"one of 20 KiB":       {head + "X-Large: " + strings.Repeat("a", 20<<10) + "\r\n\r\n", []int{431, 401}},
		"thousands":           {head + strings.Repeat("X-Many: a\r\n", 5000) + "\r\n", []int{431}},
		"no host":             {"GET /api/rooms HTTP/1.1\r\n\r\n", []int{400}},
		"two hosts":           {head + "Host: evil.example\r\n\r\n", []int{400}},
		"a NUL in a value":    {head + "X-A: a\x00b\r\n\r\n", []int{400}},
		"a name with a space": {head + "X A: b\r\n\r\n", []int{400}},
		"no HTTP at all":      {"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", []int{400, 0}},
		"version unknown":     {"GET / HTTP/9.9\r\nHost: " + host(s.a) + "\r\n\r\n", []int{400, 505}},
		"invalid UTF-8":       {head + "Authorization: Bearer \xff\xfe\r\nX-A: \xc3\x28\r\n\r\n", []int{400, 401, 403}},
		"length negative":     {"POST /api/rooms HTTP/1.1\r\nHost: " + host(s.a) + "\r\nContent-Length: -5\r\n\r\n", []int{400}},
		"length huge":         {"POST /auth/api/login HTTP/1.1\r\nHost: " + host(s.a) + "\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{", []int{413}},
	} {
		got := 0
		if res := exchange(t, s.a, c.raw); res != nil {
			got = res.StatusCode
		}
		if !oneOf(got, c.want...) {
			t.Errorf("headers: %s: status %d, want one of %v", name, got, c.want)
		}
	}
}

func badBodies(t *testing.T, s *site) {
	c := s.as(t, "ursula")
	large := `{"text":"` + strings.Repeat("lorem ipsum ", 2<<20) + `"}` // 24 MiB
	for path, body := range map[string]string{
		kit.RoomPath("general", "messages"): large,
		"/auth/api/login":                   `{"username":"` + strings.Repeat("u", 4<<20) + `","password":"x"}`,
	} {
		a, err := c.Try("POST", path, body)
		if err != nil {
			continue // the gateway closed while the body was still on its way: the answer may be lost with it
		}
		a.Want(t, http.StatusRequestEntityTooLarge)
	}
	// Without a length, the size shows only as it comes.
	a, err := c.Try("POST", kit.RoomPath("general", "messages"), nil, func(r *http.Request) {
		r.Header.Set("Content-Type", "application/json")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(large)), -1
	})
	if err == nil {
		a.Want(t, http.StatusRequestEntityTooLarge)
	}
	// A body that ends before its length: the client has gone, and nothing is made of it.
	conn := s.a.Dial(t, kit.ClientIP())
	if _, err := io.WriteString(conn, "POST "+kit.RoomPath("general", "messages")+" HTTP/1.1\r\nHost: "+host(s.a)+"\r\nAuthorization: Bearer "+c.Access+
		"\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"text\":\"cut off\"}"); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	time.Sleep(300 * time.Millisecond)
	for _, m := range c.Messages(t, "general") {
		if m.Text == "cut off" {
			t.Error("half a body became a message")
		}
	}
}

func badJSON(t *testing.T, s *site) {
	c := s.as(t, "ursula")
	bodies := []string{
		``, `{`, `}`, `{"text":`, `{"text":"a"`, `{"text":"a"}}`, `{"text":"a"}{"text":"b"}`, `[]`, `null`, `42`, `"text"`, `{"text":null}`, `{"text":42}`,
		`{"text":["a"]}`, `{"text":""}`, `{"text":"a`, `{'text':'a'}`, `{"text":"` + "\xff\xfe" + `"}`, `{"text":"\ud800"}`, `{"text":"a` + "\x00" + `b"}`,
		strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat(`}`, 5000), strings.Repeat("[", 20000), `{"text":"` + strings.Repeat("x", 200<<10) + `"}`,
		`{"text":1e999999}`, "\xef\xbb\xbf" + `{"text":"a"}`, `{"text":"a","text":42}`,
	}
	for _, path := range []string{kit.RoomPath("general", "messages"), "/api/rooms", "/auth/api/login", "/auth/api/refresh", "/auth/api/mfa/totp", "/auth/api/account/password"} {
		for i, body := range bodies {
			who := c
			if strings.HasPrefix(path, "/auth/api/") { // whose zones have room for some 20: another client each time
				who = s.a.Client(t)
				who.Access = c.Access
			}
			a := who.Call(t, "POST", path, body)
			if a.Status >= 500 || a.Status == http.StatusOK || a.Status < 400 && a.Status != http.StatusCreated && a.Status != http.StatusNoContent {
				t.Errorf("POST %s %.40q: status %d", path, body, a.Status)
			}
			if a.Status == http.StatusCreated && !oneOf(i, 15, 18, 22, 24, 25) { // readers of JSON may repair these
				t.Errorf("POST %s %.40q: made something of it", path, body)
			}
		}
	}
	// The kind of body is the client's claim.
	for _, kind := range []string{"", "text/plain", "application/xml", "multipart/form-data", "multipart/form-data; boundary=", "application/json; charset=utf-7", "a/b;;;", "\x7f"} {
		a, err := c.Try("POST", kit.RoomPath("general", "messages"), `{"text":"typed"}`, func(r *http.Request) {
			if kind == "\x7f" {
				r.Header["Content-Type"] = []string{"application/json", "text/plain"}
			} else {
				r.Header.Set("Content-Type", kind)
			}
		})
		if err != nil || a.Status >= 500 {
			t.Errorf("Content-Type %q: %v, %+v", kind, err, a)
		}
	}
}

func badPaths(t *testing.T, s *site) {
	c := s.as(t, "ursula")
	for _, target := range []string{
		"/api/rooms/%ff%fe", "/api/rooms/%00", "/api/rooms/..%2f..%2fetc", "/api/rooms/%2e%2e/%2e%2e/", "//api//rooms", "/api/rooms/general/../../../", "/api/rooms?%ff=%fe",
		"/api/rooms/general%2fmessages", "/API/ROOMS", "/api/rooms/", "/api/rooms;x=y", "/api/rooms/general/messages?limit=-1", "/api/rooms/general/messages?limit=1e9",
		"/api/rooms/general/messages?before=%27", "/api/rooms/" + strings.Repeat("a", 4000), "/%", "/api/rooms/%u0041", "/auth/api/../../api/rooms", "/auth/..%2fapi/rooms", "*", "http://evil.example/api/rooms",
	} {
		res := exchange(t, s.a, "GET "+target+" HTTP/1.1\r\nHost: "+host(s.a)+"\r\nUser-Agent: e2e\r\nAccept: application/json\r\nAuthorization: Bearer "+c.Access+"\r\n\r\n")
		if res == nil || res.StatusCode >= 500 {
			t.Errorf("GET %.60s: %s", target, status(res))
		}
	}
	// The portal's open doors are open for themselves alone.
	for _, target := range []string{"/auth/../api/rooms", "/auth/%2e%2e/api/rooms", "/auth/assets/../../api/rooms", "/auth/login/../../api/rooms", "//api/rooms", "/./api/rooms", "/api/rooms%20", "/api%2frooms", "/Api/rooms"} {
		res := exchange(t, s.a, "GET "+target+" HTTP/1.1\r\nHost: "+host(s.a)+"\r\nUser-Agent: e2e\r\nAccept: application/json\r\n\r\n")
		if res == nil {
			t.Errorf("GET %s: nothing", target)
			continue
		}
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode == http.StatusOK && strings.Contains(string(body), `"rooms"`) {
			t.Errorf("GET %s without a token lists the rooms", target)
		}
	}
}

func badFrames(t *testing.T, s *site) {
	c := s.as(t, "ursula")
	t.Run("too large", func(t *testing.T) {
		sock := c.Socket(t).Join(t, "general")
		sock.Write(t, websocket.MessageText, []byte(`{"type":"message","room":"general","text":"`+strings.Repeat("x", 70<<10)+`"}`))
		sock.WantClosed(t, websocket.StatusMessageTooBig, 5*time.Second)
	})
	t.Run("too large in fragments", func(t *testing.T) {
		r := rawSocket(t, s, c)
		r.frame(t, 0x01, []byte(`{"type":"message","room":"general","text":"`))
		for range 80 {
			r.frame(t, 0x00, []byte(strings.Repeat("x", 1<<10)))
		}
		r.wantClose(t, 1009)
	})
	t.Run("an announced giant", func(t *testing.T) {
		r := rawSocket(t, s, c)
		r.write(t, []byte{0x81, 0xff, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4})
		r.wantClose(t, 1009)
	})
	for name, bytes := range map[string][]byte{
		"unmasked":             {0x81, 0x02, 'h', 'i'},
		"reserved bits":        {0xf1, 0x80, 1, 2, 3, 4},
		"opcode unknown":       {0x83, 0x80, 1, 2, 3, 4},
		"a ping in fragments":  {0x09, 0x80, 1, 2, 3, 4},
		"a ping too large":     append([]byte{0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0}, make([]byte, 256)...),
		"continuation of none": {0x80, 0x80, 1, 2, 3, 4},
		"length not the least": {0x81, 0xfe, 0x00, 0x01, 0, 0, 0, 0, 'a'},
		"close of one byte":    {0x88, 0x81, 0, 0, 0, 0, 3},
		"close code reserved":  {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xed},
	} {
		t.Run(name, func(t *testing.T) {
			r := rawSocket(t, s, c)
			r.write(t, bytes)
			r.wantClose(t, 1002, 1007, 0)
		})
	}
	for name, body := range map[string]string{"text not UTF-8": "\xff\xfe\xfd", "broken JSON": "{", "no object": "[1]", "empty": ""} {
		t.Run(name, func(t *testing.T) {
			r := rawSocket(t, s, c)
			r.frame(t, 0x81, []byte(body))
			r.wantClose(t, 1007, 1008, 1003)
		})
	}
	t.Run("half a handshake", func(t *testing.T) {
		for _, lines := range []string{
			"Connection: Upgrade\r\nUpgrade: websocket\r\n",
			"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n",
			"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
			"Connection: keep-alive\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
		} {
			res := exchange(t, s.a, "GET /api/ws HTTP/1.1\r\nHost: "+host(s.a)+"\r\nUser-Agent: e2e\r\nAuthorization: Bearer "+c.Access+"\r\n"+lines+"\r\n")
			if res == nil || res.StatusCode/100 != 4 {
				t.Errorf("handshake %q: %s", lines, status(res))
			}
		}
	})
	t.Run("many at once, then gone", func(t *testing.T) {
		for range 20 {
			r := rawSocket(t, s, c)
			r.write(t, []byte{0x81, 0xfe}) // half a frame's head
			r.conn.Close()
		}
	})
	// A member of the room sees none of it.
	c.Socket(t).Join(t, "general").Close()
}

// raw is a socket whose frames the test writes itself.
type raw struct {
	conn io.ReadWriteCloser
	r    *bufio.Reader
}

func rawSocket(t *testing.T, s *site, c *kit.Client) *raw {
	t.Helper()
	conn := s.a.Dial(t, kit.ClientIP())
	r := &raw{conn: conn, r: bufio.NewReader(conn)}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	res := exchangeOn(t, conn, r.r, "GET /api/ws HTTP/1.1\r\nHost: "+host(s.a)+"\r\nUser-Agent: e2e\r\nOrigin: "+s.a.URL+"\r\nAuthorization: Bearer "+c.Access+
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if res == nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %s", status(res))
	}
	return r
}

// write sends bytes; that the gateway has closed meanwhile is no error.
func (r *raw) write(t *testing.T, b []byte) {
	t.Helper()
	_, _ = r.conn.Write(b)
}

// frame sends one masked frame; first is its first byte.
func (r *raw) frame(t *testing.T, first byte, payload []byte) {
	t.Helper()
	b := []byte{first, 0xfe, byte(len(payload) >> 8), byte(len(payload)), 0, 0, 0, 0}
	if len(payload) < 126 {
		b = []byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}
	}
	r.write(t, append(b, payload...))
}

// wantClose reads up to the close frame and compares its code; 0 stands for a cut without one.
func (r *raw) wantClose(t *testing.T, codes ...int) {
	t.Helper()
	for {
		var head [2]byte
		if _, err := io.ReadFull(r.r, head[:]); err != nil {
			if ne, ok := err.(interface{ Timeout() bool }); ok && ne.Timeout() {
				t.Fatalf("the socket stays open, want close %v", codes)
			}
			if !oneOf(0, codes...) {
				t.Fatalf("cut without a close frame (%v), want close %v", err, codes)
			}
			return
		}
		n := int(head[1] & 0x7f)
		if n == 126 {
			var ext [2]byte
			if _, err := io.ReadFull(r.r, ext[:]); err != nil {
				t.Fatal(err)
			}
			n = int(ext[0])<<8 | int(ext[1])
		}
		payload := make([]byte, n)
		if _, err := io.ReadFull(r.r, payload); err != nil {
			t.Fatal(err)
		}
		if head[0]&0x0f == 0x8 {
			code := 1005
			if n >= 2 {
				code = int(payload[0])<<8 | int(payload[1])
			}
			if !oneOf(code, codes...) {
				t.Fatalf("closed with %d %q, want one of %v", code, payload[min(2, n):], codes)
			}
			return
		}
	}
}

func oneOf(got int, want ...int) bool {
	for _, w := range want {
		if got == w {
			return true
		}
	}
	return false
}
