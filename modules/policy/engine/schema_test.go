package engine

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"pgregory.net/rapid"
)

// A misspelt member is undefined for ever: behind a `not` that allows what was meant to be refused.
func TestMisspeltInputDoesNotCompile(t *testing.T) {
	for _, condition := range []string{
		`not input.identty`, `not input.request.querry.admin`, `input.identity.role == "admin"`, `input.grants.resources[_] == "owner"`, `input.request.verb == "GET"`,
		`input.resource.name == "x"`, `input.client.address == "x"`, `input.message.kind == "x"`, `input["bdoy"].x`,
		`every r in input.identity.rols { r == "a" }`,
	} {
		_, err := Compile(context.Background(), &Source{Modules: map[string]string{
			"folder/test.rego": "package gateway\n\ndecision := {\"allow\": true} if {\n\t" + condition + "\n}",
		}})
		if err == nil || !strings.Contains(err.Error(), "folder/test.rego:4") {
			t.Errorf("%s: %v", condition, err)
		}
	}
}

func TestWhatIsInTheInputCompiles(t *testing.T) {
	compile(t, `decision := {"allow": true} if {
		not input.identity
		input.body.anything["at all"][3].deep
		input.truncated == false
		input.request.classification
		"x" in input.request.query.anything
		"x" in input.identity.scopes
		input.identity.break_glass
		input.identity.created < 5
		input.parent.id
	}`, nil)
}

// The mask of the decision log has an input of its own, as OPA has it.
func TestSystemPackagesHaveAnotherInput(t *testing.T) {
	modules := map[string]string{
		"a.rego":    "package gateway\n\ndecision := {\"allow\": false}",
		"mask.rego": "package system.log\n\nmask contains \"/input/identity\" if input.input.identity",
	}
	if _, err := Compile(context.Background(), &Source{Modules: modules}); err != nil {
		t.Fatal(err)
	}
	modules["mask.rego"] = "package system.log\n\nmask contains x if y"
	if _, err := Compile(context.Background(), &Source{Modules: modules}); err == nil || !strings.Contains(err.Error(), "mask.rego:3") {
		t.Fatalf("a broken one compiles: %v", err)
	}
}

// What the schema says is what decisions are made from.
func TestEveryDocumentIsAsTheSchemaSays(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	s := compile(t, "decision := {\"allow\": valid, \"reason\": json.marshal(errors)} if [valid, errors] := json.match_schema(input, data.schema)",
		map[string]any{"schema": schema})
	if d, err := s.Evaluate(context.Background(), ast.NewObject(), Options{}); err != nil || d.Allow {
		t.Fatalf("an empty one is valid: %+v %v", d, err)
	}
	rapid.Check(t, func(t *rapid.T) {
		d, err := s.Evaluate(context.Background(), anyInput(t, "in").Value(), Options{})
		if err != nil || !d.Allow {
			t.Fatalf("%+v %v", d, err)
		}
	})
}

func TestUnknown(t *testing.T) {
	for doc, want := range map[string]string{
		`{"request":{"method":"GET","permision":"x"},"identty":{"name":"x"},"resource":{"type":"a","id":"b","kind":"c"},"body":{"x":{"y":1}},"target":"t"}`: "identty, request.permision, resource.kind",
		`{"identity":{"name":"x"},"grants":{"resource":["owner"],"parent":[]}}`:                                                                             "",
		`{"request":1}`: "",
	} {
		got, err := Unknown([]byte(doc))
		if err != nil || strings.Join(got, ", ") != want {
			t.Errorf("%s: %v %v", doc, got, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		value, err := ast.JSON(anyInput(t, "input").Value())
		if err != nil {
			t.Fatal(err)
		}
		doc, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Unknown(doc); err != nil || len(got) > 0 {
			t.Errorf("what a gateway gives is not known: %v %v", got, err)
		}
	})
}
