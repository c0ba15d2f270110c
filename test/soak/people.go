package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// person has an account, a session that is kept alive, and an address that requests seem to come from.
type person struct {
	kit.User
	from string

	mu      sync.Mutex
	access  string
	refresh string
	coded   time.Time // when the last code of the second factor was used
}

func (p *person) token() string {
	if p == nil {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.access
}

// secondFactorEvery is how often the codes of one person are there for sure: two of each half minute.
const secondFactorEvery = 65 * time.Second

// addPerson makes an account and signs in.
func addPerson(t kit.T, s *site, name, role, from string, factor bool) *person {
	t.Helper()
	p := &person{User: s.AddUser(t, name, role), from: from}
	c := *s.Via[0]
	c.Login(t, p.User)
	if factor {
		var e struct{ Token, Secret string }
		c.Call(t, "POST", "/auth/api/account/totp", map[string]string{}).Want(t, http.StatusOK).JSON(t, &e)
		c.Call(t, "POST", "/auth/api/account/totp/confirm", map[string]string{"token": e.Token, "code": kit.Code(t, e.Secret)}).Want(t, http.StatusOK)
		// That was a step up: the session has a new id, and its old tokens are none any more. The next code is there, too.
		p.TOTPSecret, p.coded = e.Secret, time.Now()
		c.Login(t, p.User)
	}
	p.access, p.refresh = c.Access, c.Refresh
	return p
}

// tokens are what the portal answers.
type tokens struct {
	Status  string `json:"status"`
	MFA     string `json:"mfa_token"`
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// signIn goes through the login, and the second factor where there is one. What it was answered is noted.
func (l *load) signIn(p *person, from string) (got tokens, ok bool) {
	a := l.ask(call{kind: "login", from: from, method: "POST", path: "/auth/api/login", body: map[string]string{
		"username": p.Username, "password": p.Password, "delivery": "body",
	}})
	if a == nil || a.Status != http.StatusOK || json.Unmarshal(a.Body, &got) != nil {
		return got, false
	}
	if got.Status == "mfa_required" {
		p.mu.Lock()
		p.coded = time.Now()
		p.mu.Unlock()
		a = l.ask(call{kind: "second factor", from: from, method: "POST", path: "/auth/api/mfa/totp", body: map[string]string{
			"mfa_token": got.MFA, "code": kit.Code(l.t, p.TOTPSecret), "delivery": "body",
		}})
		if a == nil || a.Status != http.StatusOK || json.Unmarshal(a.Body, &got) != nil {
			return got, false
		}
	}
	return got, got.Status == "ok" && got.Access != ""
}

// rested tells whether the person's next code is there at once.
func (p *person) rested() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.TOTPSecret == "" || time.Since(p.coded) > secondFactorEvery
}

// renew exchanges the refresh token. Whoever gets no answer asks at once again, elsewhere, as clients must: the same token gives the same successor
// for some seconds.
func (l *load) renew(p *person) {
	var got tokens
	kind := "refresh"
	if p == l.insider {
		kind = "refresh of an attacker"
	}
	for range 5 {
		p.mu.Lock()
		old := p.refresh
		p.mu.Unlock()
		a := l.ask(call{kind: kind, from: p.from, method: "POST", path: "/auth/api/refresh", body: map[string]string{"refresh_token": old, "delivery": "body"}})
		switch {
		case a == nil:
			time.Sleep(200 * time.Millisecond)
			continue
		case a.Status == http.StatusOK && json.Unmarshal(a.Body, &got) == nil:
			p.mu.Lock()
			p.access, p.refresh = got.Access, got.Refresh
			p.mu.Unlock()
		case a.Status == http.StatusUnauthorized && p.rested() && p != l.insider: // noted as unexpected; the soak goes on
			if got, ok := l.signIn(p, p.from); ok {
				p.mu.Lock()
				p.access, p.refresh = got.Access, got.Refresh
				p.mu.Unlock()
			}
		}
		return
	}
}

// visit signs in from somewhere, looks, and signs out.
func (l *load) visit(p *person) {
	from := l.somewhere()
	got, ok := l.signIn(p, from)
	if !ok {
		return
	}
	l.ask(call{kind: "session", from: from, token: got.Access, method: "GET", path: "/auth/api/session"})
	l.ask(call{kind: "logout", from: from, token: got.Access, method: "POST", path: "/auth/api/logout", body: map[string]string{"refresh_token": got.Refresh}})
}

// somewhere is an address that nobody used for long, of the network for benchmarks (RFC 2544), whose neighbours are others' too.
func (l *load) somewhere() string {
	n := l.places.Add(1)
	return fmt.Sprintf("198.18.%d.%d", byte(n), byte(n>>8))
}

// elsewhere is one of the networks that attacks come from.
func (l *load) elsewhere() string {
	n := l.hideouts.Add(1)
	return fmt.Sprintf("198.19.%d.%d", byte(n), byte(n>>8))
}
