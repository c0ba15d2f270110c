package e2e

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

func TestLoginFloodIsStopped(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		ip := kit.ClientIP()
		a, b := s.a.ClientFrom(t, ip), s.b.ClientFrom(t, ip)
		petra := s.a.ClientFrom(t, ip).Login(t, s.users["petra"]) // the first of the 20
		started := time.Now()
		for i := 2; i <= 20; i++ {
			c := a
			if i%2 == 0 {
				c = b
			}
			c.Call(t, "POST", "/auth/api/login", map[string]string{"username": "nobody" + strconv.Itoa(i), "password": "wrong password " + strconv.Itoa(i)}).
				Problem(t, http.StatusUnauthorized)
		}
		took := time.Since(started)
		refused := b.Call(t, "POST", "/auth/api/login", map[string]string{"username": "nobody", "password": "wrong password"})
		if refused.Status != http.StatusTooManyRequests && took > 6*time.Second {
			t.Fatalf("20 attempts took %s: not in immediate succession, the zone has room again", took)
		}
		refused.Problem(t, http.StatusTooManyRequests)
		if after, err := strconv.Atoi(refused.Header.Get("Retry-After")); err != nil || after < 1 || after > 120 {
			t.Errorf("Retry-After: %q", refused.Header.Get("Retry-After"))
		}
		for _, h := range []string{"RateLimit", "RateLimit-Policy"} {
			if !strings.Contains(refused.Header.Get(h), `"login"`) {
				t.Errorf("%s: %q names no login zone", h, refused.Header.Get(h))
			}
		}
		a.Call(t, "POST", "/auth/api/login", map[string]string{"username": "ursula", "password": s.users["ursula"].Password}).Want(t, http.StatusTooManyRequests)

		// Other zones and other clients are not touched by it.
		petra.Renew(t)
		petra.Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusOK)
		s.b.Client(t).Login(t, s.users["ursula"])
	})
}

func TestWrongLoginsLookAlike(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		c := s.a.Client(t)
		try := func(name, password string) string {
			a := c.Call(t, "POST", "/auth/api/login", map[string]string{"username": name, "password": password}).Problem(t, http.StatusUnauthorized)
			var p map[string]any
			a.JSON(t, &p)
			delete(p, "request_id")
			return a.Header.Get("WWW-Authenticate") + p["type"].(string) + p["title"].(string) + strconv.Itoa(len(p))
		}
		known := try("petra", "wrong password, long enough")
		for _, name := range []string{"nobody-here", "mona", "PETRA ", strings.Repeat("x", 300)} {
			if got := try(name, "wrong password, long enough"); got != known {
				t.Errorf("a wrong login as %.20q answers %q, as petra %q", name, got, known)
			}
		}
	})
}

func TestSecondFactor(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		mona := s.users["mona"]
		s.as(t, "mona") // spends a code
		used := kit.LastCode(t, mona.TOTPSecret)
		c := s.b.Client(t)
		var l struct {
			Status string   `json:"status"`
			Token  string   `json:"mfa_token"`
			Factor []string `json:"factors"`
			Access string   `json:"access_token"`
		}
		a := c.Call(t, "POST", "/auth/api/login", map[string]string{"username": "mona", "password": mona.Password, "delivery": "body"}).Want(t, http.StatusOK).JSON(t, &l)
		if l.Status != "mfa_required" || l.Token == "" || l.Access != "" || len(a.Header.Values("Set-Cookie")) > 0 || len(l.Factor) != 1 || l.Factor[0] != "totp" {
			t.Fatalf("the first factor alone gives status %q, factors %q, a token: %v, cookies: %d", l.Status, l.Factor, l.Access != "", len(a.Header.Values("Set-Cookie")))
		}
		kit.Secret(l.Token)
		c.Call(t, "GET", "/api/rooms", nil, kit.With("Authorization", "Bearer "+l.Token)).Want(t, http.StatusUnauthorized)
		for _, code := range []string{used, "000000", "12345"} {
			if a := c.Call(t, "POST", "/auth/api/mfa/totp", map[string]string{"mfa_token": l.Token, "code": code, "delivery": "body"}); a.Status != http.StatusUnauthorized {
				t.Errorf("code %q: status %d, want 401 (a code counts once)", code, a.Status)
			}
		}
		c.Call(t, "POST", "/auth/api/mfa/totp", map[string]string{"mfa_token": l.Token, "code": ""}).Problem(t, http.StatusUnprocessableEntity)
		c.Call(t, "POST", "/auth/api/mfa/totp", map[string]string{"mfa_token": "made-up", "code": "123456"}).Problem(t, http.StatusUnauthorized)
	})
}

// Guessing is limited by account: another client and another login do not help.
func TestCodesCannotBeGuessed(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		u := kit.User{Username: "tess", Role: "user", Password: "tess has 3 umbrellas in Oslo"}
		out := s.cli().run(t, u.Password+"\n", "add", u.Username, "--totp")
		m := regexp.MustCompile(`secret=([A-Z2-7]+)`).FindStringSubmatch(out)
		if m == nil {
			t.Fatalf("user add --totp prints no secret:\n%s", out)
		}
		u.TOTPSecret = m[1]
		kit.Secret(u.Password, u.TOTPSecret)
		first := func() (c *kit.Client, mfa string) {
			c = s.a.Client(t)
			var l struct {
				Token string `json:"mfa_token"`
			}
			c.Call(t, "POST", "/auth/api/login", map[string]string{"username": u.Username, "password": u.Password, "delivery": "body"}).Want(t, http.StatusOK).JSON(t, &l)
			kit.Secret(l.Token)
			return c, l.Token
		}
		status := 0
		for i := 0; i < 12 && status != http.StatusTooManyRequests; i++ {
			c, mfa := first()
			status = c.Call(t, "POST", "/auth/api/mfa/totp", map[string]string{"mfa_token": mfa, "code": "00000" + strconv.Itoa(i%10)}).Status
		}
		if status != http.StatusTooManyRequests {
			t.Fatalf("12 wrong codes: status %d, want 429", status)
		}
		c, mfa := first()
		a := c.Call(t, "POST", "/auth/api/mfa/totp", map[string]string{"mfa_token": mfa, "code": kit.Code(t, u.TOTPSecret)}).Problem(t, http.StatusTooManyRequests)
		if a.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	})
}

func TestCookies(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		c := s.a.Client(t).Browserlike(t)
		u := s.users["ursula"]
		a := c.Call(t, "POST", "/auth/api/login", map[string]string{"username": u.Username, "password": u.Password}).Want(t, http.StatusOK)
		if strings.Contains(string(a.Body), "_token") {
			t.Errorf("a browser's login carries tokens in its body: %s", a.Body)
		}
		cookies := map[string]*http.Cookie{}
		for _, line := range a.Header.Values("Set-Cookie") {
			k, err := http.ParseSetCookie(line)
			if err != nil {
				t.Fatal(err)
			}
			cookies[k.Name] = k
			if k.Name != "__Host-gw_session" { // the session's id, which events name
				kit.Secret(k.Value)
			}
		}
		for name, path := range map[string]string{"__Host-gw_access": "/", "__Secure-gw_refresh": "/auth", "__Host-gw_session": "/"} {
			k := cookies[name]
			if k == nil {
				t.Fatalf("no cookie %s", name)
			}
			if !k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Path != path || k.Domain != "" {
				t.Errorf("cookie %s: %+v", name, k)
			}
		}
		var me struct {
			Username string
			Roles    []string
		}
		c.Call(t, "GET", "/auth/api/session", nil).Want(t, http.StatusOK).JSON(t, &me)
		if me.Username != "ursula" || len(me.Roles) != 1 || me.Roles[0] != "user" {
			t.Errorf("session: %+v", me)
		}
		post := func(opts ...kit.Opt) *kit.Answer {
			return c.Call(t, "POST", kit.RoomPath("general", "messages"), map[string]string{"text": "by cookie"}, opts...)
		}
		post(kit.With("Sec-Fetch-Site", "same-origin")).Want(t, http.StatusCreated)
		post(kit.With("Origin", s.a.URL)).Want(t, http.StatusCreated)
		post(kit.With("Sec-Fetch-Site", "cross-site")).Problem(t, http.StatusForbidden)
		post(kit.With("Sec-Fetch-Site", "same-site")).Problem(t, http.StatusForbidden)
		post(kit.With("Origin", "https://evil.example")).Problem(t, http.StatusForbidden)

		// A page load without an identity goes to the login page and comes back; nowhere else.
		page := s.a.Client(t).Call(t, "GET", "/?room=general", nil, kit.With("Accept", "text/html"), kit.With("Sec-Fetch-Mode", "navigate"))
		page.Want(t, http.StatusSeeOther)
		if to := page.Header.Get("Location"); !strings.HasPrefix(to, "/auth/login?return_to=%2F") {
			t.Errorf("a page load goes to %q", to)
		}

		c.Call(t, "POST", "/auth/api/logout", map[string]string{}, kit.With("Origin", s.a.URL)).Want(t, http.StatusNoContent)
		c.Call(t, "GET", "/auth/api/session", nil).Want(t, http.StatusUnauthorized)
	})
}

func TestHandshakeFromAnotherSite(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		c := s.as(t, "ursula")
		browser := s.a.Client(t).Browserlike(t)
		u := s.users["ursula"]
		browser.Call(t, "POST", "/auth/api/login", map[string]string{"username": u.Username, "password": u.Password}).Want(t, http.StatusOK)
		for _, origin := range []string{"https://evil.example", "null", "https://localhost.evil.example", "http://localhost", "https://localhost:1", s.a.URL + ".evil.example"} {
			for _, c := range []*kit.Client{c, browser} {
				if sock, res := c.Dial(t, kit.With("Origin", origin)); sock != nil || res.StatusCode != http.StatusForbidden {
					t.Errorf("a handshake from %s (cookies: %v) answers %s, want 403", origin, c == browser, res.Status)
				}
			}
		}
		browser.Socket(t).Join(t, "general").Close()
	})
}
