package main

import (
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/convosphere/gateway/test/kit"
)

// live does what people and attackers do on the gateway now, so that there are sessions, limits that were met, and bans.
func live(t kit.T, n *kit.Node) {
	t.Helper()
	for _, name := range []string{"ursula", "petra", "mona"} {
		c := n.Client(t).Login(t, n.Users[name])
		for range 5 {
			c.Call(t, "GET", "/api/rooms", nil).OK(t)
		}
		c.Call(t, "GET", "/gateway-is-not-here", nil)
	}
	scanner := n.Client(t)
	for _, path := range []string{"/.env", "/wp-login.php", "/?q=1%27%20OR%201=1--", "/?q=%3Cscript%3Ealert(1)%3C/script%3E", "/..%2f..%2fetc/passwd", "/api/rooms"} {
		for range 4 {
			scanner.Call(t, "GET", path, nil)
		}
	}
	guesser := n.Client(t)
	for i := range 12 {
		if _, err := guesser.Try("POST", "/auth/api/login", map[string]string{"username": "ursula", "password": fmt.Sprintf("wrong-password-%d", i), "delivery": "body"}); err != nil {
			t.Fatalf("guessing: %v", err)
		}
	}
	for _, b := range [][]string{{"192.0.2.77", "--for", "24h", "--reason", "scanning"}, {"198.51.100.0/24", "--for", "2h", "--reason", "credential stuffing"}, {"2001:db8:bad::/64", "--reason", "asked to leave"}} {
		if code, out := n.Exec(t, "", append(append([]string{"ban", "add"}, b...), "--address", "unix//"+filepath.Join(n.Data, "admin.sock"))...); code != 0 {
			t.Errorf("ban add %v: %s", b, out)
		}
	}
	n.Client(t).Call(t, "GET", "/auth/login", nil).Want(t, http.StatusOK)
}
