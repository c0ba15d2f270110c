package compliance

import (
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/inforce"
)

type tree = inforce.Tree

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// good are facts of a gateway that meets everything.
func good() *Facts {
	rules := 120
	guard := func(module string, settings tree) inforce.Handler {
		return inforce.Handler{Module: module, Settings: settings}
	}
	site := inforce.Site{Hosts: []string{"chat.example.com"}, Handlers: []inforce.Handler{
		guard("gw_headers", tree{"set": tree{
			"Strict-Transport-Security": "max-age=31536000; includeSubDomains", "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'self'",
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		}}),
		guard("gw_audit", tree{}), guard("gw_client", tree{}), guard("gw_authenticate", tree{}),
		guard("gw_rate_limit", tree{"shed": tree{"target": 250 * time.Millisecond}, "zones": []any{
			tree{"name": "client", "rate": "100/1s"}, tree{"name": "user", "rate": "50/1s"}, tree{"name": "login", "rate": "10/1m"},
		}}),
		guard("gw_waf", tree{"mode": "block", "inbound_threshold": int64(5), "paranoia": int64(1), "modes": []any{}, "responses": tree{}}),
		guard("gw_portal", tree{}),
		guard("gw_authorize", tree{"audience": "chat", "routes": []any{tree{"path": "/api/rooms/{room}", "methods": []any{"GET"}, "permission": "room:read", "resource": "room:{room}"}}}),
		guard("gw_validate", tree{"openapi": "chat.yaml", "requests": "enforce"}),
		guard("gw_upload", tree{"mode": "block", "routes": []any{}, "scanner": tree{"address": "unix:///run/clamd.ctl"}}),
		guard("gw_protect", tree{"routes": []any{tree{}}, "output": tree{}, "detect": []any{tree{"kinds": []any{"card"}, "action": "mask"}}}),
		guard("reverse_proxy", tree{"upstreams": []any{tree{"dial": "app.internal:443"}}, "transport": tree{"tls": tree{}}}),
	}}
	return &Facts{
		At: noon, Rules: &rules,
		Config: inforce.Gateway{
			Certificates: []inforce.Certificate{{Host: "chat.example.com", Issuer: "R11", From: noon.Add(-30 * day), Until: noon.Add(60 * day), Public: true}},
			Admin:        tree{"listen": "unix//run/convosphere/admin.sock"},
			Apps: map[string]any{
				"gateway": tree{
					"database": "postgres://gw:removed@db.internal/gateway?sslmode=verify-full", "store": "rediss://redis.internal:6380", "file_modes": "refuse", "key_rotation": 30 * day,
					"abuse": tree{"off": false, "ban": 150.0, "first": 10 * time.Minute}, "data_keys": tree{"master": tree{"type": "vault"}},
					"events": tree{"encrypt": true, "log": tree{"off": false, "keep": 90 * day, "anonymous": 30 * day, "max_size": int64(10 << 30), "checkpoint": time.Minute},
						"outputs": tree{"siem": tree{"kind": "webhook", "to": "https://siem.example.com/in"}}},
				},
				"gw_identity": tree{
					"second_factor": tree{"required": []any{"admin", "moderator"}}, "passwords": tree{"min_length": int64(10), "max_length": int64(128), "strength": int64(3), "max_age": time.Duration(0), "leaked": "embedded list"},
					"argon2": tree{"memory": 19456.0, "time": 2.0}, "throttle": tree{"account": tree{"free": int64(20), "first": 30 * time.Second, "longest": time.Hour}},
					"idle": 30 * time.Minute, "absolute": 12 * time.Hour, "access_lifetime": 5 * time.Minute, "personal_tokens": tree{"max_lifetime": 365 * day}, "registration": tree{"mode": "off"},
				},
				"gw_policy":  tree{"decisions": "all", "break_glass": 15 * time.Minute, "bundle": tree{"from": "https://policy.example.com/bundle.tar.gz", "keys": []any{tree{}}}},
				"gw_monitor": tree{"off": false, "anomaly": tree{}, "incidents": tree{"off": false, "least": "medium", "keep": 365 * day}, "respond": tree{"mode": "mild", "most": int64(50)}, "alerts": tree{"channels": []any{tree{"name": "team", "kind": "mail"}}}},
			},
			Servers: []inforce.Server{{
				Name: "srv0", Listen: []string{":443"}, Sites: []inforce.Site{site}, TLS: []tree{{"protocol_min": "tls1.3"}},
				Settings: tree{"read_header_timeout": 10 * time.Second, "idle_timeout": 2 * time.Minute, "read_idle_timeout": time.Minute, "trusted_proxies": tree{"source": "static", "ranges": []any{"10.0.0.0/8"}}},
			}},
		},
		Audit: &Audit{Events: 1000}, Keys: &Keys{Signing: 1, Since: noon.Add(-10 * day)}, DataKeys: &DataKeys{Sets: 3, Oldest: noon.Add(-30 * day)},
		Accounts: &Accounts{Operators: 2, People: 40, ServiceKeys: 1, Personal: 2}, Incidents: &Incidents{}, Reviews: &Reviews{Last: noon.Add(-30 * day)},
	}
}

// set changes a setting of an app.
func set(f *Facts, path string, v any) {
	t := any(f.Config.Apps)
	names := strings.Split(path, ".")
	for _, n := range names[:len(names)-1] {
		t = t.(tree)[n]
	}
	t.(tree)[names[len(names)-1]] = v
}

// handler is that of the site of good facts.
func handler(f *Facts, module string) *inforce.Handler {
	site := &f.Config.Servers[0].Sites[0]
	for i := range site.Handlers {
		if site.Handlers[i].Module == module {
			return &site.Handlers[i]
		}
	}
	panic("no " + module)
}

// without takes a handler out of it.
func without(module string) func(*Facts) {
	return func(f *Facts) { handler(f, module).Module = "gone" }
}
