package inforce

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// Each of these was put where it is by somebody who did not think of who reads settings.
func TestHide(t *testing.T) {
	const secret = "hunter2hunter2hunter2"
	for name, v := range map[string]any{
		"password": secret, "client_secret": []any{secret}, "Authorization": secret, "mac_key": secret, "Cookie": "a=" + secret,
		"database": "postgres://gw:" + secret + "@db/gateway?sslmode=verify-full", "dsn": "host=db user=gw password=" + secret + " dbname=x", "dsn2": "host=db password='" + secret + "'",
		"to": []any{"https://hooks.example.com/services/T0/" + secret}, "url": "https://push.example/?token=" + secret, "query": "https://push.example/?k=" + secret,
		"value": "Bearer " + secret, "key": "-----BEGIN EC PRIVATE KEY-----\n" + secret, "header": Tree{"x": Tree{"X-Token": []any{secret}}}, "broken": "https://%zz:" + secret + "@x/",
		"jwt": "eyJhbGciOiJFUzI1NiJ9." + secret + ".x",
	} {
		raw, err := json.Marshal(Hide(name, v))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), secret) {
			t.Errorf("%s: %s", name, raw)
		}
	}
}

// Short words are secrets, too, where an operator can put one under any name: what the gateway sends along, and addresses that anybody who knows them may
// write to.
func TestHideByPlace(t *testing.T) {
	const w = "hazel"
	for name, v := range map[string]any{
		"of an output":     Tree{"headers": Tree{"X-Team": w, "x-lower": []any{w}, "deep": Tree{"a": Tree{"b": w}}}},
		"in one line":      Tree{"header": "X-Team: " + w, "headers": []any{"X-Team " + w}},
		"to a back end":    Tree{"headers": Tree{"request": Tree{"set": Tree{"X-Team": []any{w}}, "replace": Tree{"X": []any{Tree{"search": w, "replace": w}}}}, "response": Tree{}}},
		"in the handler":   Tree{"handler": "headers", "request": Tree{"add": Tree{"X-Team": []any{w}}}},
		"of a condition":   Tree{"match": []any{Tree{"header": Tree{"X-Origin": []any{w}}, "header_regexp": Tree{"X": Tree{"pattern": w}}, "query": Tree{"team": []any{w}}}}},
		"of an expression": Tree{"expression": Tree{"expr": "header({'X-Origin': '" + w + "'})"}},
		"of a program":     Tree{"env": Tree{"TEAM": w}},
		"of a channel":     Tree{"to": []any{"https://hooks.example/" + w, "https://hooks.example/a b/" + w, "HTTPS://hooks.example?" + w, "https://hooks.example/#" + w, "see https://hooks.example/" + w}},
		"of a collector":   Tree{"endpoint": "https://" + w + "@traces.example/v1"},
		"of responses":     Tree{"webhook": Tree{"url": "https://hooks.example/" + w}},
		"signed":           Tree{"from": "https://bundles.example/x.tar.gz?who=" + w},
		"with quotes":      Tree{"database": "postgres://u:it's" + w + "@db/x", "store": "redis://:12#" + w + "@redis"},
	} {
		raw, err := json.Marshal(Hide("", v))
		if err != nil || strings.Contains(strings.ToLower(string(raw)), w) {
			t.Errorf("%s: %s, %v", name, raw, err)
		}
	}
}

// What is no secret is shown: who reads settings must see what is in force.
func TestHideShows(t *testing.T) {
	for name, v := range map[string]any{
		"password": "{env.GW_PASSWORD}", "secret": "{file./run/secret}", "passwords": Tree{"min_length": int64(10)}, "personal_tokens": Tree{"most": int64(20), "off": true},
		"service_token_lifetime": 10 * time.Minute, "database": "sqlite:/var/lib/gateway.db", "store": "redis://10.0.0.1:6379", "url": "https://idp.example.com/realms/main", "path": "/auth/api/login",
		"output": Tree{"headers": Tree{"Authorization": "Bearer {env.TOKEN}", "X-Team": "{file./run/team}", "X-Real-IP": []any{"{http.request.remote.host}"}}},
		"ids":    Tree{"header": "X-Room-Ids"}, "header_down": Tree{"headers": Tree{"response": Tree{"set": Tree{"X-Shown": []any{"yes"}}}}},
		"handle": Tree{"handler": "headers", "response": Tree{"set": Tree{"X-Shown": []any{"yes"}}}}, "gw_headers": Tree{"set": Tree{"X-Shown": "yes"}},
		"redir": Tree{"status_code": 302.0, "headers": Tree{"Location": []any{"/new"}}}, "to": []any{"{env.HOOK}", "https://siem.example:8443", "ops@example.org", "/var/log/x.json", "tls://siem.example:6514"},
	} {
		got, _ := json.Marshal(Hide(name, v))
		want, _ := json.Marshal(v)
		if string(got) != string(want) {
			t.Errorf("%s: %s instead of %s", name, got, want)
		}
	}
}

func TestGet(t *testing.T) {
	v := Tree{"a": Tree{"b": 5 * time.Second, "c": []any{"x", 1.0}, "d": true, "e": int64(3)}}
	if Age(v, "a.b") != 5*time.Second || len(Texts(v, "a.c")) != 1 || !True(v, "a.d") || Number(v, "a.e") != 3 {
		t.Fatal("what is there is not found")
	}
	if Get(v, "a.b.c") != nil || Get(nil, "a") != nil || Text(v, "x.y") != "" || Number(v, "a.c") != 0 {
		t.Fatal("what is not there is found")
	}
}

// FuzzHide holds that a password in whatever address or text never stays.
func FuzzHide(f *testing.F) {
	for _, s := range []string{"postgres://a:PW@b/c", "https://PW:PW@x", "password=PW x", "Bearer PW", "a PW b", "x://y?z=PW&token=PW"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		const pw = "correcthorse0battery1staple"
		if got, _ := Hide("password", s+pw).(string); strings.Contains(got, pw) {
			t.Fatalf("%q", got)
		}
		if raw, err := json.Marshal(Hide("", Tree{"to": "https://h/" + s + pw, "headers": Tree{"X": s + pw}})); err != nil || strings.Contains(string(raw), pw) {
			t.Fatalf("%q: %s", s, raw)
		}
		if got, _ := Hide("x", "postgres://u:"+pw+"@h/d "+s).(string); strings.Contains(got, pw) {
			t.Fatalf("%q", got)
		}
	})
}
