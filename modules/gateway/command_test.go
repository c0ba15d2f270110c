package gateway

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/keyring"
)

func keys(args ...string) (string, error) {
	cmd := &cobra.Command{Use: "keys", SilenceUsage: true, SilenceErrors: true}
	keysCommand(cmd)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(args)
	err := cmd.Execute()
	return out.String(), err
}

func list(t *testing.T, args ...string) (all []keyring.Key) {
	t.Helper()
	out, err := keys(append([]string{"list", "--json"}, args...)...)
	if err == nil {
		err = json.Unmarshal([]byte(out), &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestKeysCommand(t *testing.T) {
	data := t.TempDir()
	dir := filepath.Join(data, "keys")
	if _, err := keyring.Open(dir); err != nil {
		t.Fatal(err)
	}
	first := list(t, "--data", data)
	if len(first) != 1 || first[0].State != keyring.Signing || first[0].From.IsZero() {
		t.Fatalf("%+v", first)
	}
	out, err := keys("rotate", "--keys", dir)
	if err != nil || !strings.Contains(out, "next") || strings.Contains(out, `"d"`) {
		t.Fatal(out, err)
	}
	if _, err := keys("rotate", "--data", data); err == nil || !strings.Contains(err.Error(), "--withdraw") {
		t.Fatal("twice:", err)
	}
	config := filepath.Join(data, "gateway.json")
	if err := os.WriteFile(config, []byte(`{"apps":{"gateway":{"data_dir":"`+data+`","identity":{"label":"x"}}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if all := list(t, "--config", config); len(all) != 2 || all[0].ID != first[0].ID || all[1].State != keyring.Next {
		t.Fatalf("%+v", all)
	}
	if _, err := keys("rotate", "--withdraw", "--data", data); err != nil {
		t.Fatal(err)
	}
	if all := list(t, "--data", data); len(all) != 1 || all[0].ID == first[0].ID || all[0].State != keyring.Signing {
		t.Fatalf("%+v", all)
	}
	if table, err := keys("list", "--data", data); err != nil || !strings.Contains(table, "VERIFIES UNTIL") {
		t.Fatal(table, err)
	}
}

func TestKeysCommandRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "no", "gateway")
	none := filepath.Join(t.TempDir(), "none.json")
	if err := os.WriteFile(none, []byte(`{"apps":{}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"there is no key ring":       {"list", "--data", empty},
		"configures no gateway":      {"rotate", "--config", none},
		"none of the others can be":  {"list", "--data", empty, "--keys", empty},
		"unknown command":            {"remove"},
		"GW_TEST_NOT_SET":            {"list", "--data", "{env.GW_TEST_NOT_SET}"},
		"reading the configuration:": {"list", "--config", filepath.Join(empty, "Caddyfile")},
	} {
		if _, err := keys(args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("keys %v: %v, want %q", args, err, want)
		}
	}
	if _, err := os.Stat(empty); err == nil {
		t.Error("a mistyped folder became a key ring")
	}
}
