package decisionlog

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/policy/engine"
)

func TestTheInputIsShownMasked(t *testing.T) {
	for masks, want := range map[string]string{
		"":                                     `"name":"ursula"`,
		`mask contains "/input/identity/name"`: `"grants":{"parent":[],"resource":["author"]},"identity":{"acr":"",`,
		`mask contains {"op": "upsert", "path": "/input/identity/name", "value": "someone"}`: `"name":"someone"`,
		`mask contains "/input/identity/name" if input.result.allow == false`:                `"name":"ursula"`,
	} {
		s := compile(t, allows, masks)
		got := loggedWith(t, Options{}, s, full(entry(s)))[0]
		input, _ := json.Marshal(got["gateway.decision.input"])
		if !strings.Contains(string(input), want) || strings.Contains(string(input), "ursula") != strings.Contains(want, "ursula") && masks != "" {
			t.Errorf("%s: %s", masks, input)
		}
		if got["gateway.decision.input_withheld"] != nil {
			t.Error(got)
		}
	}
	s := compile(t, allows, `mask contains "/input"`)
	if got := loggedWith(t, Options{}, s, full(entry(s)))[0]; got["gateway.decision.input"] != nil || !reflect.DeepEqual(got["gateway.decision.erased"], []any{"/input"}) {
		t.Error(got)
	}
	if got := loggedWith(t, Options{}, s, entry(s))[0]; got["gateway.decision.input"] != nil {
		t.Error("it was not asked for")
	}
}

// What can't be masked is not shown.
func TestMaskingFailsClosed(t *testing.T) {
	for _, masks := range []string{
		`mask := "/input/identity"`,
		`mask contains "identity"`,
		`mask contains "/identity"`,
		`mask contains "/inputs"`,
		`mask contains "/result"`,
		`mask contains "/results/reason"`,
		`mask contains "/result/allow"`,
		`mask contains {"op": "upsert", "path": "/result/reason", "value": ["x"]}`,
		`mask contains {"op": "upsert", "path": "/result/more", "value": "x"}`,
		`mask contains concat("/", ["", "result", "allow"])`,
		`mask contains "/input/%zz"`,
		`mask contains 7`,
		`mask contains {"op": "hide", "path": "/input/identity"}`,
		`mask contains {"path": "/input/identity"}`,
		`mask contains {"op": "remove", "path": 7}`,
		`mask contains {"op": "upsert", "path": "/input", "value": 1}`,
		`mask contains x if x := to_number(input.input.request.path)`,
		"mask := [1] if input.input\n\nmask := [2] if input.result",
	} {
		s, told := compile(t, allows, masks), 0
		got := loggedWith(t, Options{Error: func(error) { told++ }}, s, full(entry(s)))
		if len(got) != 1 || got[0]["gateway.decision.input"] != nil || got[0]["gateway.decision.input_withheld"] != true || told != 1 {
			t.Errorf("%s: told %d times: %v", masks, told, got)
		}
	}
	s := compile(t, allows, "")
	e := full(entry(s))
	e.Input.Body = ast.String(strings.Repeat("x", mostInput))
	if got := loggedWith(t, Options{}, s, e); len(got) != 1 || got[0]["gateway.decision.input"] != nil || got[0]["gateway.decision.input_withheld"] != true {
		t.Errorf("a large one: %v", got)
	}
}

// What a mask hides of the result is in no event, whether or not the input is in it, and the input is shown all the same.
func TestTheResultIsShownMasked(t *testing.T) {
	for masks, want := range map[string]struct {
		reason, tier any
		list         string
	}{
		`mask contains "/result/reason"`:                                                               {nil, "premium", "erased"},
		`mask contains "/result/obligations/tier"`:                                                     {"author", nil, "erased"},
		`mask contains "/result/obligations"`:                                                          {"author", nil, "erased"},
		`mask contains {"op": "upsert", "path": "/result/reason", "value": "hidden"}`:                  {"hidden", "premium", "masked"},
		`mask contains "/result/reason" if input.result.allow`:                                         {nil, "premium", "erased"},
		`mask contains concat("/", ["", "result", "reason"]) if input.input.identity.name == "ursula"`: {nil, "premium", "erased"},
		"mask contains \"/input/identity/name\"\n\nmask contains \"/result/obligations/tier\"":         {"author", nil, "erased"},
		`mask contains "/result/reason" if not input.result.allow`:                                     {"author", "premium", ""},
		`mask contains "/result/obligations/nothing"`:                                                  {"author", "premium", ""},
	} {
		s := compile(t, allows, masks)
		brief := entry(s)
		brief.Decision.Obligations.Tier = "premium"
		for _, e := range []Entry{brief, full(brief)} {
			e.Decision.Obligations.Tier = "premium"
			got := loggedWith(t, Options{}, s, e)[0]
			if got["event.reason"] != want.reason || got["gateway.decision.tier"] != want.tier || got["gateway.decision.allow"] != true || got["event.outcome"] != "success" {
				t.Errorf("%s: %v", masks, got)
			}
			if (got["gateway.decision.input"] != nil) != (e.Decision.Obligations.Log == engine.LogFull) || got["gateway.decision.input_withheld"] != nil || got["gateway.decision.result_withheld"] != nil {
				t.Errorf("%s: %v", masks, got)
			}
			if want.list != "" && got["gateway.decision."+want.list] == nil {
				t.Errorf("%s: it is not said: %v", masks, got)
			}
		}
	}
}

// Where a result may have to be hidden, and it can't be told, it is: of a policy that hides none nothing is lost.
func TestResultsAreWithheld(t *testing.T) {
	hiding, plain := compile(t, allows, `mask contains "/result/reason" if to_number(input.input.request.path)`), compile(t, allows, `mask contains "/input/body" if to_number(input.input.request.path)`)
	if !hiding.HidesResults() || plain.HidesResults() || compile(t, allows, "").HidesResults() {
		t.Error("which hides is not told")
	}
	if got := loggedWith(t, Options{}, hiding, entry(hiding))[0]; got["event.reason"] != nil || got["gateway.decision.result_withheld"] != true || got["gateway.decision.input_withheld"] != nil {
		t.Errorf("%v", got)
	}
	gone := entry(hiding)
	gone.Decision.Revision = "gone"
	if got := loggedWith(t, Options{}, hiding, entry(hiding), gone)[1]; got["event.reason"] != nil || got["gateway.decision.result_withheld"] != true {
		t.Errorf("%v", got)
	}
	if got := loggedWith(t, Options{}, plain, entry(plain), full(entry(plain)), gone); got[0]["event.reason"] != "author" || got[1]["event.reason"] != "author" || got[1]["gateway.decision.input_withheld"] != true || got[2]["event.reason"] != "author" {
		t.Errorf("%v", got)
	}
}

func TestMasks(t *testing.T) {
	for _, c := range []struct{ masks, in, want string }{
		{`["/input/a"]`, `{"a":1,"b":2}`, `{"b":2}`},
		{`["/input/a/b/0"]`, `{"a":{"b":[1,2]}}`, `{"a":{"b":[2]}}`},
		{`["/input/l/0","/input/l/1"]`, `{"l":["s","s","c"]}`, `{"l":["c"]}`}, // OPA leaves the second, which has moved up
		{`["/input/l/2","/input/l/10"]`, `{"l":[0,1,"s",3,4,5,6,7,8,9,"s"]}`, `{"l":[0,1,3,4,5,6,7,8,9]}`},
		{`["/input/a",{"op":"upsert","path":"/input/a/b","value":1}]`, `{}`, `{}`},
		{`["/input/x","/input/a/x","/input/l/7","/input/l/x","/input/s/x"]`, `{"a":{},"l":[],"s":"t"}`, `{"a":{},"l":[],"s":"t"}`},
		{`[{"op":"upsert","path":"/input/a/b","value":{"x":1}},{"op":"upsert","path":"/input/l/0/y","value":2}]`, `{"l":[{}]}`, `{"a":{"b":{"x":1}},"l":[{"y":2}]}`},
		{`["/input/a%2Fb"]`, `{"a/b":1,"a":{"b":2}}`, `{"a":{"b":2}}`},
		{`["/input"]`, `{"a":1}`, `null`},
		{`["/input/"]`, `{"":1,"a":2}`, `{"a":2}`},
		{`["/input/a",{"op":"remove","path":"/input/b"}]`, `[1]`, `[1]`},
	} {
		var list []any
		var in any
		if json.Unmarshal([]byte(c.masks), &list) != nil || json.Unmarshal([]byte(c.in), &in) != nil {
			t.Fatal(c)
		}
		ms, err := parseMasks(list)
		if err != nil {
			t.Fatal(c.masks, err)
		}
		shown, _, _ := ms.apply(in)
		if got, _ := json.Marshal(shown); string(got) != c.want {
			t.Errorf("%s of %s: %s", c.masks, c.in, got)
		}
	}
}

// Whatever the policy masks, what is removed is gone, and nothing fails.
func FuzzMasks(f *testing.F) {
	f.Add(`["/input/a/b"]`, `{"a":{"b":"secret"}}`)
	f.Add(`[{"op":"upsert","path":"/input/a/0/b","value":[1]},"/input/a/0"]`, `{"a":[{"b":"secret"}]}`)
	f.Add(`["/input/0/0/0"]`, `[[["secret"]]]`)
	f.Fuzz(func(t *testing.T, text, doc string) {
		var list []any
		var in any
		if json.Unmarshal([]byte(text), &list) != nil || json.Unmarshal([]byte(doc), &in) != nil {
			return
		}
		ms, err := parseMasks(list)
		if err != nil {
			return
		}
		shown, _, _ := ms.apply(in)
		for _, m := range ms {
			if len(m.parts) == 0 && shown != nil {
				t.Errorf("%s: all of it was to be removed: %v", m.path, shown)
			}
			if o, ok := shown.(map[string]any); ok && !m.upsert && len(m.parts) == 1 {
				if _, there := o[m.parts[0]]; there {
					t.Errorf("%s is still there: %v", m.path, shown)
				}
			}
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	s := compile(b, allows, "")
	l := Open(Options{What: All, Snapshot: func() *engine.Snapshot { return s }, Emit: func(*event.Event) {}})
	defer l.Close()
	e := entry(s)
	b.ReportAllocs()
	for b.Loop() {
		l.write(&e)
	}
}

func BenchmarkPut(b *testing.B) {
	s := compile(b, allows, "")
	l := Open(Options{What: All, Snapshot: func() *engine.Snapshot { return s }, Emit: func(*event.Event) {}})
	defer l.Close()
	e := entry(s)
	b.ReportAllocs()
	for b.Loop() {
		l.Put(e)
	}
}
