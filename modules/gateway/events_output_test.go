package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/test/stop"
)

func TestOutputCaddyfile(t *testing.T) {
	for body, want := range map[string]string{
		"output siem syslog tls://siem.example:6514 {\n format cef\n level low\n ca /ca.pem\n client_certificate /c.pem /k.pem\n facility local0\n spool 1GiB\n}": `{"outputs":{"siem":{"kind":"syslog","to":"tls://siem.example:6514","format":"cef","level":"low","spool":1073741824,"ca":"/ca.pem","client_certificate":"/c.pem","client_key":"/k.pem","facility":"local0"}}}`,
		"output hook webhook https://h.example/x {\n secret {env.S}\n header Authorization {env.T}\n only authentication\n only ban-added finding\n}":             `{"outputs":{"hook":{"kind":"webhook","to":"https://h.example/x","only":["authentication","ban-added","finding"],"headers":{"Authorization":"{env.T}"},"secret":"{env.S}"}}}`,
		"encrypt\n output lake file /var/log/gw/ocsf.jsonl {\n format ocsf\n}\n output otel otlp https://o:4318/v1/logs":                                          `{"encrypt":true,"outputs":{"lake":{"kind":"file","to":"/var/log/gw/ocsf.jsonl","format":"ocsf"},"otel":{"kind":"otlp","to":"https://o:4318/v1/logs"}}}`,
		"output s redis_stream {\n stream k\n most 5000\n}": `{"outputs":{"s":{"kind":"redis_stream","stream":"k","most":5000}}}`,
	} {
		got, err := adapt(t, "gateway {\n events {\n "+body+"\n }\n}")
		if err != nil || got != `{"events":`+want+`}` {
			t.Errorf("%s\n got %s %v\nwant %s", body, got, err, want)
		}
	}
	for body, want := range map[string]string{
		"output":                                       "output NAME",
		"output x syslog tls://a:1 b":                  "output NAME",
		"output X file /x":                             "a-z",
		"output a file /x\n output a file /y":          "twice",
		"output a file /x {\n colour red\n}":           "unknown subdirective \"colour\"",
		"output a file /x {\n secret s\n}":             "secret goes with webhook, not with file",
		"output a webhook https://h {\n format cef\n}": "format cef goes with",
		"output a file":                                "where to",
		"output a file /x {\n spool much\n}":           "256MiB",
		"output a file /x {\n spool\n}":                "Caddyfile:5",
	} {
		_, err := adapt(t, "gateway {\n events {\n "+body+"\n }\n}")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

// hook is a webhook's receiver.
type hook struct {
	*httptest.Server
	mu   sync.Mutex
	away bool
	got  []string
}

func newHook(t *testing.T) *hook {
	h := new(hook)
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		var events []map[string]any
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.away || err != nil || json.Unmarshal(raw, &events) != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		for _, e := range events {
			if action, ok := e["event.action"].(string); ok {
				h.got = append(h.got, action)
			}
		}
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) wait(t *testing.T, action string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		h.mu.Lock()
		n := strings.Count(strings.Join(h.got, " ")+" ", action+" ")
		h.mu.Unlock()
		if n > 0 {
			return
		}
	}
	t.Fatalf("%s did not come: %v", action, h.got)
}

func (h *hook) setAway(away bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.away = away
}

// Outputs outlive reloads with what waits in them, a load that fails changes none, and what waits at the end is there at the next start.
func TestOutputsReload(t *testing.T) {
	dir, first, second := t.TempDir(), newHook(t), newHook(t)
	stop.After(t)
	config := func(to string) map[string]any {
		return map[string]any{"data_dir": dir, "events": map[string]any{"outputs": map[string]any{"hook": map[string]any{"kind": "webhook", "to": to}}}}
	}
	g, err := load(t, config(first.URL))
	if err != nil {
		t.Fatal(err)
	}
	g.Events.Emit(&event.Event{Category: "web", Action: "one"})
	first.wait(t, "one")

	first.setAway(true)
	g.Events.Emit(&event.Event{Category: "web", Action: "two"})
	for _, bad := range []map[string]any{
		{"kind": "webhook", "to": "nonsense"}, {"kind": "pigeon", "to": "x"}, {"kind": "syslog", "to": "tls://h", "ca": "/none"}, {"kind": "file", "to": dir + "/events/mine"},
		{"kind": "redis_stream"}, {"kind": "webhook", "to": "{env.GW_TEST_IS_NOT_SET}"}, {"kind": "otlp", "to": "https://h", "format": "cef"}, {"kind": "file", "to": "/x", "spool": 5},
	} {
		if _, err := load(t, map[string]any{"data_dir": dir, "events": map[string]any{"outputs": map[string]any{"hook": bad}}}); err == nil {
			t.Fatalf("%v was loaded", bad)
		}
	}
	if g, err = load(t, config(second.URL)); err != nil {
		t.Fatal(err)
	}
	second.wait(t, "two")
	g.Events.Emit(&event.Event{Category: "web", Action: "three"})
	second.wait(t, "three")

	second.setAway(true)
	g.Events.Emit(&event.Event{Category: "web", Action: "four"})
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if raw, err := filepath.Glob(filepath.Join(dir, "spool", "hook", "*.spool")); err != nil || len(raw) == 0 {
		t.Fatal(raw, err)
	}
	second.setAway(false)
	if _, err = load(t, config(second.URL)); err != nil {
		t.Fatal(err)
	}
	second.wait(t, "four")
}

// Checking a configuration leaves no trace: the spool is a running gateway's.
func TestValidatingTouchesNoSpool(t *testing.T) {
	dir := t.TempDir()
	raw, err := json.Marshal(map[string]any{
		"admin": map[string]any{"disabled": true, "config": map[string]any{"persist": false}},
		"apps": map[string]any{"gateway": map[string]any{"data_dir": dir, "events": map[string]any{"outputs": map[string]any{
			"hook": map[string]any{"kind": "webhook", "to": "https://127.0.0.1:1/"},
		}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var c caddy.Config
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Validate(&c); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "spool")); !os.IsNotExist(err) {
		t.Fatal(err)
	}
}
