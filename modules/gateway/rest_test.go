package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/convosphere/gateway/modules/internal/event"
)

// loaded loads the app with this configuration, as Caddy would.
func loaded(t *testing.T, a *App) error {
	t.Helper()
	whole, err := caddy.ProvisionContext(&caddy.Config{Admin: &caddy.AdminConfig{Disabled: true}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(whole)
	t.Cleanup(cancel)
	err = a.Provision(ctx)
	t.Cleanup(func() { _ = a.Cleanup() })
	return err
}

// Files that others can read stop a load before anything is opened, and say what to run; or are told of where the operator has no choice.
func TestOpenFilesStopALoad(t *testing.T) {
	for _, name := range []string{"gateway.db", "gateway.db-wal", "events/events.jsonl", "waf/captures/capture-1.gwc", "policy/bundle"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		err := loaded(t, &App{DataDir: dir})
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "chmod -R go-rwx") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "keys")); err == nil {
			t.Errorf("%s: keys were made all the same", name)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gateway.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "gateway.db"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := loaded(t, &App{DataDir: dir, FileModes: "warn"}); err != nil {
		t.Error(err)
	}
}

// The configuration in force says whether events are sealed, also after a reload that keeps the file open.
func TestEventsAreSealedAsConfigured(t *testing.T) {
	dir := t.TempDir()
	var last *App
	off := &EventLog{Off: true} // which has events of its own
	for i, e := range []*Events{{Encrypt: true, Log: off}, {Log: off}, {Encrypt: true, Log: off}} {
		a := &App{DataDir: dir, Events: e}
		if err := loaded(t, a); err != nil {
			t.Fatal(err)
		}
		if i == 0 { // what the first configuration tells while it loads
			a.ground.Events.Emit(&event.Event{Action: "loading", Reason: "before the start"})
			for raw := []byte(nil); len(raw) == 0; {
				raw, _ = os.ReadFile(filepath.Join(dir, "events", "events.jsonl"))
			}
		}
		if err := a.Start(); err != nil {
			t.Fatal(err)
		}
		a.allStarted()
		if last != nil {
			_ = last.Stop()
			_ = last.Cleanup()
		}
		last = a
		a.ground.Events.Emit(&event.Event{Action: "load", Reason: "number " + string(rune('0'+i))})
		// Until it is written: the next configuration decides on what waits. Beside ours, each load tells of itself, the first of the gateway, too.
		for path, end := filepath.Join(dir, "events", "events.jsonl"), time.Now().Add(30*time.Second); ; time.Sleep(time.Millisecond) {
			if raw, _ := os.ReadFile(path); strings.Count(string(raw), "\n") == 2*i+4 {
				break
			} else if time.Now().After(end) {
				t.Fatalf("%d: %s", i, raw)
			}
		}
	}
	_ = last.Stop()
	raw, err := os.ReadFile(filepath.Join(dir, "events", "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		if plain := i == 4 || i == 5; event.IsSealed([]byte(line)) == plain {
			t.Errorf("line %d: %s", i, line)
		}
	}
	if !strings.Contains(string(raw), "number 1") || strings.Contains(string(raw), "number 0") {
		t.Error(string(raw))
	}
}

// A password that stands in the configuration is told of, without telling it; one that is filled in at load is not.
func TestPasswordsInTheConfiguration(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	for address, warned := range map[string]bool{
		"redis://:hunter2@127.0.0.1:1/0": true, "postgres://u:hunter2@h/n": true,
		"redis://127.0.0.1:1/0": false, "postgres://u@h/n": false, "{env.GW_REDIS}": false, "redis://:{env.GW_PASSWORD}@h:1": false, "memory": false,
	} {
		(&App{logger: zap.New(core)}).tellPassword("store", address)
		all := logs.TakeAll()
		if (len(all) == 1) != warned {
			t.Error(address, all)
		}
		for _, e := range all {
			if strings.Contains(e.Message, "hunter2") || len(e.Context) != 1 {
				t.Error(e)
			}
		}
	}
}
