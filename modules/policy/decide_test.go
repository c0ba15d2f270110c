package policy

import (
	"context"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// Emergency access is the session's that was granted it, whatever the caller of Decide says.
func TestDecideFillsBreakGlass(t *testing.T) {
	a := start(t, `{"folder": "`+write(t, `decision := {"allow": input.identity.break_glass, "reason": "emergency"}`)+`"}`)
	ctx := context.Background()
	g := grant.Grant{Subject: "petra", Relation: grant.BreakGlass, Object: grant.SessionObject("S1"), Expires: time.Now().Add(time.Hour)}
	if err := a.Apply(ctx, []grant.Grant{g}, nil); err != nil {
		t.Fatal(err)
	}
	ask := func(name, session string) bool {
		id := person(name, "moderator")
		id.Session = session
		return a.Decide(ctx, &engine.Input{Permission: "room:read", Identity: id, BreakGlass: true}).Allow
	}
	for _, c := range []struct {
		name, session string
		want          bool
	}{{"petra", "S1", true}, {"petra", "S2", false}, {"ursula", "S1", false}, {"petra", "", false}} {
		if got := ask(c.name, c.session); got != c.want {
			t.Errorf("%s in %q: %v", c.name, c.session, got)
		}
	}
	if err := a.Apply(ctx, nil, []grant.Grant{g}); err != nil {
		t.Fatal(err)
	}
	if ask("petra", "S1") {
		t.Error("it was ended, but counts")
	}
}

func TestObjectsOfAPerson(t *testing.T) {
	a := start(t, `{}`)
	ctx := context.Background()
	if err := a.Apply(ctx, []grant.Grant{
		{Subject: "ursula", Relation: "owner", Object: "room:a"}, {Subject: "*", Relation: "viewer", Object: "room:open"}, {Subject: "room:a", Relation: grant.Parent, Object: "room:inner"},
	}, nil); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"ursula": 2, "mona": 1, "*": 0, "room:a": 0, "": 0} {
		if list, more, err := a.Objects(ctx, name, "room", 10); len(list) != want || more || err != nil {
			t.Errorf("%s: %v %v %v", name, list, more, err)
		}
	}
}

// A policy that asks about other objects than the request's gets what is granted now, and is not fooled by names that are none.
func TestPolicyAsksTheStore(t *testing.T) {
	a := start(t, `{"folder": "`+write(t, `decision := {"allow": "owner" in gateway.grants(input.identity.name, "house:7"), "reason": "house"}`)+`"}`)
	ctx := context.Background()
	ask := func(name string) engine.Decision {
		return a.Decide(ctx, &engine.Input{Permission: "room:read", Identity: person(name, "user")})
	}
	if d := ask("ursula"); d.Allow || d.Failure != engine.None {
		t.Fatalf("%+v", d)
	}
	if err := a.Apply(ctx, []grant.Grant{{Subject: "ursula", Relation: "owner", Object: "house:7"}, {Subject: "town:1", Relation: grant.Parent, Object: "house:7"}}, nil); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"ursula": true, "petra": false, "*": false, "town:1": false, "URSULA": false} {
		if d := ask(name); d.Allow != want || d.Failure != engine.None || d.Steady {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if err := a.ground.DB.Close(); err != nil {
		t.Fatal(err)
	}
	a.grants.Close() // so that memory is not asked either
	if d := ask("ursula"); d.Allow || d.Failure != engine.Grants {
		t.Errorf("%+v", d)
	}
}

func BenchmarkGatewayGrants(b *testing.B) {
	a := start(b, `{"folder": "`+write(b, `decision := {"allow": "owner" in gateway.grants(input.identity.name, "house:7")}`)+`"}`)
	ctx := context.Background()
	if err := a.Apply(ctx, []grant.Grant{{Subject: "ursula", Relation: "owner", Object: "house:7"}}, nil); err != nil {
		b.Fatal(err)
	}
	in := &engine.Input{Permission: "room:read", Identity: person("ursula", "user")}
	b.ReportAllocs()
	for b.Loop() {
		if d := a.Decide(ctx, in); !d.Allow {
			b.Fatal(d)
		}
	}
}
