package main

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// lived has a real gateway write the events of what people, programs and attackers do, and returns them.
func lived(t *testing.T) []kit.Frame {
	t.Helper()
	n := kit.Demo(t, kit.DemoOptions{})
	files := filepath.Join(n.Data, "caddyfiles")
	shipped, err := os.ReadFile(filepath.Join(files, "demo.Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	// Loopback is never banned: attackers come through a proxy that is trusted.
	text := strings.ReplaceAll(string(shipped), "import chat-", "import "+files+"/chat-")
	// And none solves puzzles, nor is set one by a response: what is told without them is told sooner.
	text = strings.NewReplacer(
		"servers {\n", "servers {\n\t\ttrusted_proxies static 127.0.0.0/8\n",
		"gateway {\n", "gateway {\n\t\tmonitor {\n\t\t\trespond off\n\t\t}\n\t\tabuse {\n\t\t\tchallenge off\n\t\t}\n\t\tidentity {\n\t\t\tthrottle {\n\t\t\t\tchallenge 8\n\t\t\t}\n\t\t}\n",
	).Replace(text)
	n.Load(t, text).Want(t, http.StatusOK)
	people(t, n)
	factors(t, n)
	thieves(t, n)
	scanners(t, n)
	guessers(t, n)
	operate(t, n)
	var all []kit.Frame
	kit.Eventually(t, 30*time.Second, "the last event is on the disk", func() bool {
		all = n.Events(t)
		for _, e := range all {
			if e.Str("event.action") == "grant-added" {
				return true
			}
		}
		return false
	})
	return all
}

// browser is what a person's requests say of their program.
var browser = kit.With("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")

// people do what is in order, and forget and mistype as people do.
func people(t *testing.T, n *kit.Node) {
	u := n.Users["ursula"]
	c := n.Client(t).Browserlike(t)
	c.Call(t, "GET", "/", nil, browser)
	c.Call(t, "GET", "/auth/login", nil, browser)
	c.Call(t, "POST", "/auth/api/login", map[string]string{"username": u.Username, "password": "not hers at all"}).Want(t, http.StatusUnauthorized)
	c.Login(t, u)
	c.Call(t, "GET", "/", nil, browser)
	c.Call(t, "GET", "/auth/api/account", nil)
	c.Rooms(t)
	m := c.Post(t, "general", "good morning")
	c.Messages(t, "general")
	c.Call(t, "DELETE", kit.RoomPath("general", "messages", m.ID), nil).Want(t, http.StatusNoContent)
	c.Call(t, "GET", "/favicon.ico", nil, browser)
	var file struct{ ID string }
	upload(t, c, "note.txt", []byte("a note")).Want(t, http.StatusCreated).JSON(t, &file)
	c.Call(t, "GET", "/api/files/"+file.ID, nil).Want(t, http.StatusOK)
	upload(t, c, "tool.exe", append([]byte("MZ"), make([]byte, 4096)...)).Want(t, http.StatusUnprocessableEntity)
	talks(t, c)
	c.Renew(t)
	c.Call(t, "POST", "/auth/api/stepup/password", map[string]string{"password": u.Password}).OK(t)
	c.Login(t, u) // a step up makes the session another
	c.Call(t, "PATCH", "/auth/api/account", map[string]string{"display_name": "Ursula", "locale": "en"}).OK(t)
	c.Call(t, "GET", kit.RoomPath("no-such-room", "messages"), nil).Problem(t, http.StatusForbidden)
	c.Call(t, "GET", "/auth/api/admin/accounts", nil).Problem(t, http.StatusForbidden)
	const changed = "quite another, longer one 7"
	c.Call(t, "POST", "/auth/api/account/password", map[string]string{"old": "not the old one", "new": changed}).Problem(t, http.StatusUnauthorized)
	c.Call(t, "POST", "/auth/api/account/password", map[string]string{"old": u.Password, "new": changed}).OK(t)
	u.Password = changed
	c.Login(t, u).Logout(t)
	c.Call(t, "GET", "/api/rooms", nil).Problem(t, http.StatusUnauthorized) // with a token that is over
	c.Call(t, "POST", "/auth/api/refresh", map[string]string{"refresh_token": c.Refresh, "delivery": "body"}, kit.Bare()).Problem(t, http.StatusUnauthorized)
}

// talks opens a socket, on which something passes within ten seconds.
func talks(t *testing.T, c *kit.Client) {
	s := c.Socket(t).Join(t, "general")
	s.Send(t, kit.Frame{"type": "message", "room": "general", "text": "hello"})
	s.Expect(t, "ack", func(f kit.Frame) bool { return f.Str("type") == "ack" })
	kit.Eventually(t, 30*time.Second, "what a socket did is told", func() bool {
		for _, e := range c.Node.Events(t) {
			if e.Str("event.action") == "socket-activity" {
				return true
			}
		}
		return false
	})
	s.Close()
}

// factors are codes that are right and wrong, and what only somebody may who has given one.
func factors(t *testing.T, n *kit.Node) {
	u := n.Users["mona"]
	c := n.Client(t)
	var l struct {
		MFA string `json:"mfa_token"`
	}
	c.Call(t, "POST", "/auth/api/login", map[string]string{"username": u.Username, "password": u.Password, "delivery": "body"}).Want(t, http.StatusOK).JSON(t, &l)
	c.Call(t, "POST", "/auth/api/mfa/totp", map[string]string{"mfa_token": l.MFA, "code": "000000", "delivery": "body"}).Problem(t, http.StatusUnauthorized)
	c.Login(t, u)
	c.Call(t, "POST", "/auth/api/break-glass", map[string]string{"reason": "abuse report 4711, to be read at once"}).OK(t)
	var made struct{ Token string }
	c.Call(t, "POST", "/auth/api/account/tokens", map[string]string{"name": "bot", "scopes": "room:list message:list", "expires_in_days": "30"}).OK(t).JSON(t, &made)
	kit.Secret(made.Token)
	program := n.Client(t)
	program.Access = made.Token
	program.Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusOK)
	c.Call(t, "POST", "/auth/api/account/recovery-codes", nil)
	c.Call(t, "POST", "/auth/api/stepup/totp", map[string]string{"code": kit.Code(t, u.TOTPSecret)}).OK(t)
}

// thieves use what is another's.
func thieves(t *testing.T, n *kit.Node) {
	c := n.Client(t).Login(t, n.Users["petra"])
	if s, res := c.Dial(t, kit.With("Origin", "https://evil.example")); s != nil {
		t.Errorf("a socket: %v", res.Status)
	}
	s := c.Socket(t)
	s.Send(t, kit.Frame{"type": "join", "room": "of-nobody"})
	s.Closed(t, 20*time.Second)
	used := c.Refresh
	c.Renew(t)
	kit.Eventually(t, 60*time.Second, "a spent token is nobody's tab's any more", func() bool {
		return c.Call(t, "POST", "/auth/api/refresh", map[string]string{"refresh_token": used, "delivery": "body"}, kit.Bare()).Status == http.StatusUnauthorized
	})
	c.Call(t, "GET", "/api/rooms", nil, kit.With("Authorization", "Bearer eyJhbGciOiJub25lIn0.e30.")).Problem(t, http.StatusUnauthorized)
	c.Call(t, "GET", "/api/rooms", nil, kit.Bare(), kit.With("X-User-Id", "admin"))
}

// scanners look for what is open, until they are banned.
func scanners(t *testing.T, n *kit.Node) {
	c := n.Client(t)
	from := kit.With("X-Forwarded-For", "198.51.100.7")
	for _, path := range []string{"/wp-login.php", "/.env", "/api/rooms"} {
		c.Call(t, "GET", path, nil, from)
	}
	kit.Eventually(t, 60*time.Second, "the scanner is banned", func() bool {
		a := c.Call(t, "GET", "/api/rooms?q="+url.QueryEscape("1' UNION SELECT password FROM accounts--"), nil, from)
		return bytes.Contains(a.Body, []byte("banned"))
	})
}

// guessers try passwords: of one account, and of names that are nobody's.
func guessers(t *testing.T, n *kit.Node) {
	c := n.Client(t)
	from := kit.With("X-Forwarded-For", "198.51.100.8")
	for i := range 30 {
		name := "petra"
		if i > 7 {
			name = "nobody" + string(rune('a'+i%20))
		}
		c.Call(t, "POST", "/auth/api/login", map[string]string{"username": name, "password": "Summer2026!"}, from)
	}
}

func upload(t *testing.T, c *kit.Client, name string, content []byte) *kit.Answer {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", name)
	if err == nil {
		_, err = io.Copy(part, bytes.NewReader(content))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return c.Call(t, "POST", kit.RoomPath("general", "files"), b.Bytes(), kit.With("Content-Type", w.FormDataContentType()))
}

// operate is what operators do, at the portal and by commands.
func operate(t *testing.T, n *kit.Node) {
	ada := n.Client(t).Login(t, n.Users["ada"])
	var l struct {
		Accounts []struct{ ID, Username string }
	}
	ada.Call(t, "GET", "/auth/api/admin/accounts", nil).OK(t).JSON(t, &l)
	for _, one := range l.Accounts {
		if one.Username == "petra" {
			ada.Call(t, "PATCH", "/auth/api/admin/accounts/"+one.ID, map[string]string{"roles": "moderator"})
			ada.Call(t, "POST", "/auth/api/admin/accounts/"+one.ID+"/end-sessions", nil)
		}
	}
	admin := "unix/" + filepath.Join(n.Data, "admin.sock")
	for _, args := range [][]string{
		{"ban", "add", "192.0.2.7", "--for", "1h"},
		{"grant", "add", "petra", "member", "room:general"},
	} {
		if code, out := n.Exec(t, "", append(args, "--address", admin)...); code != 0 {
			t.Errorf("%v: %d %s", args, code, out)
		}
	}
}
