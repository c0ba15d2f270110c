package policy

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
	"github.com/convosphere/gateway/modules/policy/replay"
)

const owners = `decision := {"allow": true, "reason": "owner"} if {
	"owner" in input.grants.resource
} else := {"allow": false, "reason": "no grant"}`

// asked is the folder of a gateway that captured who may read which room.
func asked(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	during(t, dir, `{"capture":{"percent":100},"folder":"`+write(t, owners)+`"}`, func(a *App) {
		ctx := context.Background()
		if err := a.Apply(ctx, []grant.Grant{{Subject: "ursula", Relation: "owner", Object: "room:a"}}, nil); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"ursula", "petra", "paul"} {
			a.Decide(ctx, &engine.Input{RequestID: "R-" + name, Method: "GET", Path: "/api/rooms/a", Permission: "room:read", Identity: person(name, "user"), Resource: engine.Object{Type: "room", ID: "a"}})
		}
	})
	return dir
}

func TestReplayCommand(t *testing.T) {
	dir := asked(t)
	same := write(t, owners)
	if code, out := tool(t, "", "replay", "--data", dir, "--policy", same); code != 0 || !strings.Contains(out, "3 replayed against "+same) || !strings.Contains(out, " 3 the same\n") {
		t.Errorf("%d: %s", code, out)
	}
	changed := write(t, `decision := {"allow": false, "reason": "a second factor", "obligations": {"step_up": true}} if {
	"owner" in input.grants.resource
} else := {"allow": true, "reason": "petra"} if {
	input.identity.name == "petra"
} else := {"allow": false, "reason": "no grant"}`)
	code, out := tool(t, "", "replay", "--data", dir, "--policy", changed, "--json", captureFolder(dir))
	var rep replay.Report
	if err := json.Unmarshal([]byte(out), &rep); err != nil || code != 3 || rep.Replayed != 3 || rep.Same != 1 || len(rep.Changes) != 2 {
		t.Fatalf("%d %v: %s", code, err, out)
	}
	up, allowed := rep.Changes[0], rep.Changes[1]
	if up.Change != replay.StepUp || up.Before.Rule != "a.rego:3" || up.After.Rule != "a.rego:3" || up.Examples[0].RequestID != "R-ursula" {
		t.Errorf("%+v", up)
	}
	if allowed.Change != replay.Allowed || allowed.Before.Rule != "a.rego:5" || allowed.After.Rule != "a.rego:5" || allowed.Examples[0].Subject != "id-petra" {
		t.Errorf("%+v", allowed)
	}
	code, out = tool(t, "", "replay", "--data", dir, "--policy", changed)
	if code != 3 || !strings.Contains(out, "newly allowed  1 × room:read\n    before  refused: no grant  a.rego:5\n    after   allowed: petra  a.rego:5\n") {
		t.Errorf("%d: %s", code, out)
	}
	bundle := filepath.Join(t.TempDir(), "b.tar.gz")
	if code, out := tool(t, "", "build", "-o", bundle, changed); code != 0 {
		t.Fatal(out)
	}
	if code, out := tool(t, "", "replay", "--data", dir, "--policy", bundle); code != 3 || !strings.Contains(out, "against "+bundle) {
		t.Errorf("%d: %s", code, out)
	}
}

func TestReplayCommandRefuses(t *testing.T) {
	dir := asked(t)
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no capture, and no bundle"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	during(t, other, `{}`, func(*App) {})
	for want, args := range map[string][]string{
		"it is no capture file":            {"--data", dir, text},
		"is neither a folder nor a bundle": {"--data", dir, "--policy", text},
		"no such file":                     {"--data", dir, "/nowhere/at/all"},
		"there is no key ring":             {"--data", t.TempDir()},
		"another key ring, or altered":     {"--data", other, captureFolder(dir)},
		"a.rego:3":                         {"--data", dir, "--policy", write(t, `decision := {"allow": input.identty}`)},
	} {
		if code, out := tool(t, "", append([]string{"replay"}, args...)...); code != 1 || !strings.Contains(out, want) {
			t.Errorf("%q: %d: %s", args, code, out)
		}
	}
}
