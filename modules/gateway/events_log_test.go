package gateway

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func TestEventLogOfACaddyfile(t *testing.T) {
	for text, want := range map[string]string{
		"log off": `{"off":true}`,
		"log":     `{}`,
		"log {\n keep 365d\n anonymous 30d\n max_size 20GiB\n checkpoint 30s\n group 50ms\n }": `{"keep":31536000000000000,"anonymous":2592000000000000,"max_size":21474836480,"checkpoint":30000000000,"group":50000000}`,
	} {
		var a App
		err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser("gateway {\n events {\n " + text + "\n }\n}"))
		if err != nil {
			t.Fatal(text, err)
		}
		if got, err := json.Marshal(a.Events.Log); err != nil || string(got) != want {
			t.Errorf("%s: %s %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"log on":                        "off",
		"log off {\n keep 90d\n }":      "the log is off",
		"log {\n kept 90d\n }":          "log knows keep",
		"log {\n keep 1h\n }":           "from 24h0m0s",
		"log {\n keep never\n }":        "no duration",
		"log {\n checkpoint 1ms\n }":    "from 1s",
		"log {\n max_size 1KiB\n }":     "at least 16 MiB",
		"log {\n max_size large\n }":    "no size",
		"log {\n keep 9d\n keep 9d\n }": "given twice",
		"log off\n log off":             "given twice",
	} {
		var a App
		err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser("gateway {\n events {\n " + text + "\n }\n}"))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "Testfile:") {
			t.Errorf("%s: %v, not %q with its place", text, err, want)
		}
	}
}

// A configuration without the log closes it, and one that wants it again goes on with the same.
func TestReloadsTakeTheLogOver(t *testing.T) {
	dir := t.TempDir()
	start := func(e *EventLog) *App {
		t.Helper()
		a := &App{DataDir: dir, Events: &Events{Log: e}}
		if err := loaded(t, a); err != nil {
			t.Fatal(err)
		}
		if err := a.Start(); err != nil {
			t.Fatal(err)
		}
		a.allStarted()
		return a
	}
	end := func(a *App) {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
		if err := a.Cleanup(); err != nil {
			t.Error(err)
		}
	}
	first := start(nil)
	second := start(&EventLog{Keep: 1 << 60})
	if first.log == nil || second.log != first.log {
		t.Fatal("the second configuration has another log")
	}
	end(first)
	if err := second.log.Durable(t.Context(), func() {}); err != nil {
		t.Error("the log was closed with the first configuration:", err)
	}
	off := start(&EventLog{Off: true})
	end(second)
	if off.log != nil || off.ground.Audit != nil {
		t.Error("a log is kept that is off")
	}
	again := start(nil)
	if again.log == first.log || again.log.Origin() != first.log.Origin() || again.log.Size() < first.log.Size() {
		t.Error("it is not the same log that goes on")
	}
	end(off)
	end(again)
}
