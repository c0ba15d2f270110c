package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/policy/engine"
)

func TestAllowCaddyfile(t *testing.T) {
	for text, want := range map[string]string{
		"allow http.send net.lookup_ip_addr {\nhosts risk.internal 192.0.2.7\nhosts ::1\n}": `{"allow":{"functions":["http.send","net.lookup_ip_addr"],"hosts":["risk.internal","192.0.2.7","::1"]}}`,
		"allow opa.runtime":                           `{"allow":{"functions":["opa.runtime"]}}`,
		"allow":                                       "name the functions that are allowed: http.send",
		"allow time.now_ns":                           `"time.now_ns" can't be allowed`,
		"allow http.send":                             "name the hosts that http.send may reach, at Testfile:2",
		"allow http.send {\nhosts\n}":                 "wrong argument count",
		"allow http.send {\nhosts *\n}":               "without scheme and port",
		"allow http.send {\nhosts http://a\n}":        "without scheme and port",
		"allow http.send {\nhosts a:80\n}":            "without scheme and port",
		"allow http.send {\nhost a\n}":                `unknown subdirective "host": allow knows hosts`,
		"allow opa.runtime\nallow net.lookup_ip_addr": "allow is given twice",
	} {
		var a App
		err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser("policy {\n" + text + "\n}"))
		got, _ := json.Marshal(&a)
		if err != nil {
			got = []byte(err.Error())
		}
		if string(got) != want && (err == nil || !strings.Contains(string(got), want)) {
			t.Errorf("%s\n gives %s\n not   %s", text, got, want)
		}
	}
}

func TestAPolicyAsksOutsideWhereItIsAllowed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	folder := write(t, fmt.Sprintf(`decision := {"allow": http.send({"method": "GET", "url": %q}).status_code == 200}`, server.URL))
	dir := t.TempDir()
	for _, bad := range []string{
		`{"folder": "` + folder + `"}`,
		`{"folder": "` + folder + `", "allow": {"functions": ["http.send"]}}`,
		`{"folder": "` + folder + `", "allow": {"functions": ["net.lookup_ip_addr"], "hosts": ["127.0.0.1"]}}`,
	} {
		if err := load(dir, bad); err == nil {
			t.Errorf("%s loads", bad)
		}
	}
	if err := load(dir, `{"timeout": "10s", "folder": "`+folder+`", "allow": {"functions": ["http.send"], "hosts": ["127.0.0.1"]}}`); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if d := running(t).Decide(context.Background(), &engine.Input{Permission: "x"}); !d.Allow || d.Steady {
		t.Errorf("%+v", d)
	}
}
