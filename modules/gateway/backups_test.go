package gateway

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/gateway/backup"
	"github.com/convosphere/gateway/modules/internal/health"
	"github.com/convosphere/gateway/test/stop"
)

func TestBackupCaddyfile(t *testing.T) {
	for body, want := range map[string]string{
		"folder /b\n key_file /k": `{"backup":{"folder":"/b","key_file":"/k"}}`,
		"folder /b\n every 12h\n keep last 3 daily 5 weekly 6\n passphrase_file {env.P}\n without_keys": `{"backup":{"folder":"/b","every":43200000000000,"keep":{"last":3,"daily":5,"weekly":6},"passphrase_file":"{env.P}","without_keys":true}}`,
	} {
		got, err := adapt(t, "gateway {\n backup {\n"+body+"\n}\n}")
		if err != nil || got != want {
			t.Errorf("%s\n got %s %v\nwant %s", body, got, err, want)
		}
	}
}

func TestBackupCaddyfileErrors(t *testing.T) {
	for body, want := range map[string]string{
		"key_file /k": "name the folder",
		"folder /b":   "backup --new-key",
		"folder /b\n key_file /k\n passphrase_file /p":  "name a key_file",
		"folder /b\n key_file /b/k":                     "whoever has one would have both",
		"folder /b\n key_file /k\n every 1m":            "from 1h",
		"folder /b\n key_file /k\n every never":         "no duration",
		"folder /b\n key_file /k\n keep 7":              "keep last 7",
		"folder /b\n key_file /k\n keep last 0":         "keep last 7",
		"folder /b\n key_file /k\n keep last 1 last 2":  "at most once",
		"folder /b\n key_file /k\n keep daily 7":        "last is at least 1",
		"folder /b\n key_file /k\n keep last 2000":      "none is more than",
		"folder /b\n key_file /k\n nonsense":            "Caddyfile:6",
		"folder /b\n folder /b":                         "twice",
		"folder /b\n key_file /k\n without_keys at all": "Caddyfile:6",
	} {
		_, err := adapt(t, "gateway {\n backup {\n"+body+"\n}\n}")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

// A key that is missing, or that others can read, is told at the load rather than in the night when it is needed.
func TestBackupsNeedTheirKeyAtTheLoad(t *testing.T) {
	stop.After(t)
	dir := t.TempDir()
	open := newKey(t)
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{filepath.Join(dir, "none"): "no such file", open: "can be read by others"} {
		_, err := load(t, map[string]any{"data_dir": dir, "backup": map[string]any{"folder": t.TempDir(), "key_file": key}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// What runs backs itself up, says so in its events and in the console, and does it again when it is told to.
func TestAGatewayBacksItselfUp(t *testing.T) {
	dir, folder, key := t.TempDir(), filepath.Join(t.TempDir(), "backups"), newKey(t)
	g, v := views(t, map[string]any{"data_dir": dir, "node": "one", "backup": map[string]any{"folder": folder, "key_file": key}})
	eventually(t, func() bool { return len(toldOf(t, dir, "backup-made")) == 1 })
	e := toldOf(t, dir, "backup-made")[0]
	if e["event.outcome"] != "success" || e["gateway.backup.rows"].(float64) < 0 || e["gateway.backup.size"].(float64) == 0 {
		t.Error(e)
	}
	if got := v.Cell("backups", "state=good", "", "node"); got != "one" {
		t.Error(got)
	}
	v.Must("backups", "now", "", nil)
	eventually(t, func() bool { return len(toldOf(t, dir, "backup-made")) == 2 })
	all, err := backup.List(folder)
	if err != nil || len(all) == 0 || all[0].Node != "one" {
		t.Fatal(all, err)
	}
	if made, err := backup.All(t.Context(), g.DB); err != nil || len(made) != 2 {
		t.Error(made, err)
	}
	config := filepath.Join(dir, "gateway.json")
	if err := os.WriteFile(config, []byte(`{"admin":{"listen":"127.0.0.1:1"},"apps":{"gateway":{"data_dir":"`+dir+`","backup":{"folder":"`+folder+`","key_file":"`+key+`"}}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none")) // a drill is held in the data folder: that for temporary files may be small, and in memory
	out, err := command("backup", "", "drill", "--config", config)
	if err != nil || !strings.Contains(out, "is good") || !strings.Contains(out, "no gateway runs here") {
		t.Error(out, err)
	}
	if out, err = command("backup", "", "list", folder); err != nil || !strings.Contains(out, all[0].Path) {
		t.Error(out, err)
	}
	if out, err = command("backup", "", "list", filepath.Join(folder, "none")); err == nil || !strings.Contains(err.Error(), "none: no such file") || out != "" {
		t.Error(out, err)
	}
	if out, err = command("backup", "", "list", "--config", config, "--json"); err != nil || !json.Valid([]byte(out)) {
		t.Error(out, err)
	}
	raw, err := os.ReadFile(all[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-40] ^= 1
	if err := os.WriteFile(all[0].Path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err = command("backup", "", "drill", "latest", "--config", config); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Error(out, err)
	}
	if out, err = command("backup", "", "drill", "--key-file", key); err == nil || !strings.Contains(err.Error(), "--config") {
		t.Error(out, err)
	}
}

// A backup that fails is an event of its own, whose reason names no path.
func TestABackupThatFailsIsAnEvent(t *testing.T) {
	dir, key := t.TempDir(), newKey(t)
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	g, v := views(t, map[string]any{"data_dir": dir, "backup": map[string]any{"folder": filepath.Join(blocked, "b"), "key_file": key}})
	eventually(t, func() bool { return len(toldOf(t, dir, "backup-made")) == 1 })
	e := toldOf(t, dir, "backup-made")[0]
	if reason, _ := e["event.reason"].(string); e["event.outcome"] != "failure" || reason == "" || strings.Contains(reason, "/") {
		t.Error(e)
	}
	if got := v.Tile("backups", "state"); got != "failing" {
		t.Error(got)
	}
	turns(t, g, "backups", health.Degraded, "the last backup failed")
}

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come")
		}
	}
}

// toldOf are the events of that action in a data folder.
func toldOf(t *testing.T, data, action string) (all []map[string]any) {
	t.Helper()
	f, err := os.Open(filepath.Join(data, "events", "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		var e map[string]any
		if err := json.Unmarshal(in.Bytes(), &e); err == nil && e["event.action"] == action {
			all = append(all, e)
		}
	}
	return all
}
