package session

import (
	"errors"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/identity/factor"
)

func TestAKeyIsOfOneSite(t *testing.T) {
	n := newNode(t)
	k, _ := n.withKey("ursula", nil)
	token := n.first("ursula")
	if _, err := n.BeginKey(ctx, token, at("other.example")); err != factor.ErrNoKey {
		t.Fatal("a key of one site is asked for at another:", err)
	}
	passkey, options, _ := n.BeginPasskey(ctx, at("other.example"))
	k.rp.ID, k.origin = "other.example", "https://other.example"
	if _, err := n.Passkey(ctx, passkey, k.get(options), at("other.example")); !errors.Is(err, factor.ErrKey) {
		t.Fatal("a key of one site was taken at another:", err)
	}
	for _, host := range []string{"127.0.0.1:8443", "[::1]:8443", "", ":8443", "a b", "evil.example/x", "x@y"} {
		if _, _, err := n.BeginPasskey(ctx, at(host)); !errors.Is(err, factor.ErrSite) {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func TestSitesAsConfigured(t *testing.T) {
	for name, c := range map[string]struct {
		keys Keys
		ok   bool
	}{
		"nothing":                {Keys{}, true},
		"a domain":               {Keys{ID: "example.com"}, true},
		"origins":                {Keys{ID: "example.com", Origins: []string{"https://example.com", "https://chat.example.com:8443"}}, true},
		"origins without rp_id":  {Keys{Origins: []string{"https://example.com"}}, false},
		"an address":             {Keys{ID: "192.0.2.1"}, false},
		"a port":                 {Keys{ID: "example.com:443"}, false},
		"a URL":                  {Keys{ID: "https://example.com"}, false},
		"a foreign origin":       {Keys{ID: "example.com", Origins: []string{"https://example.org"}}, false},
		"a look-alike origin":    {Keys{ID: "example.com", Origins: []string{"https://evilexample.com"}}, false},
		"an origin without TLS":  {Keys{ID: "example.com", Origins: []string{"http://example.com"}}, false},
		"an origin with a path":  {Keys{ID: "example.com", Origins: []string{"https://example.com/"}}, false},
		"an origin with a login": {Keys{ID: "example.com", Origins: []string{"https://evil@example.com"}}, false},
	} {
		if err := c.keys.Check(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := &Manager{Config: Config{WebAuthn: Keys{ID: "example.com"}}}
	for host, want := range map[string]string{
		"example.com": "https://example.com", "Chat.Example.Com:8443": "https://chat.example.com:8443", "evilexample.com": "", "example.org": "", "": "",
	} {
		s, err := m.site(at(host))
		if got := strings.Join(s.Origins, " "); (err == nil) != (want != "") || err == nil && (got != want || s.ID != "example.com") {
			t.Errorf("%q: %+v %v", host, s, err)
		}
	}
}
