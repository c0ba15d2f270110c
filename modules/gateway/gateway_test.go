package gateway

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/test/golden"
)

// adapt gives the app's JSON for the body of the global option.
func adapt(t *testing.T, body string) (string, error) {
	t.Helper()
	raw, err := golden.Adapt("{\n" + body + "\n}\n")
	if err != nil {
		return "", err
	}
	var config struct {
		Apps map[string]json.RawMessage `json:"apps"`
	}
	if err := json.Unmarshal(raw, &config); err != nil {
		t.Fatal(err)
	}
	return string(config.Apps["gateway"]), nil
}

func TestCaddyfile(t *testing.T) {
	for body, want := range map[string]string{
		"gateway": `{}`,
		"gateway {\n data_dir /d\n store redis redis://h:1\n database postgres postgres://u@h/n\n keys /k\n}": `{"data_dir":"/d","store":"redis://h:1","database":"postgres://u@h/n","keys":"/k"}`,
		"gateway {\n store memory\n database sqlite\n}":                                                       `{"store":"memory","database":"sqlite"}`,
		"gateway {\n store redis {env.R}\n database postgres {env.P}\n}":                                      `{"store":"{env.R}","database":"{env.P}"}`,
		"gateway {\n database sqlite /x/y.db\n}":                                                              `{"database":"sqlite:/x/y.db"}`,
	} {
		got, err := adapt(t, body)
		if err != nil || got != want {
			t.Errorf("%s\n got %s %v\nwant %s", body, got, err, want)
		}
	}
}

// A mistake names the file, the line and what to write.
func TestCaddyfileErrors(t *testing.T) {
	for body, want := range map[string]string{
		"gateway {\n nonsense\n}":                    "Caddyfile:3",
		"gateway {\n store redis http://x\n}":        "redis://",
		"gateway {\n store disk\n}":                  "store memory",
		"gateway {\n database mysql x\n}":            "database sqlite",
		"gateway {\n data_dir\n}":                    "Caddyfile:3",
		"gateway {\n data_dir a b\n}":                "Caddyfile:3",
		"gateway {\n store memory\n store memory\n}": "twice",
		"gateway {\n identity {\n x\n }\n}":          "no such module",
		"gateway extra {\n}":                         "Caddyfile:2",
	} {
		_, err := adapt(t, body)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

func load(t *testing.T, app map[string]any) (*ground.Ground, error) {
	t.Helper()
	raw := caddyconfig.JSON(map[string]any{
		"admin": map[string]any{"disabled": true, "config": map[string]any{"persist": false}},
		"apps":  map[string]any{"gateway": app},
	}, nil)
	if err := caddy.Load(raw, true); err != nil {
		return nil, err
	}
	a, err := caddy.ActiveContext().App("gateway")
	if err != nil {
		t.Fatal(err)
	}
	return a.(*App).Ground(), nil
}

func TestReload(t *testing.T) {
	t.Cleanup(func() { _ = caddy.Stop() })
	dir := t.TempDir()
	a, err := load(t, map[string]any{"data_dir": dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Store.Set(t.Context(), "counter", []byte("7"), time.Hour); err != nil {
		t.Fatal(err)
	}

	// A reload with another key folder takes over all the rest, counters included.
	b, err := load(t, map[string]any{"data_dir": dir, "keys": filepath.Join(dir, "other")})
	if err != nil {
		t.Fatal(err)
	}
	if v, ok, _ := b.Store.Get(t.Context(), "counter"); !ok || string(v) != "7" {
		t.Fatal("the counters are gone")
	}
	if a.Keys == b.Keys || a.DB != b.DB {
		t.Fatal("what changed stayed, or what stayed changed")
	}

	// A reload that fails leaves the running ground whole.
	for _, bad := range []map[string]any{
		{"data_dir": dir, "store": "redis://127.0.0.1:1"},
		{"data_dir": dir, "database": "postgres://nobody@127.0.0.1:1/none?connect_timeout=1"},
		{"data_dir": filepath.Join(blocked(t), "x")},
		{"data_dir": dir, "store": "{env.GW_TEST_IS_NOT_SET}"},
	} {
		if _, err := load(t, bad); err == nil {
			t.Fatalf("%v was loaded", bad)
		}
		if err := b.DB.Ping(t.Context()); err != nil {
			t.Fatalf("%v closed the running database: %v", bad, err)
		}
		if _, ok, _ := b.Store.Get(t.Context(), "counter"); !ok {
			t.Fatalf("%v emptied the running store", bad)
		}
	}

	// What a request still holds is closed after it, not under it.
	release := b.Hold()
	other := t.TempDir()
	if _, err := load(t, map[string]any{"data_dir": other}); err != nil {
		t.Fatal(err)
	}
	if err := b.DB.Ping(t.Context()); err != nil {
		t.Fatalf("closed under its holder: %v", err)
	}
	release()
	if err := b.DB.Ping(t.Context()); err == nil {
		t.Fatal("still open after its last holder")
	}
}

// blocked is a path that can't be a folder, also for root.
func blocked(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
