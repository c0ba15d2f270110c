package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"pgregory.net/rapid"
)

func TestReads(t *testing.T) {
	for condition, want := range map[string]reads{
		`1 == 1`:                             0,
		`input.request.permission == "x"`:    readPermission,
		`input.request`:                      readRequest,
		`"x" in input.request.query.a`:       readQuery,
		`not input.request.query`:            readQuery,
		`not input.identity`:                 readIdentity,
		`input.identity`:                     readIdentity,
		`x := input.identity; x.name == ""`:  inIdentity,
		`input.body`:                         readBody,
		`input.body.a.b == 1`:                readBody,
		`input.identity.roles[_] == "admin"`: readRoles,
		`"admin" in input.identity.roles`:    readRoles,
		`some r in input.identity.roles; data.x[r][input.request.permission]`: readRoles | readPermission,
		`data.x[input.request.route]`:                                         readRoute,
		`input.body[input.target]`:                                            readBody | readTarget,
		`every g in input.grants.resource { g == "x" }`:                       readResourceGrants,
		`count([1 | some g in input.grants.parent]) > 0`:                      readParentGrants,
		`f(input.client)`:                                                     inClient,
		`f(input)`:                                                            readAll,
		`some k, v in input; f([k, v])`:                                       readAll,
		`input.identity[input.target] == 1`:                                   inIdentity | readTarget,
		`k := "identity"; input[k].name == ""`:                                readAll,
		`walk(input.message, [_, "x"])`:                                       inMessage,
		`other with input as {"target": "x"}`:                                 readAll, // more than need be
		`other`:                                                               readTarget,
		`$"{input.request.host}" == "x"`:                                      readHost,
	} {
		rules := "decision := {\"allow\": true} if { " + condition + " }\n\nf(x) if x\n"
		if want == readTarget || want == readAll {
			rules += "\nother if input.target == \"x\"\n"
		}
		if s := compile(t, rules, nil); s.reads != want {
			t.Errorf("%s: reads %b, not %b", condition, s.reads, want)
		}
	}
	for rule, want := range map[string]reads{
		`decision := {"allow": true, "reason": input.request.method}`:                                      readMethod,
		"decision := {\"allow\": true} if false\n\nelse := {\"allow\": input.truncated}":                   readTruncated,
		"decision := d[\"x\"]\n\nd[input.request.path] := {\"allow\": true}":                               readPath,
		"decision := {\"allow\": true} if s[1]\n\ns contains 1 if input.resource.id":                       readResourceID,
		"decision := {\"allow\": true} if g(1)\n\ng(x) := input.parent.type if x == 1":                     readParentType,
		"decision := {\"allow\": true} if i.name == \"\"\n\ni := input.identity":                           inIdentity,
		"import input.client.ip as address\n\ndecision := {\"allow\": address == \"192.0.2.1\"}":           readIP,
		"import input as everything\n\ndecision := {\"allow\": everything.client.country == \"DE\"}":       readCountry,
		"decision := {\"allow\": true} if data.gateway.h.deep\n\nh[x] := input.client.ip if x := \"deep\"": readIP,
	} {
		if s := compile(t, rule, nil); s.reads != want {
			t.Errorf("%s: reads %b, not %b", rule, s.reads, want)
		}
	}
}

// A member that the schema has and the paths do not would be taken for one of what holds it.
func TestPathsAreThoseOfTheSchema(t *testing.T) {
	type node struct {
		Properties map[string]json.RawMessage
		Ref        string `json:"$ref"`
	}
	var walk func(raw json.RawMessage, path string)
	seen := map[string]bool{}
	var root struct {
		Definitions map[string]json.RawMessage
	}
	if err := json.Unmarshal(Schema, &root); err != nil {
		t.Fatal(err)
	}
	walk = func(raw json.RawMessage, path string) {
		var n node
		if err := json.Unmarshal(raw, &n); err != nil {
			t.Fatal(err)
		}
		if n.Ref != "" {
			walk(root.Definitions["object"], path)
			return
		}
		if path != "" {
			seen[path] = true
			path += "."
		}
		for name, p := range n.Properties {
			walk(p, path+name)
		}
	}
	walk(Schema, "")
	all := reads(0)
	for p, part := range paths {
		if !seen[p] {
			t.Errorf("%s is not in the schema", p)
		}
		if all.any(part) {
			t.Errorf("%s has the part of another", p)
		}
		all |= part
		delete(seen, p)
	}
	if len(seen) > 0 || all != readAll {
		t.Errorf("not among the paths: %v", seen)
	}
}

// What is left out of the document changes no decision.
func TestPartsThatAreNotReadChangeNothing(t *testing.T) {
	conditions := []string{
		`not input.identity`, `input.identity`, `input.request.permission == "a"`, `"viewer" in input.grants.resource`, `input.grants.parent[0] == "a"`,
		`input.identity.roles[0] == "ab"`, `input.identity.mfa_time < 6`, `not input.identity.scopes`, `"a" in input.identity.scopes`, `input.resource.type == "room"`,
		`not input.parent`, `input.parent.id`, `input.target == "a"`, `not input.target`, `input.message.type == "a"`, `not input.message`, `input.body == 1`, `not input.body`,
		`input.truncated`, `input.client.country == "DE"`, `startswith(input.client.ip, "192")`, `not input.client`, `input.identity.break_glass`, `not input.identity.trusted_device`,
		`count(input.identity) > 11`, `count(input) > 5`, `some k, _ in input; k == "message"`, `input.identity[input.request.method] == "a"`, `input.identity.created`, `input.request.query.a[_] == "2"`, `not input.request.query.b`, `count(input.request.query) > 1`, `not input.request.classification`,
	}
	rapid.Check(t, func(t *rapid.T) {
		rules := ""
		for i := range rapid.IntRange(1, 3).Draw(t, "rules") {
			body := ""
			for _, c := range rapid.SliceOfNDistinct(rapid.SampledFrom(conditions), 1, 3, rapid.ID).Draw(t, "conditions") {
				body += "\n\t" + c
			}
			rules += fmt.Sprintf("decided contains %d if {%s\n}\n\n", i, body)
		}
		s, err := Compile(context.Background(), &Source{Modules: map[string]string{
			"a.rego": "package gateway\n\n" + rules + "decision := {\"allow\": true, \"reason\": json.marshal(decided)}",
		}})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			in := anyInput(t, "in")
			whole, err1 := s.Evaluate(context.Background(), in.Value(), Options{})
			part, err2 := s.Evaluate(context.Background(), in.value(s.reads, &s.terms), Options{})
			if err1 != nil || err2 != nil || whole.Reason != part.Reason {
				t.Fatalf("%s\n%v\n%+v %v\n%+v %v", rules, in.Value(), whole, err1, part, err2)
			}
		}
	})
}

func TestReadsByPath(t *testing.T) {
	s := compile(t, `decision := {"allow": true} if input.body.x == input.identity.name`, nil)
	for path, want := range map[string]bool{"body": true, "identity": true, "identity.name": true, "identity.roles": false, "request": false, "nothing": false} {
		if s.Reads(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
	if _, ok := (&Input{Body: ast.NewArray()}).key(nil, s.reads); ok {
		t.Error("bodies are remembered")
	}
}
