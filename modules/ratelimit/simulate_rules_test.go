package ratelimit

import (
	"strings"
	"testing"
	"time"
)

func TestSimulateRules(t *testing.T) {
	user := func(id string, more ...string) string {
		return strings.Join(append([]string{`"user.id":"` + id + `","user.roles":["user"],"gateway.session":"s-` + id + `"`}, more...), ",")
	}
	premium := `"gateway.decision.tier":"premium"`
	for name, c := range map[string]struct {
		zone, events string
		refused      int
		most         string
	}{
		"failures":    {"rate 2/1h\ncount status 401", strings.Repeat(written(0, "GET /", 200, "192.0.2.1"), 5) + strings.Repeat(written(0, "GET /", 401, "192.0.2.1"), 3), 1, "client=192.0.2.1"},
		"bytes":       {"rate 10/1h\ncost bytes 1KiB", strings.Repeat(written(0, "POST /", 200, "192.0.2.1", `"http.request.body.bytes":4097`), 3), 1, "client=192.0.2.1"},
		"users":       {"key user\nrate 1/1h", written(0, "GET /", 200, "192.0.2.1", user("u1")) + written(1, "GET /", 200, "192.0.2.2", user("u1")) + written(1, "GET /", 200, "192.0.2.2", user("u2")), 1, "user=u1"},
		"tiers":       {"key user\nrate 1/1h\ntier premium 3/1h", strings.Repeat(written(0, "GET /", 200, "192.0.2.1", user("u1", premium)), 6), 2, "user=u1"}, // the first shows the tier
		"exempt":      {"rate 1/1h\nexempt 192.0.2.0/24", strings.Repeat(written(0, "GET /", 200, "192.0.2.1"), 3), 0, ""},
		"exempt role": {"key global\nrate 1/1h\nexempt role user", strings.Repeat(written(0, "GET /", 200, "192.0.2.1", user("u1")), 3) + written(0, "GET /", 200, "192.0.2.1"), 0, ""},
		"route":       {"match /rooms/*\nkey route\nrate 1/1h", written(0, "GET /rooms/1", 200, "192.0.2.1") + written(0, "GET /rooms/%31;x", 200, "192.0.2.2") + written(0, "GET /other", 200, "192.0.2.2"), 1, "route=/rooms/*"},
		"shadow":      {"rate 1/1h\nshadow", strings.Repeat(written(0, "GET /", 200, "192.0.2.1"), 3), 0, "client=192.0.2.1"},
		"quota":       {"quota 2/month", strings.Repeat(written(0, "GET /", 200, "192.0.2.1"), 3) + strings.Repeat(written(24*time.Hour, "GET /", 200, "192.0.2.1"), 3), 2, "client=192.0.2.1"}, // February begins
		"IPv6":        {"rate 1/1h", written(0, "GET /", 200, "2001:db8::1") + written(0, "GET /", 200, "2001:db8::2") + written(0, "GET /", 200, "::ffff:192.0.2.1") + written(0, "GET /", 200, "192.0.2.2"), 1, "client=2001:db8::/64"},
	} {
		t.Run(name, func(t *testing.T) {
			_, rep, text := simulate(t, "a.example {\n gw_rate_limit {\n defaults off\n zone z {\n"+c.zone+"\n}\n}\n}", c.events)
			z := zoneOf(t, rep, "z")
			if rep.Refused != c.refused || c.most == "" && z.Refused > 0 || c.most != "" && (len(z.Most) == 0 || z.Most[0].Name != c.most) {
				t.Errorf("%+v %+v", rep, z)
			}
			if z.Shadow && (z.Refused != 2 || !strings.Contains(text, "z (shadow)")) {
				t.Errorf("%+v\n%s", z, text)
			}
		})
	}
}
