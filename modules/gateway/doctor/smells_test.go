package doctor

import (
	"strings"
	"testing"
)

const well = `{"admin":{"listen":"unix//run/a.sock"},"apps":{"gateway":{"store":"redis://u:{env.P}@h","database":"postgres://u@h/n","backup":{"folder":"/b"},
	"identity":{"second_factor":{"required":["admin","moderator"]}}},"http":{"servers":{"srv0":{"tls_connection_policies":[{}]}}}}}`

func smell(t *testing.T, raw string) []Finding {
	t.Helper()
	c, err := ReadConfigured([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return c.Smells()
}

func TestSmells(t *testing.T) {
	wellBut(t, smell(t, well))
	for raw, want := range map[string]Finding{
		`{}`:                                 fail("config-gateway", "", ""),
		`{"apps":{"gateway":{}}}`:            warn("config-backup", "", ""),
		`{"apps":{"gateway":{"backup":{}}}}`: warn("config-second-factor", "", ""),
		`{"apps":{"gateway":{"events":{"log":{"off":true}}}}}`:                                                                                  warn("config-audit-log", "", ""),
		`{"apps":{"gateway":{"file_modes":"warn"}}}`:                                                                                            warn("config-file-modes", "", ""),
		`{"apps":{"gateway":{"plain_links":"warn"}}}`:                                                                                           warn("config-plain-links", "", ""),
		`{"apps":{"gateway":{"monitor":{"off":true}}}}`:                                                                                         warn("config-monitor", "", ""),
		`{"apps":{"gateway":{"database":"postgres://u@h/n"}}}`:                                                                                  warn("config-store", "", ""),
		`{"apps":{"gateway":{"store":"redis://u:hunter2@h"}}}`:                                                                                  warn("config-password", "", ""),
		`{"apps":{"gateway":{"events":{"outputs":{"hook":{"kind":"webhook","secret":"hunter2"}}}}}}`:                                            warn("config-password", "", ""),
		`{"apps":{"gateway":{"identity":{"providers":[{"client_secret":"hunter2"}]}}}}`:                                                         warn("config-password", "", ""),
		`{"apps":{"gateway":{"monitor":{"alerts":[{"to":"https://hooks.example/services/T0123456789/B0123456789/abcdefghij0123456789"}]}}}}`:    warn("config-password", "", ""),
		`{"apps":{"gateway":{"database":"host=h user=u password=hunter2"}}}`:                                                                    warn("config-password", "", ""),
		`{"apps":{"gateway":{},"http":{"servers":{"a":{"routes":[{"handle":[{"request":{"set":{"Authorization":["Bearer hunter2"]}}}]}]}}}}}`:   warn("config-password", "", ""),
		`{"apps":{"gateway":{},"tls":{"automation":{"policies":[{"issuers":[{"challenges":{"dns":{"provider":{"api_token":"hunter2"}}}}]}]}}}}`: warn("config-password", "", ""),
		`{"admin":{"disabled":true},"apps":{"gateway":{}}}`:                                                                                     warn("config-admin", "", ""),
		`{"admin":{"listen":"localhost:2019"},"apps":{"gateway":{}}}`:                                                                           warn("config-admin", "", ""),
		`{"admin":{"listen":":2019"},"apps":{"gateway":{}}}`:                                                                                    fail("config-admin", "", ""),
		`{"admin":{"listen":"tcp/10.0.0.1:2019"},"apps":{"gateway":{}}}`:                                                                        fail("config-admin", "", ""),
		`{"logging":{"logs":{"default":{"level":"DEBUG"}}},"apps":{"gateway":{}}}`:                                                              warn("config-debug", "", ""),
		`{"apps":{"gateway":{},"http":{"servers":{"a":{"automatic_https":{"disable":true}}}}}}`:                                                 warn("config-proxies", "", ""),
	} {
		finds(t, smell(t, raw), want.Check, want.State, "")
	}
	for _, f := range smell(t, `{"apps":{"gateway":{"store":"redis://u:hunter2@h","database":"postgres://u:hunter2@h/n"}}}`) {
		if f.Text != oneLine(f.Text) || len(f.Text) > 300 {
			t.Errorf("%+v", f)
		}
	}
	// Where a secret is, what a request must look like, and what only has such a name are none.
	for _, none := range []string{
		`"gateway":{"data_keys":{"master":{"token_file":"/run/t","token_env":"T"}},"backup":{"passphrase_file":"/p","key_file":"/k"}}`,
		`"gateway":{"store":"redis://:{env.P}@h","identity":{"mail":{"password":"{file./run/p}"},"service_token_lifetime":5,"passwords":{"min_length":12}}}`,
		`"gateway":{"policy":{"bundle":{"s3":{"credentials":"web_identity"}}}},"http":{"x":{"accounts":[{"username":"u","password":"$2a$14$abc"}]}}`,
		`"gateway":{},"http":{"servers":{"a":{"routes":[{"match":[{"header":{"Authorization":["*"]}}],"handle":[{"request":{"set":{"Authorization":["Bearer {env.T}"]}}},{"uri":"/x?token=1"}]}]}}}`,
	} {
		finds(t, smell(t, `{"apps":{`+none+`}}`), "config-password", OK, "")
	}
	for _, f := range smell(t, `{"apps":{"gateway":{"a":{"secret":"hunter2"},"b":{"token":"hunter2"},"c":{"token":"hunter2"},"d":{"token":"hunter2"},"e":{"token":"hunter2"},"f":{"token":"hunter2"},"g":{"token":"hunter2"}}}}`) {
		if f.Check == "config-password" && (strings.Contains(f.Text, "hunter2") || !strings.Contains(f.Text, "apps.gateway.a.secret") || !strings.HasSuffix(f.Text, "and 2 more")) {
			t.Errorf("%+v", f)
		}
	}
	if _, err := ReadConfigured([]byte(`{`)); err == nil {
		t.Error("that is no JSON")
	}
}
