package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

const asksGrants = `package gateway

decision := {"allow": true, "reason": "owner of the house"} if {
	house := concat(":", ["house", input.target])
	"owner" in gateway.grants(input.identity.name, house)
} else := {"allow": false, "reason": "not the owner"}
`

func askingEngine(t *testing.T, ask Asker) *Engine {
	t.Helper()
	s, err := Compile(context.Background(), &Source{Modules: map[string]string{"p.rego": asksGrants}, Data: map[string]any{}}, WithGrants(ask))
	if err != nil {
		t.Fatal(err)
	}
	return New(s, 0, time.Now)
}

func TestPolicyAsksGrants(t *testing.T) {
	granted := map[[2]string][]string{{"ursula", "house:7"}: {"viewer", "owner"}, {"petra", "house:7"}: {"viewer"}}
	asked := 0
	e := askingEngine(t, func(_ context.Context, subject, object string) ([]string, error) {
		asked++
		return granted[[2]string{subject, object}], nil
	})
	ask := func(name, house string) Decision {
		t.Helper()
		d, err := e.Decide(context.Background(), &Input{Target: house, Identity: &reqctx.Identity{Subject: "1", Name: name}})
		if err != nil || d.Failure != None || d.Steady {
			t.Fatalf("%+v %v", d, err)
		}
		return d
	}
	if !ask("ursula", "7").Allow || ask("petra", "7").Allow || ask("ursula", "8").Allow {
		t.Error("decided otherwise")
	}
	// What was granted may change: nothing is remembered.
	before := asked
	delete(granted, [2]string{"ursula", "house:7"})
	if ask("ursula", "7").Allow || asked != before+1 {
		t.Error("it was remembered")
	}
}

// The caller's values reach the one who answers, its cancellation does not.
func TestGrantsAreAskedForWhoHasGone(t *testing.T) {
	type key struct{}
	e := askingEngine(t, func(ctx context.Context, _, _ string) ([]string, error) {
		if ctx.Value(key{}) != "v" {
			return nil, errors.New("the context is another")
		}
		return []string{"owner"}, ctx.Err()
	})
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "v"))
	cancel()
	if d, err := e.Decide(ctx, &Input{Target: "7", Identity: &reqctx.Identity{Name: "ursula"}}); !d.Allow || err != nil {
		t.Fatalf("%+v %v", d, err)
	}
}

// Fail closed, and so that the client may come again: a policy that can't ask has not decided.
func TestGrantsThatCannotBeAskedRefuse(t *testing.T) {
	down := errors.New("the database is down")
	e := askingEngine(t, func(context.Context, string, string) ([]string, error) { return nil, down })
	d, err := e.Decide(context.Background(), &Input{Target: "7", Identity: &reqctx.Identity{Name: "ursula"}})
	if d.Allow || d.Failure != Grants || !d.Failure.Unavailable() || !errors.Is(err, down) {
		t.Fatalf("%+v %v", d, err)
	}
	e = askingEngine(t, nil)
	if d, err = e.Decide(context.Background(), &Input{Target: "7", Identity: &reqctx.Identity{Name: "ursula"}}); d.Allow || d.Failure != Failed || err == nil {
		t.Fatalf("%+v %v", d, err)
	}
}

func TestGrantsAreTyped(t *testing.T) {
	for body, want := range map[string]string{
		`gateway.grants(1, "room:a") == []`: "p.rego:3", `gateway.grants("ursula") == []`: "p.rego:3", `gateway.grant("a", "b") == []`: "undefined function",
	} {
		_, err := Compile(context.Background(), &Source{Modules: map[string]string{"p.rego": "package gateway\n\ndecision := {\"allow\": " + body + "}\n"}, Data: map[string]any{}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// Tests of a policy say by `with` what was granted; one that does not is told to.
func TestPolicyTestsSayWhatIsGranted(t *testing.T) {
	test := func(mock string) error {
		return Verify(context.Background(), &Source{Modules: map[string]string{"p.rego": asksGrants}, Data: map[string]any{}, Tests: map[string]string{"p_test.rego": `package gateway_test

grants(subject, object) := ["owner"] if { subject == "ursula"; object == "house:7" }

test_owner if data.gateway.decision.allow with input as {"identity": {"name": "ursula"}, "target": "7"}` + mock + `
`}})
	}
	if err := test(` with gateway.grants as grants`); err != nil {
		t.Error(err)
	}
	if err := test(``); err == nil || !strings.Contains(err.Error(), "with gateway.grants as") {
		t.Error(err)
	}
}
