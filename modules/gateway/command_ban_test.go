package gateway

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// bans runs `convosphere ban …` against the gateway whose admin socket it is, and returns what it prints.
func bans(t *testing.T, socket, stdin string, args ...string) (string, error) {
	t.Helper()
	cmd := &cobra.Command{Use: "ban", SilenceUsage: true, SilenceErrors: true}
	banCommand(cmd)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetArgs(append(args, "--address", "unix/"+socket))
	err := cmd.Execute()
	return out.String(), err
}

func TestBanCommands(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "admin.sock")
	g := loadCaddyfile(t, "{\n admin unix/"+socket+"\n persist_config off\n auto_https off\n gateway {\n data_dir "+dir+"\n allow 203.0.113.0/24\n }\n}\n")
	good := func(want string, args ...string) string {
		t.Helper()
		out, err := bans(t, socket, "", args...)
		if err != nil || !strings.Contains(out, want) {
			t.Fatalf("%v: %v, not %q\n%s", args, err, want, out)
		}
		return out
	}
	bad := func(want string, args ...string) {
		t.Helper()
		if out, err := bans(t, socket, "", args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("%v: %v, not %q\n%s", args, err, want, out)
		}
	}
	size := func(n int) {
		t.Helper()
		for range 500 {
			if g.Bans.Size() == n {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("%d bans, not %d", g.Bans.Size(), n)
	}
	good("", "add", "192.0.2.7", "--for", "30d", "--reason", "it scans")
	good("", "add", "2001:db8::1")
	bad("it is never banned", "add", "203.0.113.9")
	bad("too much", "add", "0.0.0.0/1")
	bad("neither an address", "add", "nonsense")
	bad("above 0", "add", "192.0.2.8", "--for", "-1h")
	good("", "add", "0.0.0.0/1", "--force")
	size(3)
	good("is never banned", "check", "203.0.113.9")
	good("is not banned", "check", "192.0.3.1")
	bad("write an address", "check", "192.0.2.0/24")
	out := good("it scans", "list")
	if strings.Count(out, "\n") != 4 || !strings.Contains(out, "2001:db8::/64") {
		t.Error(out)
	}
	good("", "rm", "0.0.0.0/1")
	bad("there is no such ban", "rm", "0.0.0.0/1")
	bad("either a prefix or --source", "rm")
	bad("either a prefix or --source", "rm", "192.0.2.7", "--source", "abuse")

	file := filepath.Join(dir, "list")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("198.51.100.1\n198.51.100.2\n203.0.113.1\n192.0.2.7\n")
	out = good("banned 2, were banned already 1, left out 1", "import", file, "--source", "nightly", "--for", "1d", "--reason", "listed")
	if !strings.Contains(out, "203.0.113.1/32: it is never banned") {
		t.Error(out)
	}
	write("198.51.100.2\n198.51.100.3\n")
	good("banned 2,", "import", file, "--source", "nightly", "--replace")
	if out := good("198.51.100.3/32", "export", "--source", "import:nightly"); out != "198.51.100.2/32\n198.51.100.3/32\n" {
		t.Error(out)
	}
	write("nonsense\n")
	bad("list: line 1: ", "import", file)
	bad("no format", "import", file, "--format", "html")
	bad("the source must be import:NAME", "import", os.DevNull, "--source", "A B")
	bad("no format", "export", "--format", "fail2ban")
	// What one gateway exports another imports.
	for _, format := range []string{"json", "crowdsec", "plain"} {
		list := good("192.0.2.7", "export", "--format", format)
		out, err := bans(t, socket, list, "import", "-", "--format", format, "--source", "again-"+format)
		if err != nil || !strings.Contains(out, "banned already ") {
			t.Fatalf("%s: %v\n%s", format, err, out)
		}
	}
	good("lifted 2 bans", "rm", "--source", "import:nightly")
	if _, err := bans(t, socket+".not", "", "list"); err == nil || !strings.Contains(err.Error(), "no gateway answers") {
		t.Error(err)
	}
}
