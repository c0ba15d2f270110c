package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func explain(t testing.TB, s *Snapshot, in *Input, steps bool) (Decision, *Explanation) {
	t.Helper()
	d, x, err := s.Explain(context.Background(), in.Value(), Options{Now: time.Unix(1700000000, 0), Timeout: 5 * time.Second}, steps)
	if err != nil && d.Failure == None {
		t.Fatal(err)
	}
	return d, x
}

func lines(rules []Rule) string {
	var out []string
	for _, r := range rules {
		out = append(out, r.String())
	}
	return strings.Join(out, " ")
}

// The rule that a decision comes from is found however the policy is written. Each policy begins in line 3.
func TestExplainNamesTheRule(t *testing.T) {
	for name, c := range map[string]struct{ rego, rules, decided string }{
		"a literal": {`decision := {"allow": true, "reason": "r"} if input.request`, "test.rego:3", "test.rego:3"},
		"an else": {`decision := {"allow": true} if input.body.nothing
else := {"allow": false, "reason": "r"}`, "test.rego:4", "test.rego:4"},
		"default": {`default decision := {"allow": false}

decision := {"allow": true} if input.body.nothing`, "test.rego:3", "test.rego:3"},
		"a reason of its own": {`decision := {"allow": true, "reason": why, "obligations": {"tier": tier}}

why := "r"

tier := "t"`, "test.rego:3 test.rego:5", "test.rego:5"},
		"allow alone": {`decision := {"allow": allow}

default allow := false

allow if input.body.nothing

allow if input.request.method == "POST"`, "test.rego:3 test.rego:9", "test.rego:9"},
		"no rule allows": {`decision := {"allow": allow}

default allow := false

allow if input.body.nothing`, "test.rego:3 test.rego:5", "test.rego:5"},
		"a function": {`decision := {"allow": true, "reason": why(input.request.method)}

why("GET") := "a"

why("POST") := sprintf("%s", [word])

word := "b"`, "test.rego:3 test.rego:7 test.rego:9", "test.rego:9"},
		"several reasons together": {`decision := {"allow": true, "reason": concat(", ", reasons)}

reasons contains "a" if input.request

reasons contains "b" if input.body.nothing

reasons contains "c" if input.client`, "test.rego:3 test.rego:5 test.rego:9", "test.rego:5 test.rego:9"},
		"one that was asked for before": {`decision := {"allow": true, "reason": concat(", ", reasons)} if count(reasons) > 0

reasons contains "a" if input.request`, "test.rego:3 test.rego:5", "test.rego:5"},
		"a comprehension": {`decision := {"allow": true, "reason": first[0]} if first := [r | some r in reasons]

reasons contains "a" if input.request`, "test.rego:3 test.rego:5", "test.rego:5"},
		"put together": {`decision := object.union(base, {"obligations": {}})

base := {"allow": true, "reason": "r"}`, "test.rego:3 test.rego:5", "test.rego:5"},
		"taken apart": {`decision := {"allow": ok, "reason": why} if [ok, why] := answer

answer := [true, "r"]`, "test.rego:3 test.rego:5", "test.rego:5"},
		"out of data": {`decision := {"allow": true, "reason": data.words[key]}

key := "k"`, "test.rego:3 test.rego:5", "test.rego:5"},
		"a member of an object": {`decision := {"allow": true, "reason": answers.yes.text}

answers := {"yes": {"text": "r"}}`, "test.rego:3 test.rego:5", "test.rego:5"},
	} {
		t.Run(name, func(t *testing.T) {
			d, x := explain(t, compile(t, c.rego, map[string]any{"words": map[string]any{"k": "w"}}), messagePost(), false)
			if d.Failure != None || lines(x.Rules) != c.rules || lines(x.Decided) != c.decided || x.Rule() != strings.Fields(c.decided)[0] || x.Truncated {
				t.Fatalf("%+v\n%+v", d, x)
			}
		})
	}
}

const triedPolicy = `default decision := {"allow": false, "reason": "no"}

# METADATA
# title: People with a ground
decision := {"allow": true, "reason": ground} if {
	ground
	not barred
}

ground := "owner" if {
	input.request.permission == "message:post"
	some relation in input.grants.resource
	data.good[relation]
}

ground := "target" if {
	input.request.permission == "other"
	input.target == "x"
}

barred if input.identity.name in data.barred
`

// A refusal tells what was tried, and where and by which values it did not hold.
func TestExplainTellsWhatWasTried(t *testing.T) {
	s := compile(t, triedPolicy, map[string]any{"good": map[string]any{"owner": true}, "barred": []any{"petra"}})
	d, x := explain(t, s, messagePost(), false)
	if d.Allow || lines(x.Decided) != "test.rego:3" || len(x.Tried) != 1 {
		t.Fatalf("%+v\n%+v", d, x)
	}
	top := x.Tried[0]
	if top.Line != 7 || top.Title != "People with a ground" || top.Failed.Line != 8 || top.Failed.Expression != "ground" || !top.Failed.First || len(top.Tried) != 2 {
		t.Fatalf("%+v", top)
	}
	owner, target := top.Tried[0], top.Tried[1]
	if owner.Line != 12 || owner.Failed.Line != 15 || owner.Failed.Expression != "data.good[relation]" || owner.Failed.First ||
		!slices.Contains(owner.Failed.Values, Value{"relation", `"member"`}) || !slices.Contains(owner.Failed.Values, Value{"input.grants.resource", `["viewer", "member"]`}) {
		t.Errorf("%+v %+v", owner, owner.Failed)
	}
	if target.Line != 18 || !target.Failed.First || !slices.Contains(target.Failed.Values, Value{"input.request.permission", `"message:post"`}) {
		t.Errorf("%+v %+v", target, target.Failed)
	}

	in := messagePost()
	in.Relations, in.Identity = []string{"owner"}, &reqctx.Identity{Name: "petra"}
	_, x = explain(t, s, in, false)
	if top = x.Tried[0]; top.Failed.Line != 9 || len(top.Tried) != 1 || !top.Tried[0].Held || top.Tried[0].Line != 23 {
		t.Errorf("what a negation hangs on: %+v", top)
	}
	in.Identity = ursula
	if d, x = explain(t, s, in, false); !d.Allow || len(x.Tried) > 0 || lines(x.Decided) != "test.rego:12" {
		t.Errorf("%+v %+v", d, x)
	}
}

// What Decide makes of a body that was not seen, Explain does.
func TestExplainTruncated(t *testing.T) {
	in := messagePost()
	in.Truncated = true
	for rego, allow := range map[string]bool{`decision := {"allow": true}`: false, `decision := {"allow": true, "allow_truncated": true}`: true} {
		if d, x := explain(t, compile(t, rego, nil), in, false); d.Allow != allow || x.Rule() != "test.rego:3" {
			t.Errorf("%s: %+v %+v", rego, d, x)
		}
	}
}

func TestExplainTrace(t *testing.T) {
	s := compile(t, triedPolicy, map[string]any{"good": map[string]any{"owner": true}})
	_, x := explain(t, s, messagePost(), true)
	if text := strings.Join(x.Trace, "\n"); !strings.Contains(text, "Fail data.good[") || !strings.Contains(text, "test.rego:15") {
		t.Error(text)
	}
	if _, x = explain(t, s, messagePost(), false); x.Trace != nil {
		t.Error("a trace that nobody asked for")
	}
}

// A policy that loops is explained in bounded memory, and one without an answer has no rule to name.
func TestExplainIsBounded(t *testing.T) {
	s := compile(t, `decision := {"allow": true} if {
	every n in numbers.range(1, 9000) { f(n) }
}

f(n) if n > 0`, nil)
	_, x := explain(t, s, messagePost(), true)
	if !x.Truncated || len(x.Trace) > mostSteps+1 {
		t.Errorf("%v, %d steps", x.Truncated, len(x.Trace))
	}
	for rego, rule := range map[string]string{`decision := {"allow": true} if input.body.nothing`: "", `decision := 1`: "test.rego:3"} {
		if d, x := explain(t, compile(t, rego, nil), messagePost(), false); d.Failure == None || x.Rule() != rule {
			t.Errorf("%s: %+v %+v", rego, d, x)
		}
	}
}

// Explaining answers as deciding does, for all permissions of the shipped policy and all relations.
func TestExplainDecidesTheSame(t *testing.T) {
	e := shipped(t)
	s := e.current.Load()
	for _, p := range []string{"none", "public", "app:read", "room:list", "room:read", "member:add", "message:delete", "account:admin", "app:restricted", "unknown"} {
		for _, role := range []string{"user", "moderator", "admin", "guest"} {
			for _, relations := range [][]string{nil, {"viewer"}, {"owner"}, {"author"}} {
				in := messagePost()
				in.Permission, in.Relations, in.ParentRelations = p, relations, relations
				in.Identity = &reqctx.Identity{Subject: "s", Name: "n", Roles: []string{role}}
				want, err := s.Evaluate(context.Background(), in.Value(), Options{Now: time.Unix(1700000000, 0)})
				if err != nil {
					t.Fatal(err)
				}
				got, x := explain(t, s, in, false)
				want.Steady, got.Steady = false, false // the index spares a policy from asking the clock
				if fmt.Sprint(got) != fmt.Sprint(want) || x.Rule() == "" {
					t.Errorf("%s, %s, %v: %+v is explained as %+v, by %q", p, role, relations, want, got, x.Rule())
				}
			}
		}
	}
}

// A test that fails says where, and what it saw there.
func TestExplainTest(t *testing.T) {
	src := &Source{
		Modules: map[string]string{"p.rego": "package gateway\n\ndecision := {\"allow\": yes}\n\ndefault yes := false\n\nyes if input.request.method == \"GET\"\n"},
		Tests: map[string]string{"p_test.rego": `package gateway_test

import data.gateway

test_get if {
	d := gateway.decision with input as {"request": {"method": "POST"}}
	d.allow
}

test_post if not gateway.yes with input as {"request": {"method": "POST"}}
`},
	}
	tried, err := ExplainTest(context.Background(), src, "data.gateway_test.test_get")
	if err != nil || len(tried) != 1 || tried[0].Line != 5 || tried[0].Failed.Line != 7 || tried[0].Failed.Expression != "d.allow" ||
		!slices.Contains(tried[0].Failed.Values, Value{"d", `{"allow": false}`}) {
		t.Errorf("%+v %v", tried, err)
	}
	if tried, err := ExplainTest(context.Background(), src, "data.gateway_test.test_post"); err != nil || len(tried) > 0 {
		t.Errorf("%+v %v", tried, err)
	}
	if err := CheckTests(src); err != nil {
		t.Error(err)
	}
	src.Tests["p_test.rego"] += "\ntest_unused if x := 1\n"
	if err := CheckTests(src); err == nil || !strings.Contains(err.Error(), "p_test.rego:12") {
		t.Error(err)
	}
}

// In a loop, what hangs on a rule that was asked for before is that of the same round.
func TestExplainLoops(t *testing.T) {
	src := &Source{
		Modules: map[string]string{"p.rego": "package gateway\n\ndecision := {\"allow\": yes} if yes\n\nyes if {\n\tgood\n\tinput.request.path == \"/\"\n}\n\ngood if input.request.method in {\"GET\", \"PUT\"}\n"},
		Tests: map[string]string{"p_test.rego": `package gateway_test

import data.gateway

test_all if {
	every method in ["GET", "PUT", "POST"] {
		ok(method)
	}
}

ok(method) if {
	not gateway.good with input as {"request": {"method": "x"}}
	gateway.decision with input as {"request": {"method": method, "path": "/"}}
}
`},
	}
	tried, err := ExplainTest(context.Background(), src, "data.gateway_test.test_all")
	if err != nil || len(tried) != 1 {
		t.Fatalf("%+v %v", tried, err)
	}
	at := tried[0]
	for _, line := range []int{10, 3, 5, 10} {
		if len(at.Tried) != 1 {
			t.Fatalf("below %s: %+v", at, at.Tried)
		}
		if at = at.Tried[0]; at.Line != line && at.File == "p.rego" {
			t.Fatalf("%+v", at)
		}
	}
	if !slices.Contains(at.Failed.Values, Value{"input.request.method", `"POST"`}) {
		t.Errorf("%+v", at.Failed)
	}
}
