package gateway

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/test/stop"
)

func configuration(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := &cobra.Command{Use: "config", SilenceUsage: true, SilenceErrors: true}
	configCommand(cmd)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	err := cmd.Execute()
	return out.String(), err
}

// Each configuration that comes in force is kept, and one that is loaded again is no other.
func TestConfigurationsAreKept(t *testing.T) {
	stop.After(t)
	data := t.TempDir()
	put := func(node, secret string) {
		t.Helper()
		raw := caddyconfig.JSON(map[string]any{
			"admin": map[string]any{"listen": "unix/" + filepath.Join(data, "admin.sock"), "config": map[string]any{"persist": false}},
			"apps": map[string]any{"gateway": map[string]any{"data_dir": data, "node": node, "events": map[string]any{"outputs": map[string]any{
				"hook": map[string]any{"kind": "webhook", "to": "http://127.0.0.1:1/x", "secret": secret},
			}}}},
		}, nil)
		if err := caddy.Load(raw, true); err != nil {
			t.Fatal(err)
		}
	}
	count := func() int { return len(toldOf(t, data, "configuration-kept")) }
	put("one", "hunter2-hunter2-hunter2")
	eventually(t, func() bool { return count() == 1 })
	put("one", "hunter2-hunter2-hunter2")
	put("two", "hunter2-hunter2-hunter2")
	eventually(t, func() bool { return count() == 2 })
	put("two", "hunter3-hunter3-hunter3")
	eventually(t, func() bool { return count() == 3 })

	out, err := configuration(t, "list", "--data", data)
	if err != nil || strings.Count(out, "\n") != 4 {
		t.Error(out, err)
	}
	out, err = configuration(t, "show", "1", "--data", data)
	if err != nil || strings.Contains(out, "hunter2") || !strings.Contains(out, `"node": "one"`) {
		t.Error(out, err)
	}
	out, err = configuration(t, "diff", "1", "2", "--data", data)
	if err != nil || out != "- apps.gateway.node = one\n+ apps.gateway.node = two\n" {
		t.Error(out, err)
	}
	if out, err = configuration(t, "diff", "2", "--data", data); err != nil || !strings.Contains(out, "differ in secrets") {
		t.Error(out, err)
	}
	if out, err = configuration(t, "diff", "1", "3", "--data", data); err != nil || !strings.Contains(out, "+ apps.gateway.node = two\n") || !strings.Contains(out, "secrets, which are not shown, differ") || strings.Contains(out, "hunter") {
		t.Error(out, err)
	}
	file := filepath.Join(t.TempDir(), "was.json")
	if out, err = configuration(t, "restore", "1", file, "--data", data); err != nil || !strings.Contains(out, "convosphere reload") {
		t.Error(out, err)
	}
	info, err := os.Stat(file)
	raw, err2 := os.ReadFile(file)
	if err != nil || err2 != nil || info.Mode().Perm() != 0o600 || !bytes.Contains(raw, []byte("hunter2")) {
		t.Error(info, err, err2)
	}
	for _, args := range [][]string{{"restore", "1", file}, {"show", "9"}, {"show", "x"}, {"diff", "0"}} {
		if out, err := configuration(t, append(args, "--data", data)...); err == nil {
			t.Errorf("%v: %s", args, out)
		}
	}
}
