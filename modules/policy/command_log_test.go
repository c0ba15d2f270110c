package policy

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/policy/decisionlog"
	"github.com/convosphere/gateway/modules/policy/engine"
)

func TestLogCommand(t *testing.T) {
	dir := t.TempDir()
	during(t, dir, `{"folder":"`+write(t, owners)+`"}`, func(a *App) {
		for range 3 {
			a.Decide(context.Background(), &engine.Input{RequestID: "R1", Permission: "room:read"})
		}
	})
	folder := filepath.Join(dir, "events")
	code, out := tool(t, "", "log", folder)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var x decisionlog.Exported
	if err := json.Unmarshal([]byte(lines[0]), &x); code != 0 || len(lines) != 3 || err != nil || x.Result.Allow || x.Result.Reason != "no grant" || x.Custom["rule"] != "a.rego:5" || x.Labels["app"] != "convosphere" {
		t.Fatalf("%d %v: %s", code, err, out)
	}
	var list []decisionlog.Exported
	code, out = tool(t, "", "log", "--array", "--label", "app=chat,node=1", folder, folder)
	if err := json.Unmarshal([]byte(out), &list); code != 0 || err != nil || len(list) != 6 || list[5].Labels["node"] != "1" || list[5].Labels["app"] != "chat" {
		t.Errorf("%d %v: %s", code, err, out)
	}
	if code, out := tool(t, "no event\n{\"event.action\":\"login\"}\n", "log", "--array", "-"); code != 0 || !strings.Contains(out, "[]\n") || !strings.Contains(out, "1 lines were passed over") {
		t.Errorf("%d: %s", code, out)
	}
	for want, args := range map[string][]string{"it is NAME=VALUE": {"--label", "x", folder}, "holds no events": {t.TempDir()}, "no such file": {"/nowhere/at/all"}, "EVENTS…|- is missing": {}} {
		if code, out := tool(t, "", append([]string{"log"}, args...)...); code != 1 || !strings.Contains(out, want) {
			t.Errorf("%q: %d: %s", args, code, out)
		}
	}
}

// What is captured can be measured and explained with the other commands.
func TestLogCommandOfCaptures(t *testing.T) {
	dir := asked(t)
	code, out := tool(t, "", "log", "--captures", "--data", dir, captureFolder(dir))
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var x decisionlog.Exported
	if err := json.Unmarshal([]byte(lines[0]), &x); code != 0 || err != nil || len(lines) != 3 || !x.Result.Allow || x.Custom["rule"] != "a.rego:3" || !strings.Contains(string(x.Input), `"ursula"`) {
		t.Fatalf("%d %v: %s", code, err, out)
	}
	file := filepath.Join(t.TempDir(), "inputs.json")
	if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := tool(t, "", "bench", "--time", "1ms", "--policy", write(t, owners), file); code != 0 || strings.Count(out, "no grant") != 2 {
		t.Errorf("%d: %s", code, out)
	}
	if code, out := tool(t, "", "log", "--captures", "--data", t.TempDir(), file); code != 1 || !strings.Contains(out, "there is no key ring") {
		t.Errorf("%d: %s", code, out)
	}
}
