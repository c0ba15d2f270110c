package engine

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

// masked compiles a policy with these rules of package system.log.
func masked(t *testing.T, rules string) *Snapshot {
	t.Helper()
	s, err := Compile(context.Background(), &Source{
		Modules: map[string]string{
			"p.rego":   "package gateway\n\ndecision := {\"allow\": true}\n",
			"log.rego": "package system.log\n\n" + rules + "\n",
		},
		Data: map[string]any{"hidden": []any{"/input/identity/name"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMasks(t *testing.T) {
	doc := ast.NewObject(pair{ast.StringTerm("input"), ast.NewTerm((&Input{Method: "PUT", Path: "/x"}).Value())})
	for rules, want := range map[string][]any{
		`other := 1`: nil,
		`mask contains "/input/identity/name" if input.input.request.method == "PUT"`:                                          {"/input/identity/name"},
		`mask contains "/input/identity/name" if input.input.request.method == "GET"`:                                          {},
		`mask contains path if some path in data.hidden`:                                                                       {"/input/identity/name"},
		`mask contains {"op": "upsert", "path": "/input/client/ip", "value": "0.0.0.0"}`:                                       {map[string]any{"op": "upsert", "path": "/input/client/ip", "value": "0.0.0.0"}},
		"mask := [\"/input/a\"] if input.input.request.path == \"/x\"\n\nmask := [] if input.input.request.path == \"/other\"": {"/input/a"},
	} {
		got, err := masked(t, rules).Masks(context.Background(), doc, Options{})
		if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n gives %v %v", rules, got, err)
		}
	}
	for rules, want := range map[string]string{
		`mask := "/input"`: "is no set",
		`mask contains x if x := to_number(input.input.request.path)`: "evaluating",
		"mask := [1] if input.input\n\nmask := [2] if input.input":    "evaluating",
	} {
		if got, err := masked(t, rules).Masks(context.Background(), doc, Options{}); err == nil || got != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n gives %v %v", rules, got, err)
		}
	}
}

// Data does not stand in for the rules that mask.
func TestDataDoesNotStandInForMasks(t *testing.T) {
	s := masked(t, `mask contains "/input/body"`)
	for path, value := range map[string]any{"mask": []any{}, "mask/x": true} {
		d := documentAt(t, append([]string{"system", "log"}, strings.Split(path, "/")...), value)
		over, err := s.WithDocuments(context.Background(), []Document{d})
		if err != nil {
			continue // better still
		}
		if got, err := over.Masks(context.Background(), ast.NewObject(), Options{}); err != nil || !reflect.DeepEqual(got, []any{"/input/body"}) {
			t.Errorf("%s: %v %v", path, got, err)
		}
	}
}
