package e2e

import (
	"crypto/rand"
	"path/filepath"
	"strings"

	"github.com/convosphere/gateway/test/kit"
)

// cli is `convosphere user`, told which gateway.
type cli struct {
	node  *kit.Node
	place []string
}

// cli finds the demo's people by its folder, the fleet's by its Caddyfile.
func (s *site) cli() cli {
	if s.name == "memory" {
		return cli{s.a, []string{"--data", s.a.Data}}
	}
	return cli{s.a, []string{"--config", s.a.Config, "--adapter", "caddyfile"}}
}

// run runs `convosphere user args…`, which must succeed, and returns its output.
func (c cli) run(t kit.T, stdin string, args ...string) string {
	t.Helper()
	code, out := c.node.Exec(t, stdin, append(append([]string{"user"}, args...), c.place...)...)
	if code != 0 {
		t.Fatalf("convosphere user %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	for _, secret := range strings.Split(stdin, "\n") {
		if secret != "" && strings.Contains(out, secret) {
			t.Errorf("convosphere user %s prints the password", args[0])
		}
	}
	return out
}

// addUser adds a person with a random password.
func addUser(t kit.T, c cli, name, role string) kit.User {
	t.Helper()
	u := kit.User{Username: name, Role: role, Password: rand.Text()}
	kit.Secret(u.Password)
	c.run(t, u.Password+"\n", "add", name, "--role", role)
	return u
}

// ownCaddyfile is the shortest use of the gateway: one directive before a back end of one's own.
const ownCaddyfile = kit.Globals + `
https://localhost:{$GW_PORT} {
	tls internal
	gw_secure
	reverse_proxy {$GW_UPSTREAM}
}
`

// ownSite is a gateway before a back end that shows what reaches it.
type ownSite struct {
	node *kit.Node
	back *reflector
	user kit.User
	cli  cli
}

func startOwn(t kit.T) *ownSite {
	back := newReflector(t)
	n := kit.Gateway(t, kit.Options{Name: "own", Caddyfile: ownCaddyfile, Env: []string{"GW_UPSTREAM=" + strings.TrimPrefix(back.URL, "http://")}})
	c := cli{n, []string{"--config", filepath.Join(n.Data, "Caddyfile")}}
	return &ownSite{node: n, back: back, cli: c, user: addUser(t, c, "olga", "premium")}
}
