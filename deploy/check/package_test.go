package check

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The package as dpkg puts it into a root of its own: what lies where, whose it is, what an upgrade asks about; and gone again.
func TestDebianPackage(t *testing.T) {
	deb := filepath.Join(t.TempDir(), "convosphere.deb")
	stand, built := standIn(t), filepath.Join(binaries(t), "convosphere")
	run(t, nil, "deploy/debian/build", stand, "1.2.3", "amd64", deb, built)
	again := filepath.Join(t.TempDir(), "again.deb")
	run(t, nil, "deploy/debian/build", stand, "1.2.3", "amd64", again, built)
	if digest(t, deb) != digest(t, again) {
		t.Error("two builds differ")
	}

	scratch := scratchRoot(t)
	dpkg := func(args ...string) string {
		return run(t, []string{"DPKG_ROOT=" + scratch}, "dpkg", append([]string{"--root=" + scratch, "--force-script-chrootless", "--force-depends", "--log=/dev/null"}, args...)...)
	}
	dpkg("--install", deb)
	for path, mode := range map[string]fs.FileMode{
		"usr/bin/convosphere":                               0o755,
		"etc/convosphere":                                   fs.ModeDir | 0o750,
		"etc/convosphere/Caddyfile":                         0o644,
		"etc/convosphere/environment":                       0o640,
		"usr/lib/systemd/system/convosphere.service":        0o644,
		"usr/lib/sysusers.d/convosphere.conf":               0o644,
		"usr/lib/tmpfiles.d/convosphere.conf":               0o644,
		"usr/share/bash-completion/completions/convosphere": 0o644,
		"usr/share/man/man8/convosphere-run.8.gz":           0o644,
		"var/lib/convosphere":                               fs.ModeDir | 0o700,
	} {
		info, err := os.Stat(filepath.Join(scratch, path))
		if err != nil {
			t.Error(err)
		} else if got := info.Mode() & (fs.ModeType | fs.ModePerm); got != mode {
			t.Errorf("%s has mode %v, not %v", path, got, mode)
		}
	}
	if passwd, err := os.ReadFile(filepath.Join(scratch, "etc/passwd")); err != nil || !strings.Contains(string(passwd), "convosphere:x:") || !strings.Contains(string(passwd), "/usr/sbin/nologin") {
		t.Errorf("no user: %v\n%s", err, passwd)
	}
	status, err := os.ReadFile(filepath.Join(scratch, "var/lib/dpkg/status"))
	if err != nil {
		t.Fatal(err)
	}
	for _, conf := range []string{"/etc/convosphere/Caddyfile", "/etc/convosphere/environment"} {
		if !strings.Contains(string(status), "\n "+conf+" ") {
			t.Errorf("an upgrade would overwrite %s", conf)
		}
	}
	if out := dpkg("--verify", "convosphere"); strings.Contains(out, "5") {
		t.Errorf("files differ from their sums:\n%s", out)
	}

	// What an operator wrote outlives an upgrade, and what the gateway kept outlives the package.
	mine := filepath.Join(scratch, "etc/convosphere/Caddyfile")
	kept := filepath.Join(scratch, "var/lib/convosphere/gateway.db")
	for _, f := range []string{mine, kept} {
		if err := os.WriteFile(f, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dpkg("--force-confdef", "--force-confold", "--install", deb)
	if b, err := os.ReadFile(mine); err != nil || string(b) != "mine" {
		t.Errorf("the upgrade changed the Caddyfile: %v %q", err, b)
	}
	dpkg("--purge", "convosphere")
	if b, err := os.ReadFile(kept); err != nil || string(b) != "mine" {
		t.Errorf("the purge took the data along: %v", err)
	}
	if _, err := os.Stat(filepath.Join(scratch, "usr/bin/convosphere")); err == nil {
		t.Error("the purge left the binary")
	}
}

// scratchRoot is the least that dpkg installs into.
func scratchRoot(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"var/lib/dpkg/updates", "var/lib/dpkg/info", "var/lib/dpkg/triggers", "etc", "run", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"var/lib/dpkg/status", "var/lib/dpkg/available"} {
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The Caddyfile of the package and that of the image are formatted and load as far as that goes without their folders.
func TestCaddyfilesAdapt(t *testing.T) {
	convosphere := filepath.Join(binaries(t), "convosphere")
	files := map[string][]string{
		"deploy/debian/Caddyfile":    {""},
		"deploy/container/Caddyfile": {"GW_PROFILE=embedded", "GW_PROFILE=fleet", "GW_TLS=files", "GW_APP=plain", "GW_APP=plain GW_PROFILE=fleet GW_HEALTH_URI=/up", "GW_BINDING=each GW_BIND=10.89.1.11 GW_BIND_INTERNAL=10.89.2.11"},
	}
	for file, variants := range files {
		if out, err := command(nil, convosphere, "fmt", "--diff", file); err != nil || slices.ContainsFunc(strings.Split(out, "\n"), func(l string) bool { return strings.HasPrefix(l, "+") || strings.HasPrefix(l, "-") }) {
			t.Errorf("%s: run convosphere fmt --overwrite on it (%v)", file, err)
		}
		for _, v := range variants {
			if out, err := command(append(strings.Fields(v), "GW_FILES="+absolute(t, "caddyfiles")), convosphere, "adapt", "--config", file); err != nil {
				t.Errorf("%s with %s: %v\n%s", file, v, err, out)
			}
		}
	}
}

// Each setting that the package's environment offers, some Caddyfile reads: the package's own those at the top, the examples those below the blank line.
func TestEnvironmentIsRead(t *testing.T) {
	own, examples, found := strings.Cut(read(t, "deploy", "debian", "environment"), "\n\n")
	if !found {
		t.Fatal("the file has one part")
	}
	for _, part := range []struct {
		text  string
		files [][]string
	}{
		{own, [][]string{{"deploy", "debian", "Caddyfile"}}},
		{examples, [][]string{{"caddyfiles", "production.Caddyfile"}, {"caddyfiles", "cluster.Caddyfile"}}},
	} {
		names := regexp.MustCompile(`(?m)^#?(GW_\w+)=`).FindAllStringSubmatch(part.text, -1)
		if len(names) == 0 {
			t.Errorf("nothing is offered in %q", part.text)
		}
		for _, name := range names {
			for _, file := range part.files {
				if text := read(t, file...); !strings.Contains(text, "{$"+name[1]+":") && !strings.Contains(text, "{env."+name[1]+"}") {
					t.Errorf("%s is offered, and %s does not read it", name[1], file)
				}
			}
		}
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
