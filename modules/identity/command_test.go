package identity

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// try runs `user` with the arguments and standard input.
func try(stdin string, args ...string) (stdout string, err error) {
	cmd := &cobra.Command{Use: "user", SilenceUsage: true, SilenceErrors: true}
	userCommand(cmd)
	var out bytes.Buffer
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard) // notes for people; what scripts read is on stdout
	cmd.SetArgs(args)
	err = cmd.Execute()
	return out.String(), err
}

func run(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, err := try(stdin, args...)
	if err != nil {
		t.Fatalf("user %v: %v", args, err)
	}
	return out
}

func TestUserCommand(t *testing.T) {
	dir := t.TempDir()
	if out := run(t, password+"\n", "add", "Ursula", "--data", dir); out != "" {
		t.Fatalf("%q", out)
	}
	out := run(t, "", "add", "ada", "--role", "admin", "--generate", "--totp", "--data", dir)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "password: ") || len(lines[0]) != len("password: ")+30 {
		t.Fatalf("%q", out)
	}
	u, err := url.Parse(strings.TrimPrefix(lines[1], "totp: "))
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/ConvoSphere:ada" || len(u.Query().Get("secret")) != 32 {
		t.Fatalf("%q %v", lines[1], err)
	}
	run(t, "", "role", "ursula", "moderator", "--data", dir)
	run(t, "", "disable", "ada", "--data", dir)
	var all []listed
	if err := json.Unmarshal([]byte(run(t, "", "list", "--json", "--data", dir)), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[0].Username != "ada" || !all[0].Disabled || !all[0].SecondFactor || all[1].Roles[0] != "moderator" || all[1].Disabled {
		t.Fatalf("%+v", all)
	}
	run(t, "", "enable", "ada", "--data", dir)
	run(t, "", "totp", "ada", "--remove", "--data", dir)
	if out := run(t, "", "totp", "ursula", "--data", dir); !strings.HasPrefix(out, "totp: otpauth://totp/") {
		t.Fatalf("%q", out)
	}
	run(t, "violet-anchor-tulip-93\r\n", "passwd", "ursula", "--data", dir)
	if out := run(t, "", "passwd", "ada", "--generate", "--data", dir); !strings.HasPrefix(out, "password: ") {
		t.Fatalf("%q", out)
	}
	table := run(t, "", "list", "--data", dir)
	if !strings.Contains(table, "ursula") || !strings.Contains(table, "moderator") || strings.Contains(table, "argon2") {
		t.Fatal(table)
	}
}

func TestUserCommandRefuses(t *testing.T) {
	dir, empty := t.TempDir(), filepath.Join(t.TempDir(), "no", "gateway")
	run(t, password, "add", "ursula", "--data", dir)
	for _, c := range []struct {
		stdin string
		args  []string
		want  string
	}{
		{password, []string{"add", "ursula", "--data", dir}, "ursula: it exists already"},
		{"", []string{"add", "petra", "--data", dir}, "no password on standard input"},
		{"short", []string{"add", "petra", "--data", dir}, "too short"},
		{"password123\n", []string{"passwd", "ursula", "--data", dir}, "leaked"},
		{password, []string{"add", "pe tra", "--data", dir}, "a user name has"},
		{password, []string{"add", "petra", "--role", "A B", "--data", dir}, "a role has"},
		{password, []string{"add", "petra", "hunter2hunter2", "--data", dir}, "1 too many"}, // a password in the arguments
		{"", []string{"role", "nobody", "user", "--data", dir}, "nobody: not found"},
		{"", []string{"disable", "--data", dir}, "NAME is missing"},
		{"", []string{"totp", "ursula", "--remove", "--data", dir}, "ursula: not found"},
		{"", []string{"list", "--data", empty}, "there is no database"},
		{"", []string{"remove", "ursula"}, "unknown command"},
		{"", []string{"list", "--data", dir, "--config", "Caddyfile"}, "none of the others can be"},
		{"", []string{"list", "--database", "{env.GW_TEST_NOT_SET}"}, "GW_TEST_NOT_SET"},
	} {
		if _, err := try(c.stdin, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("user %v: %v, want %q", c.args, err, c.want)
		}
	}
	if _, err := os.Stat(empty); err == nil {
		t.Error("a mistyped folder became a gateway")
	}
}

func TestUserCommandFindsTheGateway(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GW_TEST_DIR", dir)
	config := filepath.Join(dir, "gateway.json")
	if err := os.WriteFile(config, []byte(`{"apps":{"gateway":{"data_dir":"{env.GW_TEST_DIR}/data","database":"sqlite:{env.GW_TEST_DIR}/people.db","identity":{"label":"My Chat"}}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := run(t, password, "add", "ursula", "--totp", "--config", config); !strings.Contains(out, "My%20Chat:ursula") {
		t.Fatal(out)
	}
	for _, f := range []string{"people.db", "data/keys/root.key"} {
		if _, err := os.Stat(filepath.Join(dir, f)); err != nil {
			t.Error(err)
		}
	}
	if out := run(t, "", "list", "--database", filepath.Join(dir, "people.db"), "--keys", filepath.Join(dir, "data", "keys")); !strings.Contains(out, "ursula") {
		t.Fatal(out)
	}
	none := filepath.Join(dir, "none.json")
	if err := os.WriteFile(none, []byte(`{"apps":{}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := try("", "list", "--config", none); err == nil || !strings.Contains(err.Error(), "configures no gateway") {
		t.Fatal(err)
	}
}

func TestAnUnknownRoleIsWarnedOf(t *testing.T) {
	var out bytes.Buffer
	for _, role := range []string{"user", "premium", "moderator", "admin"} {
		warnOfRole(&out, role)
	}
	if out.Len() > 0 {
		t.Errorf("a role of the shipped policy: %s", &out)
	}
	if warnOfRole(&out, "modertor"); !strings.Contains(out.String(), `"modertor"`) {
		t.Errorf("a slip of the pen: %q", &out)
	}
}
