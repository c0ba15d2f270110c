package program

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/spf13/cobra"

	_ "github.com/convosphere/gateway/modules/gateway"
)

func ran(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := Root()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

// The program says what it is itself: of Caddy's own first lines and downloads nothing is there.
func TestHelpIsTheGateways(t *testing.T) {
	help, err := ran(t, "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ConvoSphere is a gateway", "convosphere run --config", "\n  ban ", "\n  validate ", "\n  manpage "} {
		if !strings.Contains(help, want) {
			t.Errorf("it lacks %q", want)
		}
	}
	for _, no := range []string{"caddy run", "caddyserver.com/docs/command-line", "extensible server platform", "upgrade", "add-package", "remove-package"} {
		if strings.Contains(help, no) {
			t.Errorf("it has %q", no)
		}
	}
	dir := filepath.Join(t.TempDir(), "man")
	if out, err := ran(t, "manpage", "--directory", dir); err != nil {
		t.Fatal(out, err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "convosphere.8"))
	if err != nil || !strings.Contains(string(page), `"CONVOSPHERE" "8"`) || !strings.Contains(string(page), "ConvoSphere is a gateway") || strings.Contains(string(page), `"Caddy"`) {
		t.Errorf("%v\n%.600s", err, page)
	}
	for _, name := range []string{"convosphere-ban-add.8", "convosphere-validate.8"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "convosphere-upgrade.8")); err == nil {
		t.Error("there is a page of upgrade")
	}
}

// Nothing puts Caddy's download in the place of a signed release.
func TestCaddysDownloadsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"upgrade"}, {"upgrade", "--keep-backup"}, {"add-package", "github.com/example/module"}, {"remove-package", "x"}} {
		if _, err := ran(t, args...); err == nil || !strings.Contains(err.Error(), "docs/releases.md") {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestExitCodes(t *testing.T) {
	of := func(n int) error {
		return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return n, nil })(&cobra.Command{}, nil)
	}
	for want, err := range map[int]error{3: of(3), 2: fmt.Errorf("wrapped: %w", of(2)), 1: errors.New("any")} {
		if got := code(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}

// A command takes the environment of the gateway's unit from its file; what is set already stays, and what is wrong is told without what it holds.
func TestEnvironmentOfAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "environment")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"GW_TEST_A", "GW_TEST_B", "GW_TEST_C"} {
		t.Setenv(name, "")
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GW_TEST_SET", "before")
	write("# of the unit\n\nGW_TEST_A=one two\nGW_TEST_B=\"quoted = too\"\nexport GW_TEST_C='c'\nGW_TEST_SET=after\n")
	if out, err := ran(t, "version", "--envfile", file); err != nil {
		t.Fatal(out, err)
	}
	for name, want := range map[string]string{"GW_TEST_A": "one two", "GW_TEST_B": "quoted = too", "GW_TEST_C": "c", "GW_TEST_SET": "before"} {
		if got := os.Getenv(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	write("GW_TEST_A=x\nsecret\n")
	if _, err := ran(t, "version", "--envfile", file); err == nil || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	// A configuration that names what is not set says where it could come from.
	config := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(config, []byte("{\n\tgateway {\n\t\tdata_dir "+t.TempDir()+"\n\t\tdatabase postgres {env.GW_TEST_NONE}\n\t}\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ran(t, "backup", filepath.Join(t.TempDir(), "b"), "--config", config); err == nil || !strings.Contains(err.Error(), "GW_TEST_NONE") || !strings.Contains(err.Error(), "--envfile") {
		t.Error(err)
	}
}
