package engine

import (
	"context"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

const tables = `
adults := {name | some name, p in data.people; p.age >= 18}

ages[name] := p.age if some name, p in data.people

asked := {input.request.method}

hour := [time.now_ns(), data.people]

of_asked := {x | some x in asked; data.people}

torn := 1 if data.people.a

torn := 2 if data.people.b

decision := {"allow": allow, "reason": reason, "obligations": {}} if {
	allow := input.request.path in adults
	reason := sprintf("%v %v", [object.get(ages, input.request.path, 0), count(mocked)])
}

mocked := found if found := adults with data.people as {}
`

func aged(age int) map[string]any {
	return map[string]any{"people": map[string]any{"a": map[string]any{"age": age}, "b": map[string]any{"age": 1}}}
}

// What the data alone decide is found once, and nothing else is.
func TestConstants(t *testing.T) {
	s := compile(t, tables, aged(20))
	for name, want := range map[string]bool{
		"adults": true, "ages": true, "asked": false, "hour": false, "of_asked": false, "torn": false, "decision": false,
	} {
		ref := ast.MustParseRef("data.gateway." + name)
		if got := s.constants.get(ref, hashOf(ref)) != nil; got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A decision says the same with them and without: over other data, and where `with` puts other data in their place.
func TestConstantsChangeNothing(t *testing.T) {
	s := compile(t, tables, aged(20))
	younger, err := s.snapshot(context.Background(), aged(10))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		s      *Snapshot
		allow  bool
		reason string
	}{{s, true, "20 0"}, {younger, false, "10 0"}} {
		for range 2 {
			d, err := New(c.s, time.Minute, time.Now).Decide(context.Background(), &Input{Path: "a"})
			if err != nil || d.Allow != c.allow || d.Reason != c.reason {
				t.Errorf("%+v %v", d, err)
			}
			c.s.constants, c.s.memory = nil, nil
		}
	}
}

// What fails, has no value or contradicts itself still does so in decisions.
func TestConstantsThatFail(t *testing.T) {
	for name, rego := range map[string]string{
		"fails":       `c := 1 / count(data.none)`,
		"undefined":   `c := data.none[0]`,
		"contradicts": `c[k] := v if { k := "a"; some v in data.both }`,
	} {
		s := compile(t, rego+"\n\n"+`decision := {"allow": true, "reason": sprintf("%v", [c]), "obligations": {}}`, map[string]any{"none": []any{}, "both": []any{1, 2}})
		if len(s.constants.frame.entries) != 0 {
			t.Errorf("%s: it has a value", name)
		}
		if d, err := New(s, time.Minute, time.Now).Decide(context.Background(), &Input{}); err == nil || d.Allow || d.Failure == None {
			t.Errorf("%s: %+v %v", name, d, err)
		}
	}
}
