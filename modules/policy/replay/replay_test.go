package replay

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/policy/decisionlog"
	"github.com/convosphere/gateway/modules/policy/engine"
)

func compile(t *testing.T, rego string) *engine.Snapshot {
	t.Helper()
	s, err := engine.Compile(context.Background(), &engine.Source{Modules: map[string]string{"p.rego": "package gateway\n\n" + rego + "\n"}, Data: map[string]any{}}, Options())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var at = time.Date(2026, 11, 26, 22, 30, 0, 0, time.UTC)

func captured(path string, allow bool, reason string, obligations map[string]any) *decisionlog.Captured {
	return &decisionlog.Captured{
		Time: at, ID: "D" + path, RequestID: "R" + path, Rule: "old.rego:7", Revision: "abc",
		Input:  json.RawMessage(`{"request": {"method": "GET", "path": "` + path + `", "permission": "room:read"}, "identity": {"subject": "id-1"}}`),
		Result: decisionlog.Result{Allow: allow, Reason: reason, Obligations: obligations},
	}
}

const policy = `default decision := {"allow": false, "reason": "closed"}

decision := {"allow": true, "reason": "open"} if input.request.path == "/open"

decision := {"allow": true, "reason": "open", "obligations": {"mask": ["a"]}} if input.request.path == "/masked"

decision := {"allow": false, "reason": "second factor", "obligations": {"step_up": true}} if input.request.path == "/step"

decision := {"allow": true, "reason": "night"} if {
	input.request.path == "/night"
	time.clock(time.now_ns())[0] == 22
}

decision := {"allow": true, "reason": "granted"} if {
	input.request.path == "/asks"
	"owner" in gateway.grants("ursula", "room:a")
}

decision := {"allow": true, "reason": "broken"} if {
	input.request.path == "/broken"
	to_number(input.request.method) == 1
}

decision := {"allow": true, "reason": "truncated", "allow_truncated": true} if input.request.path == "/seen"`

func TestReplay(t *testing.T) {
	truncated := captured("/open", false, "the body is larger than the policy may see", nil)
	truncated.Input = json.RawMessage(`{"request": {"method": "GET", "path": "/open", "permission": "room:read"}, "truncated": true}`)
	failed := captured("/open", false, "the policy took too long", nil)
	failed.Failure = "timeout"
	odd := captured("/open", true, "open", nil)
	odd.Input = json.RawMessage(`{`)
	for name, c := range map[string]struct {
		in   *decisionlog.Captured
		want string // the kind of change, "" the same, or why it was left out
		rule string
	}{
		"the same":         {captured("/open", true, "open", nil), "", ""},
		"refused before":   {captured("/open", false, "closed", nil), Allowed, "p.rego:5"},
		"allowed before":   {captured("/other", true, "open", nil), Refused, "p.rego:3"},
		"a step up":        {captured("/step", true, "open", nil), StepUp, "p.rego:9"},
		"a step up before": {captured("/other", false, "second factor", map[string]any{"step_up": true}), Refused, "p.rego:3"},
		"an obligation":    {captured("/masked", true, "open", nil), Obligations, "p.rego:7"},
		"the same one":     {captured("/masked", true, "open", map[string]any{"mask": []any{"a"}}), "", ""},
		"another reason":   {captured("/open", true, "public", nil), Reason, "p.rego:5"},
		"as of its time":   {captured("/night", true, "night", nil), "", ""},
		"a failure":        {captured("/broken", true, "open", nil), Refused, ""},
		"other grants":     {captured("/asks", true, "open", nil), "it asks for grants that are not in the input", ""},
		"truncated":        {truncated, "", ""},
		"no decision then": {failed, "there was no decision: timeout", ""},
		"not to be read":   {odd, "the input can't be read", ""},
	} {
		r := New(compile(t, policy), "new")
		r.Add(context.Background(), c.in)
		rep := r.Report()
		got, rule := "", ""
		for why := range rep.Left {
			got = why
		}
		if len(rep.Changes) == 1 {
			got, rule = rep.Changes[0].Change, rep.Changes[0].After.Rule
			if ch := rep.Changes[0]; ch.Count != 1 || rep.Counts[got] != 1 || ch.Permission != "room:read" || ch.Before.Rule != "old.rego:7" || ch.Examples[0].Subject != "id-1" && name != "truncated" {
				t.Errorf("%s: %+v", name, ch)
			}
		}
		if got != c.want || rule != c.rule || (rep.Replayed == 1) != (len(rep.Left) == 0) || (rep.Same == 1) != (c.want == "") {
			t.Errorf("%s: %q %q %+v", name, got, rule, rep)
		}
		if flips := rep.Flips(); flips != len(rep.Changes) && got != Reason || got == Reason && flips != 0 {
			t.Errorf("%s: %d flips", name, flips)
		}
	}
}

// A policy that begins to read the query is not asked about what was captured without it, as if there had been none.
func TestReplayOfQueries(t *testing.T) {
	r := New(compile(t, `decision := {"allow": false, "reason": "admin"} if {
	input.request.query.admin
} else := {"allow": true, "reason": "open"}`), "p")
	for _, query := range []string{``, `, "query": {}`, `, "query": {"admin": ["1"]}`, `, "query": {"Admin": ["1"]}`} {
		c := captured("/x", true, "open", nil)
		c.Input = json.RawMessage(`{"request": {"method": "GET", "path": "/x", "permission": "room:read"` + query + `}}`)
		r.Add(context.Background(), c)
	}
	got := r.Report()
	if got.Replayed != 3 || got.Same != 1 || got.Counts[Refused] != 2 || len(got.Left) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestReport(t *testing.T) {
	r := New(compile(t, policy), "new")
	for range 5 {
		r.Add(context.Background(), captured("/other", true, "open", nil))
	}
	for _, path := range []string{"/x", "/x\x1b"} {
		c := captured("/open", false, "closed", nil)
		c.Input = json.RawMessage(`{"request": {"method": "GET", "path": "/open", "permission": "room:read"}, "message": {"type": ` + quoted(path) + `}}`)
		r.Add(context.Background(), c)
	}
	r.Add(context.Background(), captured("/masked", true, "open", nil))
	rep := r.Report()
	var kinds []string
	for _, ch := range rep.Changes {
		kinds = append(kinds, ch.Change)
	}
	if !reflect.DeepEqual(kinds, []string{Refused, Allowed, Obligations}) || rep.Changes[0].Count != 5 || len(rep.Changes[0].Examples) != mostExamples || rep.Flips() != 8 {
		t.Errorf("%+v", rep)
	}
	var b strings.Builder
	if err := rep.Text(&b, terminal.Style{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"newly refused  5 × room:read\n    before  allowed: open  old.rego:7\n    after   refused: closed  p.rego:3\n    as 2026-11-26T22:30:00Z  D/other  GET /other  by id-1\n",
		`GET /open, message /x\x1b`,
		"obligations map[] → map[mask:[a]]",
		"\n8 replayed against new (revision " + rep.Revision + "): 5 newly refused, 0 newly asks for a second factor, 2 newly allowed, 1 other obligations, 0 another reason, 0 the same\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// Whatever was captured, a replay ends.
func FuzzReplay(f *testing.F) {
	f.Add(`{"request":{"path":"/open"}}`, `{"allow":true,"reason":"x"}`)
	f.Add(`[]`, `{"obligations":{"step_up":1}}`)
	s, err := engine.Compile(context.Background(), &engine.Source{Modules: map[string]string{"p.rego": "package gateway\n\n" + policy + "\n"}, Data: map[string]any{}}, Options())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, input, result string) {
		c := &decisionlog.Captured{Time: at, Input: json.RawMessage(input)}
		if json.Unmarshal([]byte(result), &c.Result) != nil {
			return
		}
		r := New(s, "new")
		r.Add(context.Background(), c)
		rep := r.Report()
		if n := rep.Same + len(rep.Changes) + len(rep.Left); n != 1 {
			t.Errorf("%+v", rep)
		}
	})
}
