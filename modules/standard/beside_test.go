package standard

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/test/stop"
)

// asCommand makes this program the gateway, with its arguments as they are.
const asCommand = "GW_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		caddycmd.Main() // exits where it fails
		return
	}
	os.Exit(m.Run())
}

// beside runs the gateway's command as another process, while this one goes on.
func beside(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	raw, err := cmd.CombinedOutput()
	return string(raw), err
}

func written(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// found is a file as it was found.
type found struct {
	info fs.FileInfo
	text []byte
}

// files are those of the folder, but for the database's, which is made for many processes.
func files(t *testing.T, dir string) map[string]found {
	t.Helper()
	all := map[string]found{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "gateway.db") {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = found{info, text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A configuration is validated beside the gateway that runs with the same data folder, at once; what that one writes stays its own, and whole.
func TestValidateBesideARunningGateway(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	config := func(name, admin, more string) string {
		return written(t, filepath.Join(home, name), fmt.Sprintf(`{
	admin %s
	persist_config off
	gateway {
		data_dir %s
		%s
	}
}
http://127.0.0.1:0 {
	gw_waf {
		capture {
			sample blocked
			max_size 1MiB
		}
	}
	gw_upload
	respond ok
}
`, admin, dir, more))
	}
	running, other := config("running", "off", ""), config("other", "unix/"+filepath.Join(home, "admin.sock"), "monitor {\n journal {\n keep 1h\n }\n }")
	stop.After(t)
	raw, err := os.ReadFile(running)
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(adapted(t, running, raw), true); err != nil {
		t.Fatal(err)
	}
	app, err := caddy.ActiveContext().App("gateway")
	if err != nil {
		t.Fatal(err)
	}
	g := app.(interface{ Ground() *ground.Ground }).Ground()
	tell := func(action string) {
		t.Helper()
		err := g.Durably(t.Context(), func() {
			g.Events.Emit(&event.Event{Category: "process", Action: action, Outcome: event.Success})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		tell(fmt.Sprint("before-", i))
	}
	journaled(t, dir)

	before := files(t, dir)
	for _, path := range []string{running, other} {
		if out, err := beside(t, "validate", "--config", path, "--adapter", "caddyfile"); err != nil || !strings.Contains(out, "Valid configuration") {
			t.Errorf("validate: %v\n%s", err, out)
		}
	}
	after := files(t, dir)
	for path, b := range before {
		a, ok := after[path]
		switch {
		case !ok:
			t.Errorf("%s is gone", path)
		case !os.SameFile(a.info, b.info) && filepath.Base(path) != "checkpoint", !bytes.HasPrefix(a.text, b.text) && filepath.Base(path) != "checkpoint": // that one the running gateway writes anew
			t.Errorf("%s is another", path)
		}
	}
	for path := range after {
		if _, ok := before[path]; !ok {
			t.Errorf("%s was made", path)
		}
	}
	if strings.Count(string(after[filepath.Join(dir, "events", "events.jsonl")].text), "gateway-started") != 1 {
		t.Error("what only tried is told as a start")
	}

	// A gateway of its own is refused as before.
	if out, err := beside(t, "run", "--config", other, "--adapter", "caddyfile"); err == nil || !strings.Contains(out, "two gateways can't share a data folder") {
		t.Errorf("a second gateway: %v\n%s", err, out)
	}

	tell("after-all")
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if out, err := beside(t, "audit", "verify", "--data", dir); err != nil {
		t.Errorf("audit verify: %v\n%s", err, out)
	}
	kept, err := beside(t, "audit", "export", "--data", dir)
	if err != nil || !strings.Contains(kept, "before-0") || !strings.Contains(kept, "before-99") || !strings.Contains(kept, "after-all") {
		t.Errorf("the audit log is not whole: %v\n%.2000s", err, kept)
	}
}

// journaled waits until the running gateway's journal has written what it was told, of which it makes a segment only much later.
func journaled(t *testing.T, dir string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		logs, err := filepath.Glob(filepath.Join(dir, "journal", "*.log"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range logs {
			if info, err := os.Stat(path); err == nil && info.Size() > 100 {
				return
			}
		}
	}
	t.Fatal("the journal has written nothing")
}
