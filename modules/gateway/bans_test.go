package gateway

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/convosphere/gateway/modules/internal/ban"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/test/golden"
	"github.com/convosphere/gateway/test/stop"
)

func TestBansCaddyfile(t *testing.T) {
	for body, want := range map[string]string{
		"gateway {\n allow 192.0.2.7 2001:db8::/32\n allow 10.0.0.0/8\n}": `{"allow":["192.0.2.7","2001:db8::/32","10.0.0.0/8"]}`,
		"gateway {\n bans {\n most 5000\n remember 90d\n}\n}":             `{"bans":{"most":5000,"remember":7776000000000000}}`,
		"gateway {\n allow private_ranges\n}":                             `{"allow":["192.168.0.0/16","172.16.0.0/12","10.0.0.0/8","127.0.0.1/8","fd00::/8","::1"]}`,
		"gateway {\n bans\n}":                                             `{"bans":{}}`,
	} {
		got, err := adapt(t, body)
		if err != nil || got != want {
			t.Errorf("%s\n got %s %v\nwant %s", body, got, err, want)
		}
	}
	for body, want := range map[string]string{
		"gateway {\n allow\n}":                                 "Caddyfile:3",
		"gateway {\n allow here\n}":                            "neither an address nor a prefix",
		"gateway {\n bans {\n nonsense 1\n}\n}":                "bans knows most and remember",
		"gateway {\n bans {\n most 0\n}\n}":                    "above 0",
		"gateway {\n bans {\n most 3000000\n}\n}":              "from 1 to 2000000",
		"gateway {\n bans {\n most many\n}\n}":                 "Caddyfile:4",
		"gateway {\n bans {\n remember -1h\n}\n}":              "at most ten years",
		"gateway {\n bans {\n remember 1h\n remember 1h\n}\n}": "twice",
		"gateway {\n bans on\n}":                               "Caddyfile:3",
	} {
		_, err := adapt(t, body)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

// loadCaddyfile runs a whole configuration.
func loadCaddyfile(t *testing.T, caddyfile string) *ground.Ground {
	t.Helper()
	raw, err := golden.Adapt(caddyfile)
	if err == nil {
		err = caddy.Load(raw, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	stop.After(t)
	a, err := caddy.ActiveContext().App("gateway")
	if err != nil {
		t.Fatal(err)
	}
	return a.(*App).Ground()
}

// Where Caddy keeps its trusted proxies elsewhere one day, this says so.
func TestTrustedProxiesAreProtected(t *testing.T) {
	site := func(dir, global string) string {
		return "{\n admin off\n persist_config off\n auto_https off\n " + global + "\n gateway {\n data_dir " + dir + "\n allow 203.0.113.0/24\n }\n}\nhttp://127.0.0.1:0 {\n respond ok\n}\n"
	}
	dir := t.TempDir()
	g := loadCaddyfile(t, site(dir, "servers {\n trusted_proxies static 10.1.2.3 2001:db8:1::/48 private_ranges\n}"))
	for ip, want := range map[string]bool{
		"10.1.2.3": true, "2001:db8:1:2::3": true, "192.168.7.7": true, "127.0.0.1": true, "203.0.113.9": true, "192.0.2.1": false, "2001:db8:2::1": false,
	} {
		if got := g.Bans.Exempt(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: %v", ip, got)
		}
	}
	if err := g.Bans.Add(t.Context(), ban.Ban{Prefix: netip.MustParsePrefix("2001:db8::/32"), Source: ban.Operator}); err == nil || !strings.Contains(err.Error(), "holds a trusted proxy") {
		t.Error(err)
	}
	// A reload names others; bans stay.
	if err := g.Bans.Add(t.Context(), ban.Ban{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Source: ban.Operator}); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if g.Bans.Size() > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	g = loadCaddyfile(t, site(dir, ""))
	if g.Bans.Exempt(netip.MustParseAddr("10.1.2.3")) || !g.Bans.Exempt(netip.MustParseAddr("127.0.0.1")) {
		t.Error("the proxies of the configuration before are trusted")
	}
	if _, banned := g.Bans.Banned(netip.MustParseAddr("192.0.2.1")); !banned {
		t.Error("a reload lifts bans")
	}
}
