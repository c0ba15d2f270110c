package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/gateway/doctor"
)

// examined runs `doctor` and returns what it found.
func examined(t *testing.T, args ...string) map[string]doctor.Finding {
	t.Helper()
	cmd := &cobra.Command{Use: "doctor", SilenceUsage: true, SilenceErrors: true}
	doctorCommand(cmd)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(append(args, "--json"))
	err := cmd.Execute() // the exit code: an error for 1, Caddy's own for 2
	var r doctor.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if (err == nil) != (r.ExitCode() == 0) || errors.Is(err, errUnwell) != (r.ExitCode() == 1) {
		t.Errorf("the command ends with %v, and its report is of %d", err, r.ExitCode())
	}
	if strings.Contains(out.String(), "hunter2") {
		t.Error("it prints a password:", out.String())
	}
	all := map[string]doctor.Finding{}
	for _, f := range r.Findings {
		if old, there := all[f.Check]; !there || old.State == doctor.OK {
			all[f.Check] = f
		}
	}
	return all
}

func configured(t *testing.T, app string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "gateway.json")
	if err := os.WriteFile(path, []byte(`{"admin":{"listen":"127.0.0.1:1"},"apps":{"gateway":`+app+`}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDoctor(t *testing.T) {
	data, key := people(t, "ursula"), newKey(t)
	folder := t.TempDir()
	if out, err := command("backup", "", filepath.Join(folder, "convosphere-"+time.Now().UTC().Format("20060102T150405Z")+"-one.backup"), "--data", data, "--key-file", key); err != nil {
		t.Fatal(out, err)
	}
	app := `{"data_dir":"` + data + `","backup":{"folder":"` + folder + `","key_file":"` + key + `"}}`
	found := examined(t, "--config", configured(t, app))
	for _, check := range []string{"version", "data-folder", "file-modes", "file-owners", "database", "database-tables", "database-whole", "backup", "running"} {
		if f, there := found[check]; !there || f.State != doctor.OK {
			t.Errorf("%s: %+v", check, f)
		}
	}

	// Each is broken once.
	old := filepath.Join(t.TempDir(), "convosphere-20200101T000000Z-one.backup")
	if err := os.WriteFile(old, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for app, want := range map[string]struct {
		check string
		state doctor.State
	}{
		`{"data_dir":"` + data + `","backup":{"folder":"` + filepath.Dir(old) + `","key_file":"` + key + `"}}`: {"backup", doctor.Fail},
		`{"data_dir":"` + data + `","backup":{"folder":"` + folder + `","key_file":"` + key + `x"}}`:           {"backup-key", doctor.Fail},
		`{"data_dir":"` + data + `","backup":{"folder":"/nowhere/at/all","key_file":"` + key + `"}}`:           {"backup-disk", doctor.Warn},
		`{"data_dir":"` + t.TempDir() + `"}`:                                                   {"database", doctor.Warn},
		`{"data_dir":"` + data + `","store":"redis://u:hunter2@127.0.0.1:1"}`:                  {"redis", doctor.Fail},
		`{"data_dir":"` + data + `","database":"postgres://u:hunter2@127.0.0.1:1/n"}`:          {"database", doctor.Fail},
		`{"data_dir":"` + data + `","store":"redis://u:hunter2@192.0.2.1:1"}`:                  {"link-redis", doctor.Fail},
		`{"data_dir":"` + data + `","store":"redis://h","store_tls":{"ca":"/nowhere/ca.pem"}}`: {"certificate-ca", doctor.Fail},
		`{"data_dir":"{env.NOBODY_HAS_SET_THIS}"}`:                                             {"config", doctor.Fail},
		`{"data_dir":7}`: {"config", doctor.Fail},
	} {
		if f := examined(t, "--config", configured(t, app))[want.check]; f.State != want.state || f.Do == "" {
			t.Errorf("%s: %+v, want %+v", app, f, want)
		}
	}
	if f := examined(t, "--config", filepath.Join(data, "none.json"))["config"]; f.State != doctor.Fail {
		t.Errorf("%+v", f)
	}
}

// The key ring is read and not made, and a gateway that was named has to answer.
func TestDoctorLooksAtKeysAndAddress(t *testing.T) {
	data := people(t, "ursula")
	config := configured(t, `{"data_dir":"`+data+`"}`)
	found := examined(t, "--config", config, "--address", "127.0.0.1:1")
	if found["keys"].State != doctor.OK || found["running"].State != doctor.Fail {
		t.Errorf("%+v %+v", found["keys"], found["running"])
	}
	root := filepath.Join(data, "keys", "root.key")
	if err := os.WriteFile(root, make([]byte, 31), 0o600); err != nil {
		t.Fatal(err)
	}
	if f := examined(t, "--config", config)["keys"]; f.State != doctor.Fail {
		t.Errorf("a short key: %+v", f)
	}
	if err := os.RemoveAll(filepath.Join(data, "keys")); err != nil {
		t.Fatal(err)
	}
	if f := examined(t, "--config", config)["keys"]; f.State != doctor.Fail || !strings.Contains(f.Do, "convosphere restore") {
		t.Errorf("no keys: %+v", f)
	}
	if _, err := os.Stat(filepath.Join(data, "keys")); err == nil {
		t.Error("looking made a key folder")
	}
}

// Without a configuration it looks at the data folder that is named.
func TestDoctorLooksAtADataFolder(t *testing.T) {
	data := people(t, "ursula")
	found := examined(t, "--data", data)
	for _, check := range []string{"data-folder", "file-modes", "database-whole", "keys"} {
		if f := found[check]; f.State != doctor.OK {
			t.Errorf("%s: %+v", check, f)
		}
	}
	if f := found["data-folder"]; !strings.Contains(f.Text, data) {
		t.Errorf("it looked at another folder: %+v", f)
	}
	cmd := &cobra.Command{Use: "doctor", SilenceUsage: true, SilenceErrors: true}
	doctorCommand(cmd)
	cmd.SetArgs([]string{"--data", data, "--config", "x"})
	if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), "data") {
		t.Errorf("two folders at once: %v", err)
	}
}
