package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// capturingCaddyfile captures every request.
var capturingCaddyfile = strings.Replace(ownCaddyfile, "gw_secure\n", "gw_secure {\n\t\twaf {\n\t\t\tcapture {\n\t\t\t\tsample all\n\t\t\t}\n\t\t}\n\t}\n", 1)

// An operator asks why a message was refused, tries another configuration on what was captured, and reads what to exclude in the events.
func TestWAFCommands(t *testing.T) {
	back := newReflector(t)
	n := kit.Gateway(t, kit.Options{Name: "capturing", Caddyfile: capturingCaddyfile, Env: []string{"GW_UPSTREAM=" + strings.TrimPrefix(back.URL, "http://")}})
	config := filepath.Join(n.Data, "Caddyfile")
	user := addUser(t, cli{n, []string{"--config", config}}, "wanda", "premium")
	c := n.Client(t).Login(t, user)
	attack := map[string]string{"text": "1' OR '1'='1' UNION SELECT password FROM users--"}
	c.Call(t, "POST", "/echo", attack).Want(t, http.StatusForbidden)
	c.Call(t, "POST", "/echo", map[string]string{"text": "hello"}).Want(t, http.StatusOK)

	waf := func(stdin string, want int, args ...string) string {
		t.Helper()
		code, out := n.Exec(t, stdin, append([]string{"waf"}, args...)...)
		if code != want {
			t.Fatalf("convosphere waf %v: exit code %d, want %d\n%s", args, code, want, out)
		}
		return out
	}
	body, err := json.Marshal(attack)
	if err != nil {
		t.Fatal(err)
	}
	raw := "POST /echo HTTP/1.1\nHost: localhost\nUser-Agent: Mozilla/5.0\nAccept: */*\nContent-Type: application/json\n\n" + string(body)
	out := waf(raw, 3, "explain", "--config", config, "-")
	for _, want := range []string{"942100", "ARGS:json.text", "blocked 403 at paranoia 1, by rule 949110"} {
		if !strings.Contains(out, want) {
			t.Errorf("explain: no %q in\n%s", want, out)
		}
	}
	waf(`{"type":"message","text":"hello"}`, 0, "explain", "--config", config, "--socket", "/api/ws", "-")
	waf("nonsense", 1, "explain", "-")

	// Captures are written beside the requests.
	captures := filepath.Join(n.Data, "waf", "captures")
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, out := n.Exec(t, "", "waf", "replay", "--config", config, captures); strings.Contains(out, "left out: bodies of the portal's API") && strings.Contains(out, " 0 newly blocked, 0 newly passing") {
			break
		} else if time.Now().After(end) {
			t.Fatalf("replay: %s", out)
		}
	}
	files, err := filepath.Glob(filepath.Join(captures, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if b, err := os.ReadFile(f); err != nil || strings.Contains(string(b), "UNION") || strings.Contains(string(b), user.Password) {
			t.Errorf("%s is not encrypted: %v", f, err)
		}
	}
	changed := filepath.Join(t.TempDir(), "Caddyfile")
	off := strings.Replace(capturingCaddyfile, "capture {", "exclude 942100 942190 942270 942360 942480 942200 942370\n\t\t\tcapture {", 1)
	if err := os.WriteFile(changed, []byte(off), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := waf("", 3, "replay", "--config", changed, captures); !strings.Contains(out, "; gone 942100") {
		t.Errorf("replay: %s", out)
	}

	// One refused message is no pattern.
	if out := waf("", 0, "tune", filepath.Join(n.Data, "events")); !strings.Contains(out, "# Nothing to propose") {
		t.Errorf("tune: %s", out)
	}
}
