package ratelimit

import (
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/internal/tier"
)

func TestExempt(t *testing.T) {
	s := store.NewMemory(0)
	t.Cleanup(func() { _ = s.Close() })
	const who = "exempt 192.0.2.0/28 2001:db8::/32 ::ffff:198.51.100.7\nexempt role admin\nexempt tier staff"
	for where, text := range map[string]string{
		"the zone": zone("key global\nrate 1/1h\n" + who),
		"all":      "gw_rate_limit {\n" + who + "\ndefaults off\n zone z {\n key global\n rate 1/1h\n}\n zone y {\n key global\n rate 1/1h\n}\n}",
	} {
		t.Run(where, func(t *testing.T) {
			h := mustLoad(t, text, s)
			h.ground.Tiers = tier.New(time.Now)
			h.ground.Tiers.Set("stefan", "staff")
			for _, exempt := range []call{{from: "192.0.2.1"}, {from: "192.0.2.15"}, {from: "2001:db8:ffff::1"}, {from: "198.51.100.7"}, {from: "203.0.113.1", who: person("ada", "admin")}, {from: "203.0.113.1", who: person("stefan")}} {
				for range 3 {
					if w, _ := exempt.send(t, h); w.Code != 204 || w.Header().Get("RateLimit") != "" {
						t.Errorf("%+v is %d %v", exempt, w.Code, w.Header())
					}
				}
			}
			other := call{from: "192.0.2.16", who: person("eve"), headers: []string{"X-User-Roles: admin", "X-Forwarded-For: 192.0.2.1"}}
			for i, want := range []int{204, 429} {
				if code := other.code(t, h); code != want {
					t.Errorf("another is %d at %d", code, i)
				}
			}
		})
	}
}

func TestBadExemptions(t *testing.T) {
	for line, part := range map[string]string{
		"exempt": "wrong argument count", "exempt role": "wrong argument count", "exempt 10.0.0.1/8": "it is an address", "exempt admin": "it is an address",
		"exempt fe80::1%eth0": "it is an address", "exempt tier Gold": "lower-case letters",
	} {
		for _, text := range []string{zone("rate 1/s\n" + line), "gw_rate_limit {\n" + line + "\n}"} {
			if _, _, err := load(t, text, nil); err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	if _, _, err := loadJSON(t, []byte(`{"exempt":{"clients":["x"]}}`), nil); err == nil {
		t.Error("JSON with a bad network loads")
	}
}

func TestBadRules(t *testing.T) {
	for lines, part := range map[string]string{
		"quota 10/week": "by day or month", "quota x/day": "whole number", "quota 1/day\nrate 1/s": "two zones", "quota 1/day\nburst 2": "no burst", "quota 999999999999/day": "at most",
		"rate 1/s\ncost 0": "from 1 to", "rate 1/s\ncost bytes": "it is a number of units", "rate 1/s\ncost bytes 0": "size of a unit", "rate 1/s\ncost a b": "wrong argument count",
		"rate 1/s\ncount status": "wrong argument count", "rate 1/s\ncount status 40": "from 200 to 599", "rate 1/s\ncount status 1xx": "from 200", "rate 1/s\ncount 401": "wrong argument count",
		"rate 1/s\nmessages\ncount status 401": "no status", "rate 1/s\nmode often": "exact, leased or local", "rate 1/s\nmode leased 0": "from 1", "rate 1/s\nmode local 3": "the mode leased",
		"rate 1/s\nshadow yes": "wrong argument count", "rate 1/s\ntier a 1/day 3": "wrong argument count", "rate 1/day": "the period is a duration", "rate 1/s\nmode leased 9999999": "from 1 token to",
	} {
		if _, _, err := load(t, zone(lines), nil); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: %v", lines, err)
		}
	}
	for raw, part := range map[string]string{
		`{"zones":[{"name":"z","rate":"1/s","cost":{"units":-1}}]}`:             "from 1 unit",
		`{"zones":[{"name":"z","rate":"1/s","cost":{"units":1,"bytes":1}}]}`:    "by bytes",
		`{"zones":[{"name":"z","rate":"1/s","lease":5}]}`:                       "of the mode leased",
		`{"zones":[{"name":"z","rate":"1/s","mode":"x"}]}`:                      "it is exact",
		`{"zones":[{"name":"z","rate":"1/s","count_status":["abc"]}]}`:          "from 200",
		`{"client_prefix":{"ipv4":32}}`:                                         "16 to 128",
		`{"zones":[{"name":"z","quota":"1/day","tiers":{"a":{"rate":"1/s"}}}]}`: "",
	} {
		_, unload, err := loadJSON(t, []byte(raw), nil)
		if part == "" && err != nil || part != "" && (err == nil || !strings.Contains(err.Error(), part)) {
			t.Errorf("%s: %v", raw, err)
		}
		if err == nil {
			unload()
		}
	}
}
