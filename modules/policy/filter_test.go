package policy

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// Whatever was granted to whom, a list says of each element what a decision about it alone says.
func TestFilterIsDecide(t *testing.T) {
	a := start(t, `{}`)
	ctx := context.Background()
	rooms := make([]string, 20)
	for i := range rooms {
		rooms[i] = "r" + strconv.Itoa(i)
	}
	rapid.Check(t, func(t *rapid.T) {
		var grants []grant.Grant
		for range rapid.IntRange(0, 20).Draw(t, "grants") {
			grants = append(grants, grant.Grant{
				Subject:  rapid.SampledFrom([]string{"ursula", "petra", grant.Everyone}).Draw(t, "subject"),
				Relation: rapid.SampledFrom([]string{"owner", "member", "viewer", "author", "moderator"}).Draw(t, "relation"),
				Object:   rapid.SampledFrom([]string{"room", "message"}).Draw(t, "kind") + ":" + rapid.SampledFrom(rooms).Draw(t, "room"),
			})
		}
		var remove []grant.Grant
		for _, r := range rooms {
			remove = append(remove, grant.Grant{Object: "room:" + r}, grant.Grant{Object: "message:" + r})
			if rapid.Bool().Draw(t, "in a room") {
				grants = append(grants, grant.Grant{Subject: "room:" + rapid.SampledFrom(rooms).Draw(t, "in"), Relation: grant.Parent, Object: "message:" + r})
			}
		}
		if err := a.Apply(ctx, grants, remove); err != nil {
			t.Fatal(err)
		}
		in := &engine.Input{Method: "GET", Path: "/", Permission: rapid.SampledFrom([]string{"room:read", "message:delete", "file:read", "room:list", "none", "public", "app:restricted"}).Draw(t, "permission")}
		if name := rapid.SampledFrom([]string{"ursula", "petra", "*", ""}).Draw(t, "name"); name != "" {
			in.Identity = person(name, rapid.SampledFrom([]string{"user", "moderator", "nobody"}).Draw(t, "role"))
		}
		kind := rapid.SampledFrom([]string{"room", "message"}).Draw(t, "type")
		in.Resource.Type = kind
		decide, end := a.Filter(ctx, in)
		defer end()
		for i := range 3 * single {
			one := *in
			one.Resource.ID = rooms[i%len(rooms)]
			if rapid.Bool().Draw(t, "named") {
				one.Parent = engine.Object{Type: "room", ID: rapid.SampledFrom(rooms).Draw(t, "parent")}
			}
			got, want := decide(ctx, &one), a.Decide(ctx, &one)
			if got.Allow != want.Allow || got.Reason != want.Reason || got.Failure != want.Failure || got.Obligations.StepUp != want.Obligations.StepUp {
				t.Fatalf("%v in %v by %+v: %+v, alone %+v", one.Resource, one.Parent, in.Identity, got, want)
			}
		}
	})
}

// Where grants can't be read, no element passes, at the beginning of a list and later.
func TestFilterWithoutGrants(t *testing.T) {
	a := start(t, `{}`)
	ctx := context.Background()
	in := &engine.Input{Permission: "room:read", Identity: person("ursula", "user"), Resource: engine.Object{Type: "room"}}
	decide, end := a.Filter(ctx, in)
	defer end()
	if err := a.ground.DB.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 * single {
		in.Resource.ID = strconv.Itoa(i)
		if d := decide(ctx, in); d.Allow || !d.Failure.Unavailable() {
			t.Fatalf("%d: %+v", i, d)
		}
	}
}

// BenchmarkFilter10000 decides a list of ten thousand rooms, a tenth of which the person may see; each has twenty members.
func BenchmarkFilter10000(b *testing.B) {
	a := start(b, `{"decisions": "off"}`)
	ctx := context.Background()
	for i := range 100 {
		var add []grant.Grant
		for j := range 100 {
			room := fmt.Sprintf("room:%d", i*100+j)
			for k := range 20 {
				add = append(add, grant.Grant{Subject: "user" + strconv.Itoa(k), Relation: "member", Object: room})
			}
			if j%10 == 0 {
				add = append(add, grant.Grant{Subject: "ursula", Relation: "member", Object: room})
			}
		}
		if err := a.Apply(ctx, add, nil); err != nil {
			b.Fatal(err)
		}
	}
	question := engine.Input{Method: "GET", Path: "/api/rooms", Permission: "room:read", Identity: person("ursula", "user"), Resource: engine.Object{Type: "room"}}
	inputs := make([]engine.Input, 10_000)
	for i := range inputs {
		inputs[i] = question
		inputs[i].Resource.ID = strconv.Itoa(i)
	}
	b.Run("list", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n := 0
			decide, end := a.Filter(ctx, &question)
			for i := range inputs {
				if decide(ctx, &inputs[i]).Allow {
					n++
				}
			}
			if end(); n != 1000 {
				b.Fatal(n)
			}
		}
	})
	b.Run("one by one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for i := range inputs {
				a.Decide(ctx, &inputs[i])
			}
		}
	})
}
