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

	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/test/golden"
	"github.com/convosphere/gateway/test/stop"
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
		"gateway {\n key_rotation 7d\n}":                                                                      `{"key_rotation":604800000000000}`,
		"gateway {\n geoip /g.mmdb\n}":                                                                        `{"geoip":"/g.mmdb"}`,
		"gateway {\n file_modes warn\n events {\n  encrypt\n }\n}":                                            `{"file_modes":"warn","events":{"encrypt":true}}`,
		"gateway {\n drain 30s\n}":                                                                            `{"drain":30000000000}`,
		"gateway {\n drain off\n}":                                                                            `{"drain":-1}`,
		"gateway {\n key_rotation off\n}":                                                                     `{"key_rotation":-1}`,
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
		"gateway {\n file_modes ignore\n}":           "refuse or warn",
		"gateway {\n events {\n  sign\n }\n}":        "events knows encrypt",
		"gateway {\n events {\n  encrypt yes\n }\n}": "Caddyfile:4",
		"gateway {\n data_dir a b\n}":                "Caddyfile:3",
		"gateway {\n store memory\n store memory\n}": "twice",
		"gateway {\n identity {\n x\n }\n}":          "no such module",
		"gateway {\n drain 1h\n}":                    "over 10m",
		"gateway {\n drain 0s\n}":                    "above 0, or off",
		"gateway {\n drain soon\n}":                  "as in: drain 10s",
		"gateway {\n drain\n}":                       "Caddyfile:3",
		"gateway {\n key_rotation\n}":                "Caddyfile:3",
		"gateway {\n key_rotation 1h\n}":             "at least 3h",
		"gateway {\n key_rotation -5h\n}":            "above 0",
		"gateway {\n key_rotation never\n}":          "as in: key_rotation 30d",
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
	if dir, ok := app["data_dir"].(string); ok && app["database"] == nil {
		_ = dbtest.Place(filepath.Join(dir, "gateway.db")) // where it can't, the load tells
	}
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
	stop.After(t)
	dir := t.TempDir()
	a, err := load(t, map[string]any{"data_dir": dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Store.Set(t.Context(), "counter", []byte("7"), time.Hour); err != nil {
		t.Fatal(err)
	}

	other := filepath.Join(dir, "other")
	if _, err := keyring.Open(other); err != nil {
		t.Fatal(err)
	}
	// A reload with another key folder takes over all the rest, counters included.
	b, err := load(t, map[string]any{"data_dir": dir, "keys": other})
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
	if _, err := load(t, map[string]any{"data_dir": t.TempDir()}); err != nil {
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

// A running gateway acts on a change of the key folder, and tells of it; a reload changes who rotates and when.
func TestKeysOfARunningGateway(t *testing.T) {
	stop.After(t)
	dir := t.TempDir()
	g, err := load(t, map[string]any{"data_dir": dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, map[string]any{"data_dir": dir, "key_rotation": time.Hour}); err == nil {
		t.Fatal("keys that never rest were taken")
	}
	if _, err := keys("rotate", "--data", dir); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); len(g.Keys.Keys()) != 2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not acted on")
		}
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		raw, err := os.ReadFile(filepath.Join(dir, "events", "events.jsonl"))
		if err == nil && strings.Contains(string(raw), `"signing-keys-changed"`) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no event")
		}
	}
}

func TestWhoRotates(t *testing.T) {
	for want, a := range map[time.Duration]App{
		30 * 24 * time.Hour: {Database: "sqlite:/x.db"},
		0:                   {Database: "postgres://u@h/n"},
		7 * 24 * time.Hour:  {Database: "postgres://u@h/n", KeyRotation: caddy.Duration(7 * 24 * time.Hour)},
	} {
		if got := a.rotation(); got != want {
			t.Errorf("%+v: %v, want %v", a, got, want)
		}
	}
	if off := (&App{Database: "sqlite:/x.db", KeyRotation: -1}); off.rotation() != 0 {
		t.Error("off rotates")
	}
}

// A data folder that everybody may write to stops a load, unless file_modes has it told alone.
func TestADataFolderOpenToAll(t *testing.T) {
	stop.After(t)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, map[string]any{"data_dir": dir}); err == nil || !strings.Contains(err.Error(), "everybody may write to the folder") {
		t.Error(err)
	}
	if _, err := load(t, map[string]any{"data_dir": dir, "file_modes": "warn"}); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(dir, 0o775|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, map[string]any{"data_dir": dir}); err != nil {
		t.Error("as Kubernetes makes it:", err)
	}
}
