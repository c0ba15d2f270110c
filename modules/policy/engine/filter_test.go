package engine

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/policies"
)

// conditions that policies make of what differs from element to element, and of what does not. Each stands in a rule's body.
var conditions = []string{
	`some r in input.grants.resource; data.good[r]`,
	`"owner" in input.grants.resource`,
	`not "member" in input.grants.resource`,
	`some r in input.grants.parent; data.good[r]`,
	`count(input.grants.resource) > count(input.grants.parent)`,
	`every r in input.grants.resource { r != "banned" }`,
	`input.resource.id == "a"`,
	`startswith(input.resource.id, "b")`,
	`data.open[input.resource.id]`,
	`input.resource.type == "room"`,
	`input.parent.id == "p"`,
	`not input.parent`,
	`input.target == input.identity.name`,
	`input.identity.name == "ursula"`,
	`"admin" in input.identity.roles`,
	`not input.identity`,
	`input.request.permission == "read"`,
	`input.request.permission == "write"`,
	`time.now_ns() > 5`,
	`helper`,
	`not helper`,
	`level(input.resource.id) == 2`,
	`level("b") == 2`,
	`level(input.identity.name) != 3`,
	`rank == "high"`,
	`count(names) > 1`,
	`{x | some x in input.grants.resource; x != "owner"} == {"member"}`,
	`helper with input.grants.resource as ["owner"]`,
	`helper with input as {"resource": {"id": "a"}, "grants": {"resource": ["owner"], "parent": []}}`,
	`object.get(input, ["resource", "id"], "") == "b1"`,
	`object.get(input.resource, "id", "") != "c"`,
	`json.filter(input, ["target"]) == {"target": "petra"}`,
	`walk(input, [path, "p"])`,
	`input[_].id == "a"`,
	`x := input.grants; "viewer" in x.resource`,
	`data.gateway.rank == "low"`,
	`data.gateway[input.resource.type]`,
	`to_number(input.resource.id) > 1`,
	`regex.match("^[ab]", input.resource.id)`,
	`true`,
	`false`,
}

// anyPolicy draws a policy: a decision of several branches, with rules of all kinds below it.
func anyPolicy(t *rapid.T) string {
	condition := rapid.SampledFrom(conditions)
	var b strings.Builder
	b.WriteString("package gateway\n\nimport rego.v1\n\n")
	body := func(label string) string {
		list := rapid.SliceOfN(condition, 1, 3).Draw(t, label)
		if strings.HasPrefix(label, "below") { // no rule reads itself
			for i, c := range list {
				for _, own := range []string{"helper", "rank", "level", "names", "data.gateway"} {
					if strings.Contains(c, own) {
						list[i] = "true"
					}
				}
			}
		}
		for i, c := range list { // each in a scope of its own
			if strings.Contains(c, "some r") || strings.Contains(c, "x :=") {
				list[i] = strings.ReplaceAll(strings.ReplaceAll(c, "some r ", fmt.Sprintf("some r%d ", i)), "[r]", fmt.Sprintf("[r%d]", i))
				list[i] = strings.ReplaceAll(strings.ReplaceAll(list[i], "x :=", fmt.Sprintf("x%d :=", i)), "x.", fmt.Sprintf("x%d.", i))
			}
		}
		return strings.Join(list, "\n\t")
	}
	for i := range rapid.IntRange(1, 2).Draw(t, "rules") {
		fmt.Fprintf(&b, "decision := {\"allow\": %v, \"reason\": \"r%d\"} if {\n\t%s\n}", rapid.Bool().Draw(t, "allow"), i*rapid.IntRange(0, 1).Draw(t, "same"), body("first"))
		for j := range rapid.IntRange(0, 3).Draw(t, "branches") {
			value := fmt.Sprintf(`{"allow": %v, "reason": "e%d"}`, rapid.Bool().Draw(t, "allow"), j)
			if rapid.IntRange(0, 4).Draw(t, "computed") == 0 {
				value = `{"allow": true, "reason": concat("", names)}`
			}
			fmt.Fprintf(&b, " else := %s if {\n\t%s\n}", value, body("branch"))
		}
		b.WriteString("\n\n")
	}
	if rapid.Bool().Draw(t, "default") {
		b.WriteString("default decision := {\"allow\": false, \"reason\": \"default\"}\n\n")
	}
	fmt.Fprintf(&b, "helper if {\n\t%s\n}\n\nhelper if {\n\t%s\n}\n\n", body("below1"), body("below2"))
	fmt.Fprintf(&b, "rank := \"high\" if {\n\t%s\n} else := \"low\" if {\n\t%s\n}\n\n", body("below3"), body("below4"))
	fmt.Fprintf(&b, "names contains \"one\" if {\n\t%s\n}\n\nnames contains \"two\" if {\n\t%s\n}\n\n", body("below5"), body("below6"))
	fmt.Fprintf(&b, "room if {\n\t%s\n}\n\n", body("below7"))
	b.WriteString("level(x) := 1 if {\n\tx == \"a\"\n} else := 2 if {\n\tstartswith(x, \"b\")\n} else := 3\n")
	return b.String()
}

func anyElements(t *rapid.T, n int) []Element {
	word := rapid.SampledFrom([]string{"a", "b", "b1", "c", "2"})
	relations := rapid.SliceOfN(rapid.SampledFrom([]string{"owner", "member", "viewer", "banned"}), 0, 2)
	parent := rapid.SampledFrom([]Object{{}, {"hall", "p"}, {"hall", "q"}})
	target := rapid.SampledFrom([]string{"", "ursula", "petra"})
	out := make([]Element, n)
	for i := range out {
		out[i] = Element{
			Resource: Object{"room", word.Draw(t, "id")}, Parent: parent.Draw(t, "parent"), Target: target.Draw(t, "target"),
			Relations: relations.Draw(t, "relations"), ParentRelations: relations.Draw(t, "parent relations"),
		}
	}
	return out
}

func anyQuestion(t *rapid.T, permissions ...string) *Input {
	in := &Input{Method: "GET", Path: "/list", Permission: rapid.SampledFrom(permissions).Draw(t, "permission"), Resource: Object{Type: "room"}}
	if rapid.IntRange(0, 5).Draw(t, "anonymous") > 0 {
		in.Identity = &reqctx.Identity{
			Subject: "1", Name: rapid.SampledFrom([]string{"ursula", "petra"}).Draw(t, "name"),
			Roles: rapid.SliceOfN(rapid.SampledFrom([]string{"user", "moderator", "admin"}), 0, 2).Draw(t, "roles"),
		}
	}
	return in
}

// Whatever the policy, a filter says of each element what a decision about it alone would say.
func TestFilterIsTheDecision(t *testing.T) {
	told := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		text := anyPolicy(t)
		src := &Source{Modules: map[string]string{"random.rego": text}, Data: map[string]any{
			"good": map[string]any{"owner": true, "viewer": true}, "open": map[string]any{"a": true, "b1": false},
		}}
		s, err := Compile(context.Background(), src)
		if err != nil {
			return // names that strict mode refuses
		}
		e := New(s, time.Second, time.Now)
		sameAsAlone(t, e, anyQuestion(t, "read", "write"), anyElements(t, 60), text)
		if s.partial.err != nil {
			t.Fatal(s.partial.err, "\n", text)
		}
		for _, r := range s.lists.known {
			told[r.any(readResourceID)]++
		}
	})
	if told[true] == 0 || told[false] == 0 {
		t.Errorf("policies that read the id or not: %v", told)
	}
}

func TestFilterIsTheDecisionOfTheShippedPolicy(t *testing.T) {
	src, err := Load(policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	var permissions []string
	for p := range src.Data["permissions"].(map[string]any) {
		permissions = append(permissions, p)
	}
	slices.Sort(permissions)
	e := shipped(t)
	rapid.Check(t, func(t *rapid.T) {
		sameAsAlone(t, e, anyQuestion(t, permissions...), anyElements(t, 60), "")
	})
	s := e.current.Load()
	if s.partial.err != nil {
		t.Error(s.partial.err)
	}
	for key, r := range s.lists.known {
		if r.any(readResourceID) {
			t.Errorf("the decision %q needs the id", key)
		}
	}
}

// given is for elements that have all.
func given(context.Context, *Element, Needs) error { return nil }

func sameAsAlone(t *rapid.T, e *Engine, in *Input, elements []Element, text string) {
	var el Element
	f := e.Filter(in, func(_ context.Context, to *Element, needs Needs) error {
		if needs.Relations {
			to.Relations = el.Relations
		}
		if needs.Parent {
			to.Parent = el.Parent
		}
		if needs.ParentRelations {
			to.ParentRelations = el.ParentRelations
		}
		return nil
	})
	f.asked = few - 30
	s := e.current.Load()
	for i := range elements {
		el = elements[i]
		got, gotErr := f.Decide(context.Background(), Element{Resource: el.Resource, Target: el.Target})
		alone := *in
		alone.Resource, alone.Parent, alone.Target, alone.Relations, alone.ParentRelations = el.Resource, el.Parent, el.Target, el.Relations, el.ParentRelations
		want, wantErr := s.Evaluate(context.Background(), alone.Value(), Options{Timeout: time.Second, Now: time.Now()})
		if got.Allow != want.Allow || got.Reason != want.Reason || got.Failure != want.Failure || (gotErr == nil) != (wantErr == nil) {
			t.Fatalf("element %d %+v: %+v %v, alone %+v %v\n%+v\n%s", i, el, got, gotErr, want, wantErr, f.reads, text)
		}
	}
}

// What is read is found where it is read in another rule, and what the permission leaves out is left out.
func TestWhatAListNeeds(t *testing.T) {
	s := compile(t, `
decision := {"allow": true, "reason": "open"} if {
	input.request.permission == "doc:read"
	data.open[input.resource.id]
} else := {"allow": true, "reason": "grant"} if {
	input.request.permission == "room:read"
	"member" in input.grants.resource
} else := {"allow": true, "reason": "hall"} if {
	input.request.permission == "hall:read"
	"member" in input.grants.parent
} else := {"allow": true, "reason": "role"} if {
	input.request.permission == "list"
} else := {"allow": true, "reason": "clock"} if {
	input.request.permission == "clock"
	time.now_ns() > 5
	"member" in input.grants.resource
} else := {"allow": false, "reason": "no"}
`, map[string]any{"open": map[string]any{"a": true}})
	e := New(s, 0, time.Now)
	for permission, want := range map[string]reads{
		"doc:read": readResourceID, "room:read": readResourceGrants, "hall:read": readParentGrants, "list": 0, "clock": readResourceGrants, "other": 0,
	} {
		f := e.Filter(&Input{Permission: permission, Resource: Object{Type: "room"}}, given)
		for i := range 2 * few {
			if _, err := f.Decide(context.Background(), Element{Resource: Object{"room", strconv.Itoa(i)}, Relations: []string{"x"}}); err != nil {
				t.Fatal(err)
			}
		}
		if f.reads != want {
			t.Errorf("%s reads %b, want %b", permission, f.reads, want)
		}
	}
}

// What the clock said of one element does not hold for the others for ever.
func TestAListSeesTheClock(t *testing.T) {
	now := time.Unix(100, 0)
	s := compile(t, `decision := {"allow": time.now_ns() < 200000000000, "reason": ""}`, nil)
	e := New(s, 0, func() time.Time { return now })
	f := e.Filter(&Input{Resource: Object{Type: "room"}}, given)
	f.asked = few - 10
	for i := range 100 {
		d, err := f.Decide(context.Background(), Element{Resource: Object{"room", strconv.Itoa(i)}})
		if want := now.Unix() < 200; err != nil || d.Allow != want {
			t.Fatalf("at %v: %+v %v", now, d, err)
		}
		now = now.Add(2 * time.Second)
	}
}

// A list that has begun goes on with the policy it began with.
func TestAListSeesOnePolicy(t *testing.T) {
	e := New(compile(t, `decision := {"allow": true, "reason": "one"}`, nil), 0, time.Now)
	f := e.Filter(&Input{Resource: Object{Type: "room"}}, given)
	e.Swap(compile(t, `decision := {"allow": false, "reason": "two"}`, nil))
	for i := range 2 * few {
		if d, err := f.Decide(context.Background(), Element{Resource: Object{"room", strconv.Itoa(i)}}); err != nil || d.Reason != "one" {
			t.Fatal(d, err)
		}
	}
}

// A policy that can't be evaluated partially, or whose evaluation fails then, is decided all the same.
func TestFilterFallsBack(t *testing.T) {
	for name, s := range map[string]*Snapshot{
		"package": compileAll(t, map[string]string{
			"a.rego": "package gateway\n\ndecision := {\"allow\": data.partial__.x, \"reason\": input.resource.id}\n", "b.rego": "package partial__\n\nx := true\n",
		}),
		"failing":      compile(t, `decision := {"allow": 1 / count(input.identity.name) == 1, "reason": input.resource.id}`, nil),
		"silent clock": compile(t, "decision := {\"allow\": true, \"reason\": input.resource.id}\n\nunused if io.jwt.decode_verify(\"x\", {\"secret\": \"x\"})[0]", nil),
	} {
		e := New(s, 0, time.Now)
		in := &Input{Resource: Object{Type: "room"}, Identity: &reqctx.Identity{Name: "u"}}
		f := e.Filter(in, given)
		for i := range 2 * few {
			id := strconv.Itoa(i)
			if d, err := f.Decide(context.Background(), Element{Resource: Object{"room", id}}); err != nil || !d.Allow || d.Reason != id {
				t.Fatalf("%s: %+v %v", name, d, err)
			}
		}
	}
}

func compileAll(t testing.TB, modules map[string]string) *Snapshot {
	t.Helper()
	s, err := Compile(context.Background(), &Source{Modules: modules, Data: map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// BenchmarkFilter10000 decides a list of ten thousand rooms for somebody new, who may have one in ten: by the shipped policy, and by one that
// looks at the id of a resource for another permission, so that decisions made one by one can't be remembered for the next room.
func BenchmarkFilter10000(b *testing.B) {
	src, err := Load(policies.FS)
	if err != nil {
		b.Fatal(err)
	}
	src.Modules["docs.rego"] = "package gateway\n\nrule(\"doc:read\", _) := \"open\" if data.open[input.resource.id]\n"
	src.Data["open"] = map[string]any{"a": true}
	ids, err := Compile(context.Background(), src)
	if err != nil {
		b.Fatal(err)
	}
	for name, e := range map[string]*Engine{"shipped": shipped(b), "reads ids elsewhere": New(ids, 0, time.Now)} {
		b.Run(name, func(b *testing.B) { benchmarkFilter(b, e) })
	}
}

func benchmarkFilter(b *testing.B, e *Engine) {
	question := messagePost()
	question.Permission, question.Resource, question.Relations = "room:read", Object{Type: "room"}, nil
	elements := make([]Element, 10_000)
	for i := range elements {
		elements[i].Resource = Object{"room", "room-" + strconv.Itoa(i)}
		if i%10 == 0 {
			elements[i].Relations = [][]string{{"viewer"}, {"member"}, {"owner", "member"}}[i/10%3]
		}
	}
	n := 0
	somebody := func() *Input {
		n++
		who, in := *question.Identity, *question
		who.Subject = strconv.Itoa(n)
		in.Identity = &who
		return &in
	}
	b.Run("filter", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f := e.Filter(somebody(), given)
			for i := range elements {
				if _, err := f.Decide(context.Background(), elements[i]); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("one by one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			in := somebody()
			for i := range elements {
				in.Resource, in.Relations = elements[i].Resource, elements[i].Relations
				if _, err := e.Decide(context.Background(), in); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("partial evaluation", func(b *testing.B) {
		s := e.current.Load()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.partially(context.Background(), question, time.Now(), time.Second); err != nil {
				b.Fatal(err)
			}
		}
	})
}
