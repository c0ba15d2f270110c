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
