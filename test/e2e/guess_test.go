package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

// guessed is a portal behind a proxy that it trusts, so that a test can guess from any address, and without rate limits: what slows guessing is
// the throttles alone, without challenges.
var guessed = strings.NewReplacer("servers {", "servers {\n\t\ttrusted_proxies static 127.0.0.0/8", "gateway {", "gateway {\n\t\tidentity {\n\t\t\tthrottle {\n\t\t\t\tchallenge off\n\t\t\t}\n\t\t}").Replace(kit.Globals) + `
https://localhost:{$GW_PORT} {
	tls internal
	gw_audit
	gw_client
	gw_authenticate
	gw_portal
	respond ok 200
}
`

// Wrong passwords count together for a name in all its spellings and for a network in all the spellings of its addresses, through the
// whole gateway; and whoever guesses, from however many addresses, keeps the owner out of nothing on a device of hers.
func TestGuessesCountTogetherHoweverTheyAreSpelled(t *testing.T) {
	n := kit.Gateway(t, kit.Options{Name: "guessed", Caddyfile: guessed})
	c := n.Client(t)
	place := cli{n, []string{"--data", n.Data}}
	owner := addUser(t, place, "ottilie", "user")
	login := func(name, password, from, cookie string) *kit.Answer {
		t.Helper()
		return c.Call(t, "POST", "/auth/api/login", map[string]string{"username": name, "password": password}, kit.With("X-Forwarded-For", from), kit.With("Cookie", cookie))
	}
	// Her browser is known from here on.
	var device string
	for _, line := range login("ottilie", owner.Password, "198.51.100.1", "").Want(t, http.StatusOK).Header.Values("Set-Cookie") {
		if k, err := http.ParseSetCookie(line); err == nil && k.Name == "__Secure-gw_device" {
			device = k.Name + "=" + k.Value
			kit.Secret(k.Value)
		}
	}
	if device == "" {
		t.Fatal("no cookie of a device")
	}
	guess := func(what string, times, most int, who func(i int) (name, from string)) {
		t.Helper()
		looked := 0
		for i := range times {
			name, from := who(i)
			switch a := login(name, "not the password", from, ""); {
			case a.Status == http.StatusUnauthorized:
				looked++
			case a.Status == http.StatusTooManyRequests && a.Header.Get("Retry-After") != "":
			default:
				t.Errorf("%s: %d %s", what, a.Status, a.Body)
			}
		}
		if looked > most {
			t.Errorf("%s: %d of %d guesses were looked at, want %d at most", what, looked, times, most)
		}
	}
	names := []string{"ottilie", "OTTILIE", " Ottilie", "ottilie\u00a0", "ｏｔｔｉｌｉｅ", "Ｏttilie", "ｏTTilie", "\u3000ottilie", "𝐨𝐭𝐭𝐢𝐥𝐢𝐞", "ⓞttilie"}
	guess("one name, one address", 24, 5, func(i int) (string, string) { return names[i%len(names)], "203.0.113.1" })
	v4 := []string{"203.0.113.2", "::ffff:203.0.113.2", "::FFFF:203.0.113.2", "::ffff:cb00:7102", "203.0.113.2:4711", "[::ffff:203.0.113.2]:80"}
	guess("a name that nobody has, one address", 24, 5, func(i int) (string, string) { return "nobody", v4[i%len(v4)] })
	guess("one /64", 24, 5, func(i int) (string, string) {
		return "somebody", []string{fmt.Sprintf("2001:db8:1:2::%x", i+1), fmt.Sprintf("2001:DB8:1:2:%x:0:0:1", i+1), fmt.Sprintf("2001:0db8:0001:0002:ffff::%d", i), fmt.Sprintf("[2001:db8:1:2::a%x]:443", i), fmt.Sprintf("2001:db8:1:2::%x%%eth0", i+1)}[i%5]
	})
	guess("one name, an address for each", 60, 20, func(i int) (string, string) { return names[i%len(names)], fmt.Sprintf("198.51.100.%d", i+10) })
	guess("one name, a network for each", 30, 0, func(i int) (string, string) { return names[i%len(names)], fmt.Sprintf("2001:db8:%x::1", i+10) })

	if a := login("ottilie", owner.Password, "203.0.113.77", ""); a.Status != http.StatusTooManyRequests {
		t.Errorf("the right password of a stranger, while the name waits: %d", a.Status)
	}
	for _, from := range []string{"198.51.100.1", "203.0.113.1", "2001:db8:1:2::1"} {
		if a := login("Ottilie", owner.Password, from, device); a.Status != http.StatusOK {
			t.Errorf("the owner, on her own device, from %s: %d %s", from, a.Status, a.Body)
		}
	}
}
