package policy

import (
	"context"
	"net/http"
	"net/netip"
	"testing"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// The shipped policy has no conditions until an operator's data has some: from then on they count, and end when they are taken away.
func TestConditionsComeWithData(t *testing.T) {
	if err := load(t.TempDir(), `{}`); err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t)
	a := running(t)
	from := func(ip string) engine.Decision {
		return a.Decide(context.Background(), &engine.Input{
			Permission: "app:read", Classification: "internal", Identity: person("ursula", "user"), Client: reqctx.Client{IP: netip.MustParseAddr(ip)},
		})
	}
	push := func(method, path, body string) {
		t.Helper()
		if code, answer := ask(t, method, dataRoute+path, body); code != http.StatusOK {
			t.Fatal(method, path, code, answer)
		}
	}
	if d := from("192.0.2.1"); !d.Allow {
		t.Fatalf("at first: %+v", d)
	}
	push("PUT", "/conditions/office", `{"networks": ["10.0.0.0/8"]}`)
	push("PUT", "/classifications/internal/conditions", `["office"]`)
	if d := from("192.0.2.1"); d.Allow || d.Reason != "outside the networks" {
		t.Errorf("elsewhere: %+v", d)
	}
	if d := from("10.1.2.3"); !d.Allow {
		t.Errorf("at the office: %+v", d)
	}
	push("PUT", "/conditions/office", `{"netwroks": ["10.0.0.0/8"]}`)
	if d := from("10.1.2.3"); d.Allow || d.Reason != "the condition can't be read" {
		t.Errorf("misspelt: %+v", d)
	}
	push("DELETE", "/classifications/internal/conditions", "")
	if d := from("192.0.2.1"); !d.Allow {
		t.Errorf("in the end: %+v", d)
	}
}
