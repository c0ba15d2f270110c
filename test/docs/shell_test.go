package docs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// demo is the gateway that the examples of the guides are about: one for all of them, as readers have one.
var demo *kit.Node

func TestMain(m *testing.M) {
	kit.Main(m, func(t kit.T) { demo = kit.Demo(t, kit.DemoOptions{}) })
}

// desk is where a page's examples are typed, one after the other: what one leaves behind (files, variables) the next one finds.
type desk struct {
	dir, state string
	names      *strings.Replacer // what stands in the guides for what is here
	env        []string
}

// newDesk lays out what the guides assume: the configuration in /etc/convosphere, what is kept in /var/lib/convosphere, the programs on the PATH.
func newDesk(t *testing.T) *desk {
	t.Helper()
	dir := t.TempDir()
	etc, backups, bin := filepath.Join(dir, "etc"), filepath.Join(dir, "backups"), filepath.Join(dir, "bin")
	for _, d := range []string{backups, bin, filepath.Join(dir, "work")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(etc, os.DirFS(filepath.Join(demo.Data, "caddyfiles"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(etc, "demo.Caddyfile"), filepath.Join(etc, "Caddyfile")); err != nil {
		t.Fatal(err)
	}
	for name, program := range map[string]string{"convosphere": kit.Binaries(t).Gateway, "chat": kit.Binaries(t).Chat} {
		if err := os.Symlink(program, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	ursula, mona := demo.Users["ursula"], demo.Users["mona"]
	kit.Secret(ursula.Password, mona.Password)
	roots := filepath.Join(demo.Data, "root.crt")
	_, port, _ := strings.Cut(demo.Addr, ":")
	return &desk{
		dir: filepath.Join(dir, "work"), state: filepath.Join(dir, "state"),
		names: strings.NewReplacer("/etc/convosphere", etc, "/var/lib/convosphere", demo.Data, "/var/backups", backups, "https://chat.example.com", demo.URL),
		env: []string{
			"PATH=" + bin + string(filepath.ListSeparator) + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C.UTF-8",
			"CURL_CA_BUNDLE=" + roots, "SSL_CERT_FILE=" + roots, "NODE_EXTRA_CA_CERTS=" + roots, "SITE=" + demo.URL,
			"NAME=ursula", "PASSWORD=" + ursula.Password, "MODERATOR=mona", "MODERATOR_PASSWORD=" + mona.Password,
			"GW_DATA=" + demo.Data, "GW_KEYS=" + filepath.Join(demo.Data, "keys"), "GW_FILES=" + etc, "GW_BIND=127.0.0.1", "GW_PORT=" + port, "GW_UPSTREAM=127.0.0.1:9",
		},
	}
}

// within bounds an example. It waits for nobody, so it never takes so long.
const within = 2 * time.Minute

// run types text, and returns what it printed.
func (d *desk) run(t *testing.T, text string) (string, error) {
	t.Helper()
	env := d.env
	if strings.Contains(text, "$CODE") {
		env = append(env[:len(env):len(env)], "CODE="+kit.Code(t, demo.Users["mona"].TOTPSecret))
	}
	script := "set -euo pipefail\nset -a\ntest ! -e " + d.state + " || . " + d.state + "\n" + d.names.Replace(text) + "\nexport -p | grep -v '^declare -x CODE=' >" + d.state + "\n"
	return d.exec(t, env, "bash", "-c", script)
}

func (d *desk) exec(t *testing.T, env []string, program string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = d.dir, env
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// Every example of the shell does what its page says it does. Those marked "check" change the machine that they are typed on: of these the shell's
// grammar and each of our commands are checked.
func TestShell(t *testing.T) {
	for _, p := range guides(t) {
		var typed []block
		for _, b := range p.blocks {
			if b.lang == "sh" && b.info == "check" {
				checked(t, p, b)
			} else if b.lang == "sh" || b.lang == "console" {
				typed = append(typed, b)
			}
		}
		if len(typed) == 0 {
			continue
		}
		t.Run(filepath.Base(p.path), func(t *testing.T) {
			d := newDesk(t)
			for _, b := range typed {
				if b.lang == "console" {
					d.console(t, p, b)
					continue
				}
				if out, err := d.run(t, b.text); err != nil {
					t.Fatalf("%s:%d: %v\n%s\n%s", p.path, b.line, err, b.text, out)
				}
			}
		})
	}
}

// checked holds an example that is not run to the shell's grammar and to our commands.
func checked(t *testing.T, p page, b block) {
	t.Helper()
	cmd := exec.Command("bash", "-n")
	cmd.Stdin = strings.NewReader(b.text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s:%d: %v\n%s", p.path, b.line, err, out)
	}
	for line := range strings.SplitSeq(strings.ReplaceAll(b.text, "\\\n", " "), "\n") {
		if err := takes(line); err != nil {
			t.Errorf("%s:%d: %s: %v", p.path, b.line, line, err)
		}
	}
}

// console types the lines after a $, and looks for what stands below them in what they print; … stands for anything.
func (d *desk) console(t *testing.T, p page, b block) {
	t.Helper()
	for _, step := range strings.Split("\n"+b.text, "\n$ ")[1:] {
		line, want, _ := strings.Cut(step, "\n")
		// What the running gateway writes down in its own time is asked for again.
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			out, err := d.run(t, line)
			missing := lacks(out, d.names.Replace(want))
			if err == nil && missing == "" {
				break
			}
			if time.Now().After(end) || !strings.Contains(line, "events") {
				t.Fatalf("%s:%d: $ %s: %v, no %q in\n%s", p.path, b.line, line, err, missing, out)
			}
		}
	}
}

// lacks is the first part of want that out has not, in the order of want.
func lacks(out, want string) string {
	for part := range strings.SplitSeq(strings.ReplaceAll(want, "\n", "…"), "…") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		_, rest, ok := strings.Cut(out, part)
		if !ok {
			return part
		}
		out = rest
	}
	return ""
}

// Every program of the client guide does what it is an example of, against a running gateway.
func TestPrograms(t *testing.T) {
	seen := map[string]int{}
	for _, p := range guides(t) {
		for _, b := range p.blocks {
			name, run := "", []string(nil)
			switch b.lang {
			case "js":
				name, run = "example.mjs", []string{"node"}
			case "python":
				name, run = "example.py", []string{"python3"}
			case "go":
				name, run = "main.go", []string{"go", "run"}
			default:
				continue
			}
			seen[b.lang]++
			t.Run(fmt.Sprintf("%s:%d", filepath.Base(p.path), b.line), func(t *testing.T) {
				d := newDesk(t)
				file := filepath.Join(d.dir, name)
				if err := os.WriteFile(file, []byte(d.names.Replace(b.text)), 0o600); err != nil {
					t.Fatal(err)
				}
				env := append(d.env[:len(d.env):len(d.env)], goEnv(t)...)
				if b.lang == "go" {
					d.dir = root // whose module has the library
				}
				out, err := d.exec(t, env, run[0], append(run[1:], file)...)
				if err != nil || !strings.Contains(out, "ok") {
					t.Errorf("%s:%d: %v\n%s", p.path, b.line, err, out)
				}
			})
		}
	}
	for _, lang := range []string{"js", "python", "go"} {
		if seen[lang] == 0 {
			t.Errorf("no example in %s", lang)
		}
	}
}

// goEnv is where Go keeps what it built and fetched, which is not below the HOME of an example.
func goEnv(t *testing.T) []string {
	t.Helper()
	var env []string
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(out)))
	}
	return append(env, "CGO_ENABLED=0")
}

// An example that goes wrong is told of, and so is one whose output is another.
func TestShellTells(t *testing.T) {
	d := newDesk(t)
	if out, err := d.run(t, "false | true\necho no"); err == nil {
		t.Errorf("a failure within a pipe passes: %s", out)
	}
	if out, err := d.run(t, "A=7"); err != nil {
		t.Errorf("%v %s", err, out)
	}
	if out, err := d.run(t, `test "$A" = 7 && test -e /etc/convosphere/Caddyfile`); err != nil {
		t.Errorf("what an example leaves behind is lost: %v %s", err, out)
	}
	if got := lacks("one\ntwo three", "one\n…three\nfour"); got != "four" {
		t.Errorf("%q", got)
	}
}
