package compliance

import (
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/inforce"
)

// breaks are what goes wrong with each check, one thing at a time.
var breaks = map[string][]func(*Facts){
	"tls": {
		func(f *Facts) { f.Config.Servers[0].TLS = nil }, func(f *Facts) { f.Config.Servers[0].TLS[0]["protocol_min"] = "tls1.0" },
		func(f *Facts) { f.Config.Servers[0].TLS[0]["insecure_secrets_log"] = "/tmp/keys" },
	},
	"certificates": {
		func(f *Facts) { f.Config.Certificates[0].Until = noon.Add(-time.Minute) }, func(f *Facts) { f.Config.Certificates[0].Until = noon.Add(day) },
	},
	"certificates-public": {func(f *Facts) { f.Config.Certificates[0].Public = false }},
	"hsts":                {header1("Strict-Transport-Security", "max-age=3600"), header1("Strict-Transport-Security", ""), without("gw_headers")},
	"hsts-subdomains":     {header1("Strict-Transport-Security", "max-age=31536000")},
	"csp":                 {header1("Content-Security-Policy", "object-src 'none'; base-uri 'self'"), header1("Content-Security-Policy", "")},
	"framing":             {header1("Content-Security-Policy", "object-src 'none'; base-uri 'none'"), without("gw_headers")},
	"nosniff":             {header1("X-Content-Type-Options", "")},
	"referrer":            {header1("Referrer-Policy", "unsafe-url")},
	"opener":              {header1("Cross-Origin-Opener-Policy", "unsafe-none")},
	"resources":           {header1("Cross-Origin-Resource-Policy", "cross-origin")},
	"upstream-tls": {
		func(f *Facts) { delete(handler(f, "reverse_proxy").Settings, "transport") },
		func(f *Facts) {
			handler(f, "reverse_proxy").Settings["transport"] = tree{"tls": tree{"insecure_skip_verify": true}}
		},
	},
	"client-headers":  {without("gw_client"), bypassed},
	"trusted-proxies": {func(f *Facts) { f.Config.Servers[0].Settings["trusted_proxies"] = tree{"ranges": []any{"0.0.0.0/0"}} }},
	"timeouts": {
		func(f *Facts) { f.Config.Servers[0].Settings["read_header_timeout"] = 5 * time.Minute }, func(f *Facts) { f.Config.Servers[0].Settings["read_idle_timeout"] = -time.Second },
		func(f *Facts) { delete(f.Config.Servers[0].Settings, "idle_timeout") },
	},
	"admin-endpoint": {
		func(f *Facts) { f.Config.Admin = tree{} }, func(f *Facts) { f.Config.Admin["listen"] = "localhost:2019" }, func(f *Facts) { f.Config.Admin["listen"] = ":2019" },
		func(f *Facts) { f.Config.Admin["remote"] = tree{} },
	},
	"metrics-exposure":   {func(f *Facts) { handler(f, "gw_portal").Module = "metrics" }},
	"credentials-logged": {func(f *Facts) { f.Config.Servers[0].Settings["logs"] = tree{"should_log_credentials": true} }},

	"waf": {
		without("gw_waf"), bypassed, func(f *Facts) { handler(f, "gw_waf").Settings["mode"] = "detect" },
		func(f *Facts) { handler(f, "gw_waf").Settings["modes"] = []any{tree{"mode": "off"}} },
		func(f *Facts) {
			handler(f, "gw_waf").Match = []inforce.Tree{{"any": []any{tree{"path": []any{"/api/*"}}}}}
		},
	},
	"responses-inspected": {
		func(f *Facts) { handler(f, "gw_waf").Settings["responses"] = tree{"off": true} }, func(f *Facts) { handler(f, "gw_protect").Settings["output"] = tree{"off": true} },
	},
	"sensitive-data": {func(f *Facts) {
		handler(f, "gw_protect").Settings["detect"] = []any{tree{"kinds": []any{"card"}, "action": "report"}}
	}, without("gw_protect")},
	"errors": {
		func(f *Facts) { handler(f, "gw_protect").Settings["output"] = tree{"errors": "pass"} }, func(f *Facts) { handler(f, "gw_protect").Settings["output"] = tree{"traces": "off"} },
	},
	"rate-limit": {without("gw_rate_limit"), func(f *Facts) {
		handler(f, "gw_rate_limit").Settings["zones"] = []any{tree{"name": "client", "shadow": true}}
	}},
	"load-shed": {func(f *Facts) { handler(f, "gw_rate_limit").Settings["shed"] = tree{"off": true} }},
	"abuse":     {func(f *Facts) { set(f, "gateway.abuse.off", true) }, func(f *Facts) { set(f, "gateway.abuse.ban", 0.0) }},
	"validation": {
		func(f *Facts) { handler(f, "gw_validate").Settings["openapi"] = "" }, func(f *Facts) { handler(f, "gw_validate").Settings["requests"] = "report" },
	},
	"uploads": {
		func(f *Facts) { handler(f, "gw_upload").Settings["mode"] = "report" }, func(f *Facts) { handler(f, "gw_upload").Settings["routes"] = []any{tree{"off": true}} },
	},
	"malware-scan": {
		func(f *Facts) { delete(handler(f, "gw_upload").Settings, "scanner") },
		func(f *Facts) {
			handler(f, "gw_upload").Settings["scanner"] = tree{"address": "tcp://a:1", "on_failure": "open"}
		},
	},

	"authentication": {without("gw_authenticate"), bypassed},
	"origins":        {func(f *Facts) { handler(f, "gw_authenticate").Settings["origins"] = []any{"*"} }},
	"authorization":  {without("gw_authorize"), bypassed},
	"permissions": {
		func(f *Facts) { handler(f, "gw_authorize").Settings["routes"] = []any{} }, func(f *Facts) { handler(f, "gw_authorize").Settings["routes"] = []any{tree{"path": "/x"}} },
	},
	"objects": {func(f *Facts) {
		handler(f, "gw_authorize").Settings["routes"] = []any{tree{"path": "/x", "permission": "a"}}
	}},
	"decisions-recorded":   {func(f *Facts) { set(f, "gw_policy.decisions", "off") }, func(f *Facts) { delete(f.Config.Apps, "gw_policy") }},
	"policy-signed":        {func(f *Facts) { set(f, "gw_policy.bundle.unsigned", true) }, func(f *Facts) { set(f, "gw_policy.bundle.keys", []any{}) }},
	"break-glass":          {func(f *Facts) { set(f, "gw_policy.break_glass", 4*time.Hour) }},
	"second-factor":        {func(f *Facts) { set(f, "gw_identity.second_factor.required", []any{"admin"}) }, func(f *Facts) { delete(f.Config.Apps, "gw_identity") }},
	"password-length":      {func(f *Facts) { set(f, "gw_identity.passwords.min_length", int64(6)) }, func(f *Facts) { set(f, "gw_identity.passwords.max_length", int64(32)) }},
	"password-guessing":    {func(f *Facts) { set(f, "gw_identity.passwords.strength", int64(0)) }, func(f *Facts) { set(f, "gw_identity.passwords.leaked", "") }},
	"password-age":         {func(f *Facts) { set(f, "gw_identity.passwords.max_age", 90*day) }},
	"password-hash":        {func(f *Facts) { set(f, "gw_identity.argon2.memory", 7168.0) }},
	"login-throttle":       {func(f *Facts) { set(f, "gw_identity.throttle.account.free", int64(1000)) }, without("gw_rate_limit")},
	"session-idle":         {func(f *Facts) { set(f, "gw_identity.idle", 8*time.Hour) }, func(f *Facts) { set(f, "gw_identity.remember", tree{}) }},
	"session-absolute":     {func(f *Facts) { set(f, "gw_identity.absolute", 30*day) }, func(f *Facts) { set(f, "gw_identity.remember", tree{}) }},
	"operators-remembered": {func(f *Facts) { set(f, "gw_identity.remember", tree{"except": []any{"admin"}}) }},
	"token-lifetime":       {func(f *Facts) { set(f, "gw_identity.access_lifetime", time.Hour) }},
	"tokens-expire":        {func(f *Facts) { set(f, "gw_identity.personal_tokens.max_lifetime", 10*365*day) }},
	"registration":         {func(f *Facts) { set(f, "gw_identity.registration.mode", "open") }},
	"assertion":            {func(f *Facts) { handler(f, "gw_authorize").Settings["audience"] = "backend" }},

	"operators-factor": {func(f *Facts) { f.Accounts.OperatorsNoFactor = 1 }},
	"default-accounts": {func(f *Facts) { f.Accounts.Default = 1 }},
	"stale-accounts":   {func(f *Facts) { f.Accounts.Stale = 1 }},
	"stale-keys":       {func(f *Facts) { f.Accounts.StaleKeys = 1 }},
	"access-review":    {func(f *Facts) { f.Reviews.Last = time.Time{} }, func(f *Facts) { f.Reviews.Last = noon.Add(-200 * day) }},

	"field-encryption": {func(f *Facts) { handler(f, "gw_protect").Settings["routes"] = []any{} }, without("gw_protect")},
	"events-encrypted": {func(f *Facts) { set(f, "gateway.events.encrypt", false) }},
	"file-modes":       {func(f *Facts) { set(f, "gateway.file_modes", "warn") }},
	"database-tls": {
		func(f *Facts) { set(f, "gateway.database", "postgres://gw@db.internal/gateway?sslmode=require") }, func(f *Facts) { set(f, "gateway.database", "postgres://gw@db.internal/gateway") },
	},
	"store-tls":  {func(f *Facts) { set(f, "gateway.store", "redis://redis.internal:6379") }, func(f *Facts) { set(f, "gateway.store", "redis+cluster://127.0.0.1:1,redis.internal:6379") }},
	"redundancy": {func(f *Facts) { set(f, "gateway.store", "memory") }, func(f *Facts) { set(f, "gateway.database", "sqlite:/x") }},
	"retention": {
		func(f *Facts) { set(f, "gateway.events.log.keep", 4000*day) }, func(f *Facts) { set(f, "gateway.events.log.anonymous", 365*day) },
		func(f *Facts) { set(f, "gw_monitor.incidents.keep", 3650*day) },
	},

	"key-rotation": {func(f *Facts) { set(f, "gateway.key_rotation", time.Duration(0)); f.Keys.Since = noon.Add(-100 * day) }, func(f *Facts) { set(f, "gateway.key_rotation", 365*day); f.Keys = nil }},
	"master-key":   {func(f *Facts) { set(f, "gateway.data_keys.master.type", "keyring") }},
	"data-keys":    {func(f *Facts) { f.DataKeys.Oldest = noon.Add(-400 * day) }},

	"security-events": {without("gw_audit"), bypassed},
	"audit-log":       {func(f *Facts) { set(f, "gateway.events.log.off", true) }},
	"audit-retention": {func(f *Facts) { set(f, "gateway.events.log.keep", 7*day) }, func(f *Facts) { set(f, "gateway.events.log.off", true) }},
	"audit-complete":  {func(f *Facts) { f.Audit.Lost = 1 }, func(f *Facts) { f.Audit.Failing = true }, func(f *Facts) { set(f, "gateway.events.log.off", true) }},
	"events-offsite":  {func(f *Facts) { set(f, "gateway.events.outputs", tree{"copy": tree{"kind": "file", "to": "/x"}}) }},
	"events-transport": {
		func(f *Facts) { set(f, "gateway.events.outputs.siem.to", "http://siem.example.com/in") },
		func(f *Facts) {
			set(f, "gateway.events.outputs.siem", tree{"kind": "syslog", "to": "udp://10.0.0.1:514"})
		},
		func(f *Facts) {
			set(f, "gateway.events.outputs.siem", tree{"kind": "redis_stream"})
			set(f, "gateway.store", "redis://redis.internal:6379")
		},
	},

	"detection":        {func(f *Facts) { *f.Rules = 0 }, func(f *Facts) { set(f, "gw_monitor.off", true) }},
	"anomalies":        {func(f *Facts) { set(f, "gw_monitor.anomaly.off", true) }},
	"incidents":        {func(f *Facts) { set(f, "gw_monitor.incidents.off", true) }, func(f *Facts) { delete(f.Config.Apps, "gw_monitor") }},
	"incidents-worked": {func(f *Facts) { f.Incidents.Waiting = 1 }, func(f *Facts) { set(f, "gw_monitor.incidents.off", true) }},
	"alerts":           {func(f *Facts) { set(f, "gw_monitor.alerts.channels", []any{}) }},
	"alerts-delivered": {func(f *Facts) { f.Incidents.DeadAlerts = 1 }},
	"response":         {func(f *Facts) { set(f, "gw_monitor.respond.mode", "off") }},
}

func header1(name, value string) func(*Facts) {
	return func(f *Facts) { handler(f, "gw_headers").Settings["set"].(tree)[name] = value }
}

// bypassed has the application answer some requests before anything has looked at them.
func bypassed(f *Facts) {
	site := &f.Config.Servers[0].Sites[0]
	proxy := inforce.Handler{Module: "reverse_proxy", Match: []inforce.Tree{{"any": []any{tree{"path": []any{"/open/*"}}}}}, Settings: handler(f, "reverse_proxy").Settings}
	site.Handlers = append([]inforce.Handler{proxy}, site.Handlers...)
}

// Every check is met by a gateway that does all of it, and each way to break it is seen.
func TestEachCheckBreaks(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Checks() {
		if seen[c.ID] {
			t.Errorf("%s is there twice", c.ID)
		}
		seen[c.ID] = true
		if o := c.Look(good()); o.Result != Met || len(o.Evidence) == 0 {
			t.Errorf("%s of a good gateway: %+v", c.ID, o)
		}
		if len(breaks[c.ID]) == 0 {
			t.Errorf("nothing breaks %s: it may claim what is not so", c.ID)
		}
		for i, b := range breaks[c.ID] {
			f := good()
			b(f)
			if o := c.Look(f); o.Result != NotMet || len(o.Evidence) == 0 {
				t.Errorf("%s, broken in way %d: %+v", c.ID, i+1, o)
			}
		}
		if c.Title == "" || c.Mend == "" {
			t.Errorf("%s has no title, or does not say how to mend it", c.ID)
		}
	}
	for id := range breaks {
		if !seen[id] {
			t.Errorf("there is no check %s", id)
		}
	}
}

// Of what nobody could read nothing is claimed.
func TestUnknown(t *testing.T) {
	f := &Facts{At: noon, Config: good().Config}
	f.Config.Admin, f.Config.Certificates = nil, nil
	for _, id := range []string{"admin-endpoint", "certificates", "operators-factor", "default-accounts", "stale-accounts", "stale-keys", "access-review", "data-keys", "audit-complete", "detection", "incidents-worked", "alerts-delivered"} {
		if o := look(t, id, f); o.Result != Unknown {
			t.Errorf("%s: %+v", id, o)
		}
	}
}

// A gateway that does nothing meets nothing but what nothing can break.
func TestEmptyGatewayMeetsNothing(t *testing.T) {
	for _, c := range Checks() {
		if o := c.Look(&Facts{At: noon}); o.Result == Met && c.ID != "metrics-exposure" {
			t.Errorf("%s: %+v", c.ID, o)
		}
	}
}

// What stands under conditions counts for what stands under the same.
func TestGuardsOfABlock(t *testing.T) {
	f := good()
	site := &f.Config.Servers[0].Sites[0]
	for i := range site.Handlers {
		site.Handlers[i].Match = []inforce.Tree{{"any": []any{tree{"path": []any{"/api/*"}}}}}
	}
	if o := look(t, "waf", f); o.Result != Met {
		t.Errorf("%+v", o)
	}
	handler(f, "reverse_proxy").Match = nil
	if o := look(t, "waf", f); o.Result != NotMet || !strings.Contains(strings.Join(o.Evidence, " "), "past gw_waf") {
		t.Errorf("%+v", o)
	}
}

func look(t *testing.T, id string, f *Facts) Outcome {
	t.Helper()
	for _, c := range Checks() {
		if c.ID == id {
			return c.Look(f)
		}
	}
	t.Fatal("there is no check " + id)
	return Outcome{}
}
