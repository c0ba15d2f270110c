package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/convosphere/gateway/test/kit"
)

// challenging is a gateway behind a proxy that it trusts, so that a test can come from any address, for which two attacks are enough to be challenged.
var challenging = strings.NewReplacer(
	"servers {", "servers {\n\t\ttrusted_proxies static 127.0.0.0/8",
	"gateway {", "gateway {\n\t\tabuse {\n\t\t\tpoints attack 10\n\t\t\ttight off\n\t\t\tchallenge 20\n\t\t\tban off\n\t\t}",
).Replace(kit.Globals) + `
https://localhost:{$GW_PORT} {
	tls internal
	gw_secure
	header Content-Type text/html
	respond "<!doctype html><title>the app</title><h1 id=app>the app</h1>"
}
`

// puzzle is what a program is asked to solve.
type puzzle struct {
	Algorithm   string `json:"algorithm"`
	Token, Seed string
	Parts, Bits int
	Header      string `json:"answer_header"`
	Member      string `json:"answer_member"`
	URL         string `json:"answer_url"`
}

func challengeIn(t *testing.T, a *kit.Answer) puzzle {
	t.Helper()
	var p struct {
		Type      string
		Challenge puzzle
	}
	a.Problem(t, http.StatusForbidden).JSON(t, &p)
	if p.Type != "urn:gateway:problem:challenge-required" || p.Challenge.Algorithm != "sha256-zero-bits" {
		t.Fatalf("no challenge: %s", a.Body)
	}
	return p.Challenge
}

// solve does as the README says.
func (p puzzle) solve() string {
	answer := p.Token
	for part := range p.Parts {
		for n := 0; ; n++ {
			sum := sha256.Sum256(fmt.Appendf(nil, "%s:%d:%d", p.Seed, part, n))
			if binary.BigEndian.Uint32(sum[:])>>(32-p.Bits) == 0 {
				answer += "." + strconv.Itoa(n)
				break
			}
		}
	}
	return answer
}

// Who attacked has a puzzle to solve before anything else, as a program and as a person; a neighbour has not.
func TestAChallengedClientGetsOn(t *testing.T) {
	n := kit.Gateway(t, kit.Options{Name: "challenging", Caddyfile: challenging})
	user := addUser(t, cli{n, []string{"--data", n.Data}}, "ottilie", "user")
	c := n.Client(t)
	from := func(ip string) kit.Opt { return kit.With("X-Forwarded-For", ip) }
	suspect, neighbour := from("203.0.113.66"), from("203.0.113.67")
	creds := map[string]string{"username": "ottilie", "password": user.Password, "delivery": "body"}

	c.Call(t, "POST", "/auth/api/login", creds, suspect).Want(t, http.StatusOK)
	for range 3 {
		c.Call(t, "GET", "/?q=<script>alert(1)</script>", nil, suspect).Want(t, http.StatusForbidden)
	}
	c.Call(t, "POST", "/auth/api/login", creds, neighbour).Want(t, http.StatusOK)
	p := challengeIn(t, c.Call(t, "POST", "/auth/api/login", creds, suspect))
	answer := p.solve()
	in := c.Call(t, "POST", "/auth/api/login", creds, suspect, kit.With(p.Header, answer)).Want(t, http.StatusOK)
	clearance := in.Header.Get("Gateway-Clearance")
	if clearance == "" {
		t.Fatalf("no clearance: %v", in.Header)
	}
	// It stays with who earned it, and the answer counts once.
	for range 3 {
		c.Call(t, "GET", "/?q=<script>alert(1)</script>", nil, suspect, kit.With("Gateway-Clearance", clearance)).Want(t, http.StatusForbidden)
	}
	open := func(what ...kit.Opt) *kit.Answer {
		return c.Call(t, "GET", "/auth/api/config", nil, append(what, suspect)...)
	}
	challengeIn(t, open(kit.With(p.Header, answer)))
	challengeIn(t, open(kit.With("Gateway-Clearance", clearance), kit.With("User-Agent", "another")))
	open(kit.With("Gateway-Clearance", clearance)).Want(t, http.StatusOK)

	// After three wrong tries, by anybody, a login has a puzzle of its own, whose answer is worth one try.
	guesser := from("203.0.113.70")
	for range 3 {
		c.Call(t, "POST", "/auth/api/login", map[string]string{"username": "ottilie", "password": "wrong-wrong-wrong"}, guesser).Want(t, http.StatusUnauthorized)
	}
	p = challengeIn(t, c.Call(t, "POST", "/auth/api/login", creds, guesser))
	if p.Member != "challenge" || p.Header != "" {
		t.Fatalf("the answer goes elsewhere: %+v", p)
	}
	solvedCreds := map[string]string{"username": "ottilie", "password": user.Password, "delivery": "body", "challenge": p.solve()}
	c.Call(t, "POST", "/auth/api/login", solvedCreds, neighbour).Want(t, http.StatusForbidden)
	c.Call(t, "POST", "/auth/api/login", solvedCreds, guesser).Want(t, http.StatusOK)
	challengeIn(t, c.Call(t, "POST", "/auth/api/login", solvedCreds, guesser))

	// A person's browser goes through the page to the login, and through that, with nothing to do but sign in.
	tab := kit.StartBrowser(t).Tab(t, "challenged", kit.Phone)
	tab.Do("coming from the suspect's address", chromedp.Func(func(ctx context.Context, to *chromedp.Target) error {
		_, err := cdp.Call(ctx, to, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"X-Forwarded-For": "203.0.113.66"}})
		return err
	}))
	tab.Go(n.URL + "/start")
	tab.Until("the login page, after the challenge", `location.pathname === "/auth/login"`)
	tab.Type("#username", "ottilie")
	tab.Type("#password", user.Password)
	tab.Click("#password-form [type=submit]")
	tab.Until("what was asked for", `location.pathname === "/start" && document.getElementById("app")`)
	tab.Quiet("401", "403") // which the browser notes itself

	solved := 0
	for _, e := range n.Events(t) {
		if e["event.action"] == "challenge-solved" && e["source.ip"] == "203.0.113.66" {
			solved++
		}
	}
	if solved != 2 {
		t.Errorf("%d events of solved challenges", solved)
	}
	for name, text := range n.Written(t) {
		if strings.Contains(text, clearance) || strings.Contains(text, answer) {
			t.Errorf("a clearance or an answer stands in %s", name)
		}
	}
}
