package e2e

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/kit"
)

// This file comes last by its name: it reads what the tests before have caused to be written.

func TestOneEventPerRequest(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		c := s.as(t, "ursula")
		mark := fmt.Sprintf("event-%d", time.Now().UnixNano())
		for range 5 {
			c.Call(t, "GET", kit.RoomPath(mark), nil)
		}
		c.Anonymous(t).Call(t, "GET", kit.RoomPath(mark+"-anonymous"), nil).Want(t, http.StatusUnauthorized)
		attack := c.Call(t, "GET", kit.RoomPath(mark+"-attack")+"?q="+url.QueryEscape(attacks["sqli union"]), nil).Problem(t, http.StatusForbidden)
		var p struct {
			ID string `json:"request_id"`
		}
		attack.JSON(t, &p)

		of := func(action, path string) (found []kit.Frame) {
			for _, e := range s.a.Events(t) {
				if e.Str("url.path") == path && e.Str("event.action") == action {
					found = append(found, e)
				}
			}
			return found
		}
		find := func(path string) []kit.Frame { return of("http-request", path) }
		kit.Eventually(t, 30*time.Second, "the events are written", func() bool {
			return len(find(kit.RoomPath(mark))) >= 5 && len(find(kit.RoomPath(mark+"-attack"))) >= 1
		})
		time.Sleep(200 * time.Millisecond)
		if got := len(find(kit.RoomPath(mark))); got != 5 {
			t.Errorf("%d events for 5 requests", got)
		}
		// The decision of each is an event of its own, by the request's id.
		decisions := of("policy-decision", kit.RoomPath(mark))
		if len(decisions) != 5 || len(of("policy-decision", kit.RoomPath(mark+"-attack"))) != 0 {
			t.Errorf("decisions: %v", decisions)
		}
		for _, e := range find(kit.RoomPath(mark)) {
			if !slices.ContainsFunc(decisions, func(d kit.Frame) bool { return d.Str("http.request.id") == e.Str("http.request.id") }) {
				t.Errorf("no decision of %v", e)
			}
		}
		e := find(kit.RoomPath(mark))[0]
		for k, want := range map[string]string{"source.ip": c.IP, "http.request.method": "GET", "event.category": "web", "url.domain": "localhost"} {
			if e.Str(k) != want {
				t.Errorf("%s: %v, want %q", k, e[k], want)
			}
		}
		for _, k := range []string{"@timestamp", "event.action", "event.outcome", "http.request.id", "http.response.status_code", "event.duration", "user.id", "user.roles", "gateway.session"} {
			if e[k] == nil {
				t.Errorf("the event has no %s: %v", k, e)
			}
		}
		if e["user.name"] != nil { // the id alone, which tells of nobody once the person is erased
			t.Errorf("the event tells a name: %v", e)
		}
		a := find(kit.RoomPath(mark + "-attack"))
		if len(a) != 1 || a[0]["rule.id"] == nil || a[0].Str("http.request.id") != p.ID || a[0].Str("event.outcome") != "failure" {
			t.Errorf("event of the attack (request %s): %v", p.ID, a)
		}
		if n := find(kit.RoomPath(mark + "-anonymous")); len(n) != 1 || n[0]["user.id"] != nil || n[0]["http.response.status_code"] != float64(401) {
			t.Errorf("event of the anonymous: %v", n)
		}
	})
}

func TestOneEventPerSocket(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		c := s.a.Client(t).Login(t, s.users["petra"])
		sock := c.Socket(t).Join(t, "general")
		sock.Send(t, kit.Frame{"type": "typing", "room": "general"})
		c.Logout(t)
		sock.WantClosed(t, websocket.StatusPolicyViolation, atOnce)
		kit.Eventually(t, 30*time.Second, "the event of the socket", func() bool {
			for _, e := range s.a.Events(t) {
				if e.Str("event.action") == "websocket" && e.Str("url.path") == "/api/ws" && e.Str("source.ip") == c.IP {
					return true
				}
			}
			return false
		})
	})
}

func TestNothingSecretIsWritten(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		// In every place where a client may put a secret.
		canary := func(where string) string {
			v := "canary-" + where + "-" + s.name + "-4f9d"
			kit.Secret(v)
			return v
		}
		c := s.a.Client(t)
		c.Call(t, "GET", "/api/rooms?token="+canary("query"), nil)
		c.Call(t, "POST", "/auth/api/login", map[string]string{"username": "ursula", "password": canary("password")})
		c.Call(t, "POST", "/auth/api/refresh", map[string]string{"refresh_token": canary("refresh")})
		c.Call(t, "POST", "/auth/api/mfa/totp", map[string]string{"mfa_token": canary("mfa"), "code": "424242"})
		c.Call(t, "GET", "/api/rooms", nil, kit.With("Authorization", "Bearer "+canary("bearer")))
		c.Call(t, "GET", "/api/rooms", nil, kit.With("Cookie", "__Host-gw_access="+canary("cookie")))
		c.Call(t, "GET", "/api/rooms", nil, kit.With("X-Gateway-Assertion", canary("assertion")))
		c.Call(t, "GET", "/auth/login?return_to=/&password="+canary("login-page"), nil)
		s.as(t, "ursula").Post(t, "general", canary("message"))
		sock := s.as(t, "ursula").Socket(t).Join(t, "general")
		sock.Send(t, kit.Frame{"type": "message", "room": "general", "text": canary("socket"), "ref": "x"})
		sock.Expect(t, "ack", func(f kit.Frame) bool { return f.Str("type") == "ack" })
		c.Call(t, "POST", kit.RoomPath("general", "messages"), map[string]string{"text": canary("attack") + attacks["sqli union"]},
			kit.With("Authorization", "Bearer "+s.as(t, "ursula").Access)).Want(t, http.StatusForbidden)
		abortDownload(t, s.as(t, "ursula"))
		time.Sleep(500 * time.Millisecond) // the events are on their way

		outputs := map[string]string{"answers that refuse": kit.Refusals()}
		for _, n := range s.nodes() {
			n.Events(t) // every line is JSON
			maps.Copy(outputs, n.Written(t))
		}
		maps.Copy(outputs, s.stored(t))
		for where, text := range outputs {
			for _, secret := range kit.Secrets() {
				if i := strings.Index(text, secret); i >= 0 {
					t.Errorf("%s holds a secret (%.12s…): …%.160q…", where, secret, text[max(0, i-80):])
				}
			}
			// No token of any kind: what an assertion proves, whoever reads the log could prove too.
			if m := regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`).FindString(text); m != "" {
				t.Errorf("%s holds a token: %.40s…", where, m)
			}
		}
		for _, n := range s.nodes() {
			for _, f := range n.EventFiles(t) {
				if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("%s: %v %v, want mode 0600", f, info, err)
				}
			}
		}
	})
}

// abortDownload leaves in the middle of an answer, of which Caddy's proxy logs the request.
func abortDownload(t *testing.T, c *kit.Client) {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", "big.bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(make([]byte, 8<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var file struct {
		ID string `json:"id"`
	}
	c.Call(t, "POST", kit.RoomPath("general", "files"), form.Bytes(), kit.With("Content-Type", w.FormDataContentType())).Want(t, http.StatusCreated).JSON(t, &file)
	r, err := http.NewRequestWithContext(t.Context(), "GET", c.Node.URL+"/api/files/"+file.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.Access)
	res, err := c.HTTP.Do(r)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("the download does not begin: %v %v", res, err)
	}
	if _, err := io.ReadFull(res.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}
