package portal

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/mailtest"
)

// startWithMail is a gateway beside a real mail server, to which everybody may come.
func startWithMail(t *testing.T, more string) (site, *mailtest.Server) {
	t.Helper()
	server, _ := mailtest.Start(t, mailtest.Auth())
	return startWith(t, `identity {
			label Acme
			public_url https://gw.example
			mail {
				server smtp://`+server.Addr+`
				from no-reply@gw.example
				username `+mailtest.Username+`
				password `+mailtest.Password+`
				ca `+server.CA+`
			}
			`+more+`
		}`, ""), server
}

var mailed = regexp.MustCompile(`https://gw\.example/auth/[a-z/]+#(?:email\.)?([A-Z2-7]{26})\n`)

func secretOf(t *testing.T, m mailtest.Mail) string {
	t.Helper()
	found := mailed.FindStringSubmatch(m.Text)
	if found == nil {
		t.Fatalf("no link in %s", m.Text)
	}
	return found[1]
}

type obj = map[string]any

// From a stranger to a person, and to nobody again, through the real gateway and a real mail server.
func TestALifeWithRealApps(t *testing.T) {
	s, server := startWithMail(t, "registration open")
	c := browser(t)
	if r := s.call(t, c, "GET", "/auth/api/config", nil); r.body["registration"] != "open" || r.body["reset"] != true {
		t.Fatal(r.raw)
	}
	// Who the request says it is for decides no link (host header injection).
	r := s.call(t, c, "POST", "/auth/api/register", obj{"username": "Vera", "email": "Vera@example.org", "password": password, "locale": "de"}, "X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example")
	if r.StatusCode != 200 || r.body["status"] != "confirm" {
		t.Fatal(r.raw)
	}
	m := server.Wait(t, 1)
	if strings.Contains(m.Text, "evil") || m.User != mailtest.Username || !m.Secure {
		t.Fatalf("%+v", m)
	}
	token := secretOf(t, m)
	if r := s.call(t, c, "POST", "/auth/api/register/confirm", obj{"token": token, "password": "not-this-one-at-all"}); r.StatusCode != 401 {
		t.Fatal(r.raw)
	}
	if r := s.call(t, c, "POST", "/auth/api/register/confirm", obj{"token": token, "password": password}); r.body["status"] != "active" {
		t.Fatal(r.raw)
	}
	login := func(name, password string) reply {
		return s.call(t, c, "POST", "/auth/api/login", obj{"username": name, "password": password})
	}
	if r := login("VERA@example.org", password); r.body["status"] != "ok" {
		t.Fatal(r.raw)
	}
	if r := s.call(t, c, "PATCH", "/auth/api/account", obj{"display_name": "Vera V."}); r.StatusCode != 204 {
		t.Fatal(r.raw)
	}
	if r := s.call(t, c, "GET", "/auth/api/account", nil); r.body["email"] != "Vera@example.org" || r.body["email_verified"] != true || r.body["display_name"] != "Vera V." || r.body["locale"] != "de" {
		t.Fatal(r.raw)
	}
	sent := len(server.Mails())

	if r := s.call(t, c, "POST", "/auth/api/account/email", obj{"email": "vera2@example.org"}); r.StatusCode != 202 {
		t.Fatal(r.raw)
	}
	token = secretOf(t, server.Wait(t, sent+1))
	if r := s.call(t, browser(t), "POST", "/auth/api/account/email/confirm", obj{"token": token}); r.StatusCode != 401 {
		t.Fatal("confirmed by who is not signed in:", r.raw)
	}
	if r := s.call(t, c, "POST", "/auth/api/account/email/confirm", obj{"token": token}); r.StatusCode != 204 {
		t.Fatal(r.raw)
	}
	if m := server.Wait(t, sent+2); m.To[0] != "Vera@example.org" {
		t.Fatalf("the old address is told: %+v", m)
	}
	sent += 2

	for _, email := range []string{"vera2@example.org", "nobody@example.org"} {
		if r := s.call(t, browser(t), "POST", "/auth/api/reset", obj{"email": email}); r.StatusCode != 202 || r.raw != "" {
			t.Fatal(email, r.raw)
		}
	}
	token = secretOf(t, server.Wait(t, sent+1))
	const fresh = "violet-anchor-tulip-93"
	if r := s.call(t, browser(t), "POST", "/auth/api/reset/confirm", obj{"token": token, "password": fresh}); r.StatusCode != 204 || len(r.Cookies()) != 0 {
		t.Fatal(r.raw)
	}
	if r := s.call(t, c, "GET", "/auth/api/session", nil); r.StatusCode != 401 {
		t.Fatal("a session outlived the reset:", r.raw)
	}
	if r := login("vera", fresh); r.body["status"] != "ok" {
		t.Fatal(r.raw)
	}
	r = s.call(t, c, "GET", "/auth/api/account/export", nil)
	if account, _ := r.body["account"].(obj); r.StatusCode != 200 || account["email"] != "vera2@example.org" || strings.Contains(r.raw, "argon2") {
		t.Fatal(r.raw)
	}
	if r := s.call(t, c, "POST", "/auth/api/account/erase", obj{}); r.StatusCode != 204 {
		t.Fatal(r.raw)
	}
	if r := s.call(t, c, "GET", "/auth/api/session", nil); r.StatusCode != 401 {
		t.Fatal(r.raw)
	}
	if r := login("vera", fresh); r.StatusCode != 401 {
		t.Fatal(r.raw)
	}
	// All that a thief of the session could do is done by a fresh proof alone; the mails told of it.
	server.Wait(t, sent+3)
	for _, m := range server.Mails() {
		if m.Header.Get("Auto-Submitted") != "auto-generated" {
			t.Errorf("%+v", m.Header)
		}
	}
}

func TestAdministrationWithRealApps(t *testing.T) {
	s, server := startWithMail(t, "registration invitation")
	otto := browser(t)
	if r := s.call(t, otto, "POST", "/auth/api/login", obj{"username": "otto", "password": password}); r.body["status"] != "ok" {
		t.Fatal(r.raw)
	}
	// The shipped policy wants a fresh second factor of an admin, and otto has none yet.
	if r := s.call(t, otto, "GET", "/auth/api/admin/accounts", nil); r.StatusCode != 401 || !strings.Contains(r.raw, "step-up-required") {
		t.Fatal(r.raw)
	}
	e := s.call(t, otto, "POST", "/auth/api/account/totp", nil)
	secret, _ := e.body["secret"].(string)
	if r := s.call(t, otto, "POST", "/auth/api/account/totp/confirm", obj{"token": e.body["token"], "code": code(t, secret, time.Now())}); r.body["status"] != "ok" {
		t.Fatal(r.raw)
	}
	find := func(name string) obj {
		t.Helper()
		r := s.call(t, otto, "GET", "/auth/api/admin/accounts?q="+name, nil)
		all, _ := r.body["accounts"].([]any)
		if r.StatusCode != 200 || len(all) != 1 {
			t.Fatal(r.raw)
		}
		return all[0].(obj)
	}
	ursula := find("ursula")
	if ursula["state"] != "active" || ursula["username"] != "ursula" {
		t.Fatal(ursula)
	}
	at := "/auth/api/admin/accounts/" + ursula["id"].(string)

	// What an operator does ends the person's sessions at once.
	u := browser(t)
	for _, act := range []struct {
		method, path string
		body         any
	}{
		{"PATCH", at, obj{"roles": "premium"}}, {"POST", at + "/end-sessions", obj{}}, {"POST", at + "/reset-factors", obj{}}, {"POST", at + "/unlock", obj{}},
		{"PATCH", at, obj{"email": "ursula@example.org"}}, {"PATCH", at, obj{"disabled": "true"}},
	} {
		if r := s.call(t, u, "POST", "/auth/api/login", obj{"username": "ursula", "password": password}); r.body["status"] != "ok" {
			t.Fatal(r.raw)
		}
		if r := s.call(t, u, act.method, act.path, act.body); r.StatusCode != 403 {
			t.Fatalf("ursula administers herself: %d %s", r.StatusCode, r.raw)
		}
		if r := s.call(t, otto, act.method, act.path, act.body); r.StatusCode != 204 {
			t.Fatal(act, r.raw)
		}
		if r := s.call(t, u, "GET", "/auth/api/session", nil); r.StatusCode != 401 {
			t.Fatalf("%v: the session goes on", act)
		}
	}
	if r := s.call(t, u, "POST", "/auth/api/login", obj{"username": "ursula", "password": password}); r.StatusCode != 401 {
		t.Fatal(r.raw)
	}
	own := find("otto")["id"].(string)
	for _, body := range []obj{{"disabled": "true"}, {"roles": "user"}} {
		if r := s.call(t, otto, "PATCH", "/auth/api/admin/accounts/"+own, body); r.StatusCode != 409 {
			t.Fatal(r.raw)
		}
	}

	// By invitation, and out again.
	before := len(server.Mails())
	if r := s.call(t, otto, "POST", "/auth/api/admin/invitations", obj{"email": "vera@example.org", "role": "moderator"}); r.StatusCode != 200 || r.body["link"] != nil || r.body["mailed"] != true {
		t.Fatal(r.raw)
	}
	v := browser(t)
	var invitation string
	for end := time.Now().Add(10 * time.Second); invitation == "" && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		for _, m := range server.Mails()[before:] {
			if m.To[0] == "vera@example.org" {
				invitation = secretOf(t, m)
			}
		}
	}
	if r := s.call(t, v, "POST", "/auth/api/register", obj{"username": "vera", "email": "vera@example.org", "password": password, "invitation": invitation}); r.body["status"] != "active" {
		t.Fatal(r.raw)
	}
	if r := s.call(t, v, "POST", "/auth/api/login", obj{"username": "vera", "password": password}); r.body["status"] != "ok" {
		t.Fatal(r.raw)
	}
	if r := s.call(t, otto, "DELETE", "/auth/api/admin/accounts/"+find("vera")["id"].(string), nil); r.StatusCode != 204 {
		t.Fatal(r.raw)
	}
	if r := s.call(t, v, "GET", "/auth/api/session", nil); r.StatusCode != 401 {
		t.Fatal(r.raw)
	}
	if r := s.call(t, otto, "GET", "/auth/api/admin/accounts/nobody", nil); r.StatusCode != http.StatusNotFound {
		t.Fatal(r.raw)
	}
	if r := s.call(t, otto, "POST", "/auth/api/admin/accounts", obj{"username": "wim", "roles": "user"}); r.StatusCode != 200 || len(r.body["password"].(string)) != 30 {
		t.Fatal(r.raw)
	}
}
