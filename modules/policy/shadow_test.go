package policy

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/policy/engine"
)

func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

func rewrite(t *testing.T, folder, rego string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, "a.rego"), []byte("package gateway\n\n"+rego+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A candidate decides nothing: one that does not compile, one that refuses all and one that is repaired while the gateway runs.
func TestShadow(t *testing.T) {
	dir, folder := t.TempDir(), write(t, `decision := {`)
	public := &engine.Input{RequestID: "R1", Permission: "public"}
	during(t, dir, `{"shadow":"`+folder+`"}`, func(a *App) {
		ctx := context.Background()
		allowed := func() {
			t.Helper()
			if d := a.Decide(ctx, public); !d.Allow || d.Revision != a.Revision() {
				t.Errorf("%+v", d)
			}
		}
		until(t, "it is refused", func() bool { return a.status().Shadow.LastError != "" })
		allowed()
		rewrite(t, folder, `decision := {"allow": false, "reason": "closed"}`)
		until(t, "it is repaired", func() bool { return a.status().Shadow.Revision != "" })
		if s := a.status(); s.Shadow.LastError != "" || s.Shadow.From != folder || s.Shadow.Revision == s.Revision {
			t.Errorf("%+v", s.Shadow)
		}
		allowed()
		rewrite(t, folder, `decision := {"allow": input.identty}`)
		until(t, "it is refused again", func() bool { return a.status().Shadow.LastError != "" })
		allowed() // and the candidate from before is compared with
	})
	differences := events(t, dir, "policy-difference")
	if len(differences) != 2 {
		t.Fatal(differences)
	}
	if e := differences[0]; e["event.reason"] != "newly refused" || e["http.request.id"] != "R1" || e["gateway.shadow.rule"] != "a.rego:3" || e["gateway.shadow.allow"] != false || e["gateway.decision.allow"] != true {
		t.Error(e)
	}
	if got := events(t, dir, "policy-shadow-refused"); len(got) != 2 || got[0]["event.reason"] != "the policy does not compile" && got[0]["event.reason"] != "the policy can't be read, or is not signed by who is trusted" {
		t.Error(got)
	}
	if got := events(t, dir, "policy-shadow-activated"); len(got) != 1 {
		t.Error(got)
	}
	if got := events(t, dir, "policy-decision"); len(got) != 3 {
		t.Error(got)
	}
}

// A candidate that is not there is no reason not to start, and may come: as a bundle, whose signature nobody asks for.
func TestShadowOfABundle(t *testing.T) {
	dir, bundle := t.TempDir(), filepath.Join(t.TempDir(), "b.tar.gz")
	during(t, dir, `{"shadow":"`+bundle+`"}`, func(a *App) {
		until(t, "it is missed", func() bool { return a.status().Shadow.LastError != "" })
		if code, out := tool(t, "", "build", "-o", bundle, write(t, `decision := {"allow": false}`)); code != 0 {
			t.Fatal(out)
		}
		until(t, "it has come", func() bool { return a.status().Shadow.Revision != "" })
		a.Decide(context.Background(), &engine.Input{Permission: "public"})
	})
	if got := events(t, dir, "policy-difference"); len(got) != 1 {
		t.Error(got)
	}
}

// A candidate must do nothing outside a second time: it reaches nothing.
func TestShadowReachesNothing(t *testing.T) {
	dir := t.TempDir()
	during(t, dir, `{"shadow":"`+write(t, `decision := {"allow": http.send({"url": "http://192.0.2.1", "method": "get"}).status_code == 200}`)+`"}`, func(a *App) {
		until(t, "it is refused", func() bool { return a.status().Shadow.LastError != "" })
	})
	if got := events(t, dir, "policy-shadow-refused"); len(got) != 1 || got[0]["event.reason"] != "the policy does not compile" {
		t.Error(got)
	}
}

func TestShadowCaddyfile(t *testing.T) {
	var a App
	if err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser("policy {\nshadow /etc/candidate\n}")); err != nil {
		t.Fatal(err)
	}
	if got, _ := json.Marshal(&a); string(got) != `{"shadow":"/etc/candidate"}` {
		t.Errorf("%s", got)
	}
	for _, text := range []string{"policy {\nshadow\n}", "policy {\nshadow a b\n}"} {
		if err := new(App).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
	if err := load(t.TempDir(), `{"shadow":"{env.SHADOW_NOT_SET}"}`); err == nil {
		t.Error("a placeholder that is not known is taken")
		_ = caddy.Stop()
	}
}
