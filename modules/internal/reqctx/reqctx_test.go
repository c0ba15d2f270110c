package reqctx

import (
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestEnsureIsIdempotent(t *testing.T) {
	r, a := Ensure(httptest.NewRequest("GET", "/", nil))
	_, b := Ensure(r)
	if a != b || len(a.ID) != 26 || From(r.Context()) != a {
		t.Fatal("a second Ensure made other values")
	}
	_, c := Ensure(httptest.NewRequest("GET", "/", nil))
	if c.ID == a.ID {
		t.Fatal("two requests have one id")
	}
}

// A caller with an IPv6 network can't dodge limits and bans by its choice of address.
func TestClientKey(t *testing.T) {
	key := func(s string) string { return Client{IP: netip.MustParseAddr(s)}.Key() }
	if key("2001:db8:1:2::1") != key("2001:db8:1:2:ffff::9") || key("2001:db8:1:2::1") == key("2001:db8:1:3::1") {
		t.Fatal("IPv6 is not grouped by /64")
	}
	if key("192.0.2.1") == key("192.0.2.2") {
		t.Fatal("IPv4 addresses share a key")
	}
}

func TestCaller(t *testing.T) {
	for _, c := range []struct{ client, peer, want string }{
		{"192.0.2.7", "10.0.0.1:1", "192.0.2.7"},
		{"2001:db8:1:2::3", "10.0.0.1:1", "2001:db8:1:2::/64"},
		{"", "10.0.0.1:1", "10.0.0.1"},
		{"", "[::ffff:10.0.0.1]:1", "10.0.0.1"},
		{"", "[2001:db8::1%eth0]:1", "2001:db8::/64"},
		{"", "@", "@"},
	} {
		r, rc := httptest.NewRequest("GET", "/", nil), new(Request)
		if r.RemoteAddr = c.peer; c.client != "" {
			rc.Client.IP = netip.MustParseAddr(c.client)
		}
		if got := rc.Caller(r); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
