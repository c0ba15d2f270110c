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

// stricter is the shipped policy in a folder, but that only premium people may write.
func stricter(t *testing.T) (folder string) {
	t.Helper()
	folder = t.TempDir()
	names, err := filepath.Glob(filepath.Join(kit.Root(t), "policies", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		base := filepath.Base(name)
		if base != "data.json" && !strings.HasSuffix(base, ".rego") || strings.HasSuffix(base, "_test.rego") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		if base == "data.json" {
			const old = `"app:write": {"by": "signed-in"}`
			if text = strings.Replace(text, old, `"app:write": {"by": "role", "roles": {"premium": true}}`, 1); text == string(b) {
				t.Fatalf("no %s in data.json", old)
			}
		}
		if err := os.WriteFile(filepath.Join(folder, base), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// An operator sees what a stricter policy would do before it does it: on what was captured, and beside the policy in force; and every decision is
// in the log, for OPA's tools too.
func TestAChangedPolicyIsTriedFirst(t *testing.T) {
	candidate := stricter(t)
	back := newReflector(t)
	n := kit.Gateway(t, kit.Options{
		Name: "trying", Env: []string{"GW_UPSTREAM=" + strings.TrimPrefix(back.URL, "http://")},
		Caddyfile: strings.Replace(ownCaddyfile, "data_dir {$GW_DATA}", "data_dir {$GW_DATA}\n\t\tpolicy {\n\t\t\tcapture {\n\t\t\t\tsample all\n\t\t\t}\n\t\t\tshadow "+candidate+"\n\t\t}", 1),
	})
	config := filepath.Join(n.Data, "Caddyfile")
	place := cli{n, []string{"--config", config}}
	writer := n.Client(t).Login(t, addUser(t, place, "wilma", "user"))
	premium := n.Client(t).Login(t, addUser(t, place, "prisca", "premium"))

	tool := func(want int, args ...string) string {
		t.Helper()
		code, out := n.Exec(t, "", append([]string{"policy"}, args...)...)
		if code != want {
			t.Fatalf("convosphere policy %v: exit code %d, want %d\n%s", args, code, want, out)
		}
		return out
	}
	kit.Eventually(t, 30*time.Second, "the candidate decides in the shadow", func() bool {
		return len(find(n.Events(t), "policy-shadow-activated")) == 1
	})
	if out := tool(0, "status", "--config", config); !strings.Contains(out, `"shadow"`) || !strings.Contains(out, candidate) {
		t.Errorf("status: %s", out)
	}
	writer.Call(t, "POST", "/echo", map[string]string{"text": "hello"}).Want(t, http.StatusOK)
	premium.Call(t, "POST", "/echo", map[string]string{"text": "hello"}).Want(t, http.StatusOK)
	writer.Call(t, "GET", "/echo", nil).Want(t, http.StatusOK)

	kit.Eventually(t, 10*time.Second, "the difference is told", func() bool { return len(find(n.Events(t), "policy-difference")) > 0 })
	differences := find(n.Events(t), "policy-difference")
	for _, d := range differences {
		if d.Str("event.reason") != "newly refused" || d.Str("gateway.decision.permission") != "app:write" || d["gateway.shadow.allow"] != false ||
			!strings.Contains(d.Str("gateway.shadow.rule"), ".rego:") || !strings.Contains(d.Str("gateway.decision.rule"), ".rego:") {
			t.Errorf("%v", d)
		}
	}
	if len(differences) != 1 {
		t.Errorf("%d differences", len(differences))
	}

	var out string
	kit.Eventually(t, 10*time.Second, "all is captured", func() bool {
		out = tool(3, "replay", "--config", config, "--policy", candidate)
		return strings.Contains(out, "1 × app:write") && !strings.Contains(out, "0 replayed")
	})
	if !strings.Contains(out, "newly refused  1 × app:write\n    before  allowed: ") || !strings.Contains(out, " 1 newly refused, 0 newly asks for a second factor, 0 newly allowed, 0 other obligations, 1 another reason,") {
		t.Errorf("replay: %s", out)
	}
	tool(0, "replay", "--config", config) // the one in force flips nothing

	// Each request of theirs has its decision in the log.
	var write struct {
		Bundles map[string]struct{ Revision string }
		Result  struct {
			Allow  bool
			Reason string
		}
		Custom map[string]any
	}
	found := 0
	for line := range strings.Lines(tool(0, "log", filepath.Join(n.Data, "events"))) {
		if err := json.Unmarshal([]byte(line), &write); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if write.Custom["permission"] == "app:write" && write.Result.Allow && write.Custom["request_id"] != "" && write.Bundles["gateway"].Revision != "" {
			found++
		}
	}
	if found != 2 {
		t.Errorf("%d decisions about writing", found)
	}
}

// find are the events of an action.
func find(all []kit.Frame, action string) (out []kit.Frame) {
	for _, e := range all {
		if e.Str("event.action") == action {
			out = append(out, e)
		}
	}
	return out
}
