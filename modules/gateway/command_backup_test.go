package gateway

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/directory"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Both(m).Run()) }

const passphrase = "lantern-otter-quarry"

// command runs `backup` or `restore` with that standard input.
func command(name, stdin string, args ...string) (string, error) {
	cmd := &cobra.Command{Use: name, SilenceUsage: true, SilenceErrors: true}
	map[string]func(*cobra.Command){"backup": backupCommand, "restore": restoreCommand}[name](cmd)
	var out bytes.Buffer
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	err := cmd.Execute()
	return out.String(), err
}

// people makes a gateway's data folder with one account.
func people(t *testing.T, name string) (data string) {
	t.Helper()
	data = t.TempDir()
	c := directory.At(data)
	c.Argon2 = account.Params{Memory: 64, Time: 1, Threads: 1}
	d, err := directory.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Add(t.Context(), name, "user", "otter-lamp-quarry-58", false); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return data
}

func names(t *testing.T, data string) (all []string) {
	t.Helper()
	d, err := directory.Open(t.Context(), directory.At(data))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	accounts, err := d.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		all = append(all, a.Name)
	}
	return all
}

// newKey makes a key file: passphrases are slow on purpose.
func newKey(t *testing.T) string {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	if out, err := command("backup", "", "--new-key", key); err != nil {
		t.Fatal(out, err)
	}
	return key
}

func TestBackupAndRestoreCommands(t *testing.T) {
	data := people(t, "ursula")
	file := filepath.Join(t.TempDir(), "b.backup")
	out, err := command("backup", passphrase+"\n", file, "--data", data)
	if err != nil || !strings.Contains(out, "1 accounts") || !strings.Contains(out, "with the key ring") || strings.Contains(out, passphrase) {
		t.Fatal(out, err)
	}
	if out, err = command("restore", passphrase+"\r\n", file, "--verify"); err != nil || !strings.Contains(out, "1 accounts") {
		t.Fatal(out, err)
	}
	key := newKey(t)
	file = filepath.Join(t.TempDir(), "b.backup")
	if out, err = command("backup", "", file, "--data", data, "--key-file", key); err != nil {
		t.Fatal(out, err)
	}
	// By a configuration with an address that only the gateway knows, into a folder that is not there yet.
	to := filepath.Join(t.TempDir(), "new")
	config := filepath.Join(t.TempDir(), "gateway.json")
	if err := os.WriteFile(config, []byte(`{"apps":{"gateway":{"data_dir":"`+to+`","store":"{env.NOBODY_HAS_SET_THIS}"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err = command("restore", "", file, "--key-file", key, "--config", config); err != nil {
		t.Fatal(out, err)
	}
	if got := names(t, to); len(got) != 1 || got[0] != "ursula" {
		t.Fatal(got)
	}
	if left, _ := filepath.Glob(filepath.Join(to, ".*")); len(left) != 0 {
		t.Error("left", left)
	}
	other := people(t, "petra")
	if out, err = command("restore", "", file, "--key-file", key, "--data", other); err == nil || !strings.Contains(err.Error(), "--replace") {
		t.Fatal(out, err)
	}
	out, err = command("restore", "", file, "--key-file", key, "--data", other, "--replace")
	if err != nil || !strings.Contains(out, "the old database: ") || !strings.Contains(out, "the old keys: ") {
		t.Fatal(out, err)
	}
	if got := names(t, other); len(got) != 1 || got[0] != "ursula" {
		t.Fatal(got)
	}
}

func TestBackupByKeyFile(t *testing.T) {
	data, dir := people(t, "ursula"), t.TempDir()
	key, file := filepath.Join(dir, "key"), filepath.Join(dir, "b.backup")
	for _, args := range [][]string{{"backup", "--new-key", key}, {"backup", file, "--key-file", key, "--database", filepath.Join(data, "gateway.db"), "--keys", filepath.Join(data, "keys")}, {"restore", file, "--key-file", key, "--verify"}} {
		if out, err := command(args[0], "", args[1:]...); err != nil {
			t.Fatal(args, out, err)
		}
	}
}

func TestBackupRefuses(t *testing.T) {
	data, dir := people(t, "ursula"), t.TempDir()
	file := filepath.Join(dir, "b.backup")
	key := newKey(t)
	if _, err := command("backup", "", file, "--data", data, "--key-file", key); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		stdin, want string
		args        []string
	}{
		"no passphrase":    {"", "no passphrase", []string{"backup", file + "2", "--data", data}},
		"a short one":      {"short\n", "too short", []string{"backup", file + "2", "--data", data}},
		"an existing file": {passphrase, "--overwrite", []string{"backup", file, "--data", data}},
		"no database":      {passphrase, "there is no database", []string{"backup", file + "2", "--data", dir}},
		"no file":          {passphrase, "convosphere backup FILE", []string{"backup"}},
		"both":             {passphrase, "convosphere backup FILE", []string{"backup", file, "--new-key", file + "2"}},
		"another key":      {"", "wrong passphrase or key", []string{"restore", file, "--verify", "--key-file", newKey(t)}},
		"a passphrase":     {passphrase, "--key-file", []string{"restore", file, "--verify"}},
		"no backup":        {passphrase, "no backup", []string{"restore", filepath.Join(data, "gateway.db"), "--verify"}},
		"nothing there":    {passphrase, "no such file", []string{"restore", file + "2"}},
		"no key file":      {"", "no such file", []string{"restore", file, "--key-file", file + "2"}},
	} {
		if out, err := command(c.args[0], c.stdin, c.args[1:]...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Error("left", left)
	}
}

// The commands speak to PostgreSQL as they do to SQLite.
func TestBackupInto(t *testing.T) {
	data, key := people(t, "ursula"), newKey(t)
	file := filepath.Join(t.TempDir(), "b.backup")
	if _, err := command("backup", "", file, "--data", data, "--key-file", key); err != nil {
		t.Fatal(err)
	}
	target := dbtest.New(t)
	to := []string{"--key-file", key, "--data", t.TempDir(), "--database", target.SQLite + target.Postgres}
	if out, err := command("restore", "", append(to, file)...); err != nil {
		t.Fatal(out, err)
	}
	if out, err := command("backup", "", append(to, file, "--overwrite")...); err != nil || !strings.Contains(out, "1 accounts") {
		t.Fatal(out, err)
	}
}

// Root restores for a gateway that runs as another user: what it makes is the folder's owner's. Without root, all is one's own.
func TestRestoredFilesAreTheFoldersOwners(t *testing.T) {
	file, key := filepath.Join(t.TempDir(), "b.backup"), newKey(t)
	if _, err := command("backup", "", file, "--key-file", key, "--data", people(t, "ursula")); err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	want := uint32(os.Geteuid())
	if want == 0 {
		want = 4711
		if err := os.Chown(to, 4711, 4711); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := command("restore", "", file, "--key-file", key, "--data", filepath.Join(to, "data")); err != nil {
		t.Fatal(out, err)
	}
	err := filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Sys().(*syscall.Stat_t).Uid != want {
			t.Errorf("%s is %d's, want %d's", path, info.Sys().(*syscall.Stat_t).Uid, want)
		}
		if err == nil && info.Mode().Perm()&0o077 != 0 && path != to {
			t.Errorf("%s can be read by others", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
