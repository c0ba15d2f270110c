package policy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
	"github.com/convosphere/gateway/policies"
)

// events are those of an action that the gateway of the folder wrote, now that it has stopped.
func events(t testing.TB, dir, action string) (all []map[string]any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "events", "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e map[string]any
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if e["event.action"] == action {
			all = append(all, e)
		}
	}
	return all
}

// running runs f with a gateway of this policy, and stops it.
func during(t *testing.T, dir, policy string, f func(*App)) {
	t.Helper()
	if err := load(dir, policy); err != nil {
		t.Fatal(err)
	}
	f(running(t))
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
}

func deleting() *engine.Input {
	return &engine.Input{
		RequestID: "R1", Permission: "message:delete", Identity: person("ursula", "user"),
		Resource: engine.Object{Type: "message", ID: "1"},
	}
}

// Every decision is an event, also where the client has gone (opa-envoy-plugin lost those).
func TestEveryDecisionIsAnEvent(t *testing.T) {
	dir := t.TempDir()
	var revision string
	during(t, dir, `{}`, func(a *App) {
		revision = a.Revision()
		ctx, cancel := context.WithCancel(context.Background())
		if err := a.Apply(ctx, []grant.Grant{{Subject: "ursula", Relation: "owner", Object: "room:a"}, {Subject: "room:a", Relation: grant.Parent, Object: "message:1"}}, nil); err != nil {
			t.Fatal(err)
		}
		cancel()
		if d := a.Decide(ctx, deleting()); !d.Allow {
			t.Errorf("%+v", d)
		}
		elsewhere := deleting()
		elsewhere.Parent = engine.Object{Type: "room", ID: "b"}
		a.Decide(ctx, elsewhere)
		question := deleting()
		question.RequestID, question.Resource.ID = "R2", ""
		decide, end := a.Filter(ctx, question)
		for _, id := range []string{"1", "1", "1", "2", "3"} {
			element := *question
			element.Resource.ID = id
			decide(ctx, &element)
		}
		end()
		if err := a.ground.DB.Close(); err != nil {
			t.Fatal(err)
		}
		unknown := deleting()
		unknown.Resource.ID = "9"
		a.Decide(ctx, unknown)
	})
	got := events(t, dir, "policy-decision")
	if len(got) != 4 {
		t.Fatal(got)
	}
	for i, want := range []map[string]any{
		{"event.outcome": "success", "http.request.id": "R1", "gateway.decision.parent": "room:a", "user.id": "id-ursula", "gateway.decision.revision": revision},
		{"event.outcome": "failure", "event.reason": "the resource is not in that parent"},
		{"event.outcome": "success", "http.request.id": "R2", "gateway.decision.kept": 3., "gateway.decision.removed": 2.},
		{"event.outcome": "failure", "gateway.decision.failure": "grants"},
	} {
		if rule, _ := got[i]["gateway.decision.rule"].(string); (i == 0) != strings.Contains(rule, ".rego:") {
			t.Errorf("%d: rule %q", i, rule)
		}
		for k, v := range want {
			if got[i][k] != v {
				t.Errorf("%d: %s is %v, not %v", i, k, got[i][k], v)
			}
		}
	}
}

func TestWhichDecisionsAreEvents(t *testing.T) {
	for config, want := range map[string]int{`{}`: 2, `{"decisions":"all"}`: 2, `{"decisions":"denied"}`: 1, `{"decisions":"off"}`: 0} {
		dir := t.TempDir()
		during(t, dir, config, func(a *App) {
			a.Decide(context.Background(), &engine.Input{Permission: "public"})
			a.Decide(context.Background(), &engine.Input{Permission: "none"})
		})
		if got := events(t, dir, "policy-decision"); len(got) != want {
			t.Errorf("%s: %v", config, got)
		}
	}
	if err := load(t.TempDir(), `{"decisions":"some"}`); err == nil || !strings.Contains(err.Error(), `decisions "some": it is all, denied or off`) {
		t.Error(err)
	}
}

// The masks of the shipped policy keep names and bodies out of events also where a whole input is asked for.
func TestShippedMasks(t *testing.T) {
	dir, folder := t.TempDir(), write(t, `decision := {"allow": true, "reason": "open", "obligations": {"log": "full"}}`)
	masks, err := policies.FS.ReadFile("masks.rego")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "masks.rego"), masks, 0o600); err != nil {
		t.Fatal(err)
	}
	during(t, dir, `{"folder":"`+folder+`"}`, func(a *App) {
		in := deleting()
		in.Target, in.Body = "petra", ast.String("hello")
		a.Decide(context.Background(), in)
	})
	got := events(t, dir, "policy-decision")
	if len(got) != 1 {
		t.Fatal(got)
	}
	line, _ := json.Marshal(got[0])
	for _, name := range []string{`"ursula"`, "petra", "hello"} {
		if strings.Contains(string(line), name) {
			t.Errorf("%s is in %s", name, line)
		}
	}
	input, _ := got[0]["gateway.decision.input"].(map[string]any)
	if identity, _ := input["identity"].(map[string]any); identity["subject"] != "id-ursula" {
		t.Errorf("%s", line)
	}
}

// A request that a reload overtook is decided by the old policy, and logged.
func TestDecisionsOverAReload(t *testing.T) {
	dir := t.TempDir()
	if err := load(dir, `{}`); err != nil {
		t.Fatal(err)
	}
	old := running(t)
	release := old.ground.Hold() // the request under way
	if err := load(dir, `{"timeout":1000000000}`); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		old.Decide(context.Background(), &engine.Input{Permission: "public"})
	}
	release()
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := events(t, dir, "policy-decision"); len(got) != 10 {
		t.Errorf("%d events", len(got))
	}
}

// Skipper: decisions were lost when a bundle was reloaded. Here each one is an event, with the revision that made it.
func TestDecisionsWhileThePolicyIsReplaced(t *testing.T) {
	dir, folder := t.TempDir(), write(t, owners)
	made := map[string]int{}
	during(t, dir, `{"folder":"`+folder+`"}`, func(a *App) {
		for i := range 500 {
			if i%100 == 99 {
				rewrite(t, folder, strings.Replace(owners, "no grant", "no grant "+strconv.Itoa(i), 1))
				if err := a.keeper.Look(context.Background(), true); err != nil {
					t.Fatal(err)
				}
			}
			made[a.Decide(context.Background(), &engine.Input{Permission: "room:read"}).Revision]++
		}
	})
	told := map[string]int{}
	for _, e := range events(t, dir, "policy-decision") {
		told[e["gateway.decision.revision"].(string)]++
	}
	if len(made) != 6 || !reflect.DeepEqual(made, told) {
		t.Errorf("made %v, told %v", made, told)
	}
}

func TestDecisionsCaddyfile(t *testing.T) {
	for text, want := range map[string]string{
		"policy {\ndecisions all\n}":     `{"decisions":"all"}`,
		"policy {\ndecisions denied\n}":  `{"decisions":"denied"}`,
		"policy {\ndecisions off\n}":     `{"decisions":"off"}`,
		"policy {\ndecisions\n}":         "wrong argument count",
		"policy {\ndecisions all off\n}": "wrong argument count",
		"policy {\ndecisions some\n}":    `decisions "some": it is all, denied or off, at Testfile:2`,
	} {
		var a App
		err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		got, _ := json.Marshal(&a)
		if err != nil {
			got = []byte(err.Error())
		}
		if string(got) != want && (err == nil || !strings.Contains(string(got), want)) {
			t.Errorf("%s\n gives %s\n not   %s", text, got, want)
		}
	}
}
