package doctor

import "testing"

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
		`{"apps":{"gateway":{"events":{"log":{"off":true}}}}}`:                                  warn("config-audit-log", "", ""),
		`{"apps":{"gateway":{"file_modes":"warn"}}}`:                                            warn("config-file-modes", "", ""),
		`{"apps":{"gateway":{"plain_links":"warn"}}}`:                                           warn("config-plain-links", "", ""),
		`{"apps":{"gateway":{"monitor":{"off":true}}}}`:                                         warn("config-monitor", "", ""),
		`{"apps":{"gateway":{"database":"postgres://u@h/n"}}}`:                                  warn("config-store", "", ""),
		`{"apps":{"gateway":{"store":"redis://u:hunter2@h"}}}`:                                  warn("config-password", "", ""),
		`{"admin":{"disabled":true},"apps":{"gateway":{}}}`:                                     warn("config-admin", "", ""),
		`{"admin":{"listen":"localhost:2019"},"apps":{"gateway":{}}}`:                           warn("config-admin", "", ""),
		`{"admin":{"listen":":2019"},"apps":{"gateway":{}}}`:                                    fail("config-admin", "", ""),
		`{"admin":{"listen":"tcp/10.0.0.1:2019"},"apps":{"gateway":{}}}`:                        fail("config-admin", "", ""),
		`{"logging":{"logs":{"default":{"level":"DEBUG"}}},"apps":{"gateway":{}}}`:              warn("config-debug", "", ""),
		`{"apps":{"gateway":{},"http":{"servers":{"a":{"automatic_https":{"disable":true}}}}}}`: warn("config-proxies", "", ""),
	} {
		finds(t, smell(t, raw), want.Check, want.State, "")
	}
	for _, f := range smell(t, `{"apps":{"gateway":{"store":"redis://u:hunter2@h","database":"postgres://u:hunter2@h/n"}}}`) {
		if f.Text != oneLine(f.Text) || len(f.Text) > 300 {
			t.Errorf("%+v", f)
		}
	}
	if _, err := ReadConfigured([]byte(`{`)); err == nil {
		t.Error("that is no JSON")
	}
}
