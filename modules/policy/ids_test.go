package policy

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
)

func aboutAll(permission, kind, name, role string) *engine.Input {
	in := &engine.Input{Method: "GET", Path: "/", Permission: permission, Resource: engine.Object{Type: kind}}
	if name != "" {
		in.Identity = person(name, role)
	}
	return in
}

func TestIDs(t *testing.T) {
	a := start(t, `{}`)
	ctx := context.Background()
	var add []grant.Grant
	for i := range 100 {
		add = append(add, grant.Grant{Subject: "ursula", Relation: "member", Object: fmt.Sprintf("room:u%02d", i)})
	}
	add = append(add,
		grant.Grant{Subject: "petra", Relation: "owner", Object: "room:p"}, grant.Grant{Subject: grant.Everyone, Relation: "viewer", Object: "room:open"},
		grant.Grant{Subject: "petra", Relation: "author", Object: "room:none"}, grant.Grant{Subject: "petra", Relation: "owner", Object: "file:f"})
	if err := a.Apply(ctx, add, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		in    *engine.Input
		limit int
		want  string
	}{
		{aboutAll("room:read", "room", "petra", "user"), 10, "[open p] false false"},
		{aboutAll("room:read", "room", "petra", "nobody"), 10, "[] false false"},
		{aboutAll("room:read", "room", "", ""), 10, "[] false false"},
		{aboutAll("room:read", "room", "*", "user"), 10, "[] false false"},
		{aboutAll("room:read", "room", "ursula", "user"), 3, "[open u00 u01] false true"},
		{aboutAll("room:list", "room", "petra", "user"), 10, "[] true false"}, // by role alone: every room there is
		{aboutAll("none", "room", "petra", "admin"), 10, "[] false false"},
		{aboutAll("public", "room", "", ""), 10, "[] true false"},
	} {
		ids, all, more, err := a.IDs(ctx, c.in, c.limit)
		if got := fmt.Sprint(ids, all, more); err != nil || got != c.want {
			t.Errorf("%s of %+v: %s %v, want %s", c.in.Permission, c.in.Identity, got, err, c.want)
		}
	}
	if ids, all, more, err := a.IDs(ctx, aboutAll("room:read", "room", "ursula", "user"), 1000); err != nil || all || more || len(ids) != 101 || !strings.HasPrefix(ids[100], "u") {
		t.Error(ids, all, more, err)
	}
	if err := a.ground.DB.Close(); err != nil {
		t.Fatal(err)
	}
	if ids, all, _, err := a.IDs(ctx, aboutAll("room:read", "room", "otto", "user"), 10); err == nil || all || len(ids) > 0 {
		t.Error("without the database:", ids, all)
	}
}

// A policy that looks at ids, or that bars somebody from a thing, has no answer for all of them.
func TestIDsOfPoliciesThatLookAtMore(t *testing.T) {
	for rego, want := range map[string]string{
		`decision := {"allow": input.resource.id != "b"}`:                                    "[a] false true",
		`decision := {"allow": true} if not "banned" in input.grants.resource`:               "[a] false true",
		`decision := {"allow": true}`:                                                        "[] true false",
		`decision := {"allow": "member" in input.grants.parent}`:                             "[] false true",
		`decision := {"allow": input.grants.resource[0] == "member"}`:                        "[a] false true", // of others it says nothing
		`decision := {"allow": "member" in input.grants.resource}`:                           "[a] false false",
		`decision := {"allow": 1 / (count(input.grants.resource) - 1) > 0}`:                  "[] false false", // it fails
		`decision := {"allow": true} if input.identity.name == "petra"`:                      "[] false true",
		`decision := {"allow": io.jwt.decode_verify(input.request.host, {"secret": ""})[0]}`: "[] false true",
	} {
		a := start(t, `{"folder":"`+write(t, rego)+`"}`)
		if err := a.Apply(context.Background(), []grant.Grant{{Subject: "ursula", Relation: "member", Object: "room:a"}, {Subject: "ursula", Relation: "banned", Object: "room:b"}}, nil); err != nil {
			t.Fatal(err)
		}
		ids, all, more, err := a.IDs(context.Background(), aboutAll("read", "room", "ursula", "user"), 10)
		if got := fmt.Sprint(ids, all, more); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", rego, got, err, want)
		}
	}
}
