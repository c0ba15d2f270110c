package shadow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
	"go.uber.org/zap/zapcore"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/decisionlog"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/replay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func compile(t *testing.T, rego string, opts ...engine.Option) *engine.Snapshot {
	t.Helper()
	s, err := engine.Compile(context.Background(), &engine.Source{Modules: map[string]string{"p.rego": "package gateway\n\n" + rego + "\n"}, Data: map[string]any{}}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type sink struct {
	mu   sync.Mutex
	list []map[string]any
}

func (s *sink) emit(e *event.Event) {
	line, err := zapcore.NewJSONEncoder(zapcore.EncoderConfig{}).EncodeEntry(zapcore.Entry{}, []zapcore.Field{{Type: zapcore.InlineMarshalerType, Interface: e}})
	if err != nil {
		panic(err)
	}
	var m map[string]any
	if err := json.Unmarshal(line.Bytes(), &m); err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, m)
}

const live = `decision := {"allow": true, "reason": "open"}`

var at = time.Date(2026, 11, 26, 22, 30, 0, 0, time.UTC)

// decided is what the policy in force made of a path.
func decided(s *engine.Snapshot, path string) decisionlog.Entry {
	return decisionlog.Entry{
		Time: at, Decision: engine.Decision{Allow: true, Reason: "open", Revision: s.Revision},
		Input: engine.Input{
			RequestID: "R1", Method: "GET", Path: path, Permission: "room:read", Resource: engine.Object{Type: "room", ID: "a"},
			Identity: &reqctx.Identity{Subject: "id-1", Name: "ursula", Roles: []string{"user"}, Session: "s1"},
		},
	}
}

func counts(t *testing.T) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, label := range []string{"same", "refused", "step_up", "allowed", "obligations", "reason", "failed", "skipped"} {
		var m dto.Metric
		if err := compared.WithLabelValues(label).Write(&m); err != nil {
			t.Fatal(err)
		}
		out[label] = int(m.GetCounter().GetValue())
	}
	return out
}

// grown is what has been counted since.
func grown(t *testing.T, since map[string]int) map[string]int {
	t.Helper()
	out := map[string]int{}
	for label, n := range counts(t) {
		if n > since[label] {
			out[label] = n - since[label]
		}
	}
	return out
}

// beside puts the entries before a candidate, and returns the events.
func beside(t *testing.T, live, candidate *engine.Snapshot, entries ...decisionlog.Entry) []map[string]any {
	t.Helper()
	var to sink
	s := Open(Options{Emit: to.emit, Live: func() *engine.Snapshot { return live }, Rule: func(_ context.Context, s *engine.Snapshot, document ast.Value, o engine.Options) (engine.Decision, string, error) {
		d, x, err := s.Explain(context.Background(), document, o, false)
		return d, x.Rule(), err
	}})
	if candidate != nil {
		s.Swap(candidate)
	}
	for _, e := range entries {
		s.Put(e)
	}
	s.Close()
	return to.list
}

func TestDifferences(t *testing.T) {
	s := compile(t, live)
	c := compile(t, `default decision := {"allow": false, "reason": "closed"}

decision := {"allow": true, "reason": "open"} if input.request.path == "/same"

decision := {"allow": true, "reason": "reworded"} if input.request.path == "/reason"

decision := {"allow": true, "reason": "open", "obligations": {"mask": ["a"]}} if input.request.path == "/mask"

decision := {"allow": false, "reason": "second", "obligations": {"step_up": true}} if input.request.path == "/step"

decision := {"allow": true, "reason": "open"} if {
	input.request.path == "/night"
	time.clock(time.now_ns())[0] == 22
}

decision := {"allow": to_number(input.request.method) == 1} if input.request.path == "/broken"`)
	before := counts(t)
	refused := decided(s, "/same")
	refused.Decision.Allow, refused.Decision.Reason = false, "closed"
	got := beside(t, s, c, decided(s, "/same"), decided(s, "/reason"), decided(s, "/mask"), decided(s, "/step"), decided(s, "/night"), decided(s, "/other"), decided(s, "/broken"), refused)
	want := map[string]int{"same": 2, "reason": 1, "obligations": 1, "step_up": 1, "refused": 1, "failed": 1, "allowed": 1}
	if n := grown(t, before); !reflect.DeepEqual(n, want) {
		t.Errorf("%v, want %v", n, want)
	}
	var kinds []any
	for _, e := range got {
		kinds = append(kinds, e["event.reason"])
	}
	if !reflect.DeepEqual(kinds, []any{replay.Obligations, replay.StepUp, replay.Refused, replay.Refused, replay.Allowed}) {
		t.Fatal(kinds)
	}
	if e := got[2]; !reflect.DeepEqual(e, map[string]any{
		"event.category": "iam", "event.type": "info", "gateway.resource.type": "room", "gateway.resource.id": "a", "event.action": "policy-difference", "event.outcome": "unknown", "event.reason": "newly refused",
		"http.request.id": "R1", "http.request.method": "GET", "url.path": "/other", "user.id": "id-1", "user.roles": []any{"user"}, "gateway.session": "s1",
		"gateway.decision.permission": "room:read", "gateway.decision.resource": "room:a", "gateway.decision.input_digest": e["gateway.decision.input_digest"],
		"gateway.decision.allow": true, "gateway.decision.reason": "open", "gateway.decision.rule": "p.rego:3", "gateway.decision.revision": s.Revision,
		"gateway.shadow.allow": false, "gateway.shadow.reason": "closed", "gateway.shadow.rule": "p.rego:3", "gateway.shadow.revision": c.Revision,
	}) {
		t.Errorf("%v", e)
	}
	if e := got[0]; !reflect.DeepEqual(e["gateway.shadow.obligations"], map[string]any{"mask": []any{"a"}}) || e["gateway.decision.obligations"] != nil {
		t.Errorf("%v", e)
	}
	if got[3]["gateway.shadow.failure"] != "error" {
		t.Errorf("%v", got[3])
	}
}

func TestWhatIsNotCompared(t *testing.T) {
	s := compile(t, live)
	c := compile(t, `decision := {"allow": false}`)
	list, unasked, failed := decided(s, "/"), decided(s, "/"), decided(s, "/")
	list.List, unasked.Unasked = &decisionlog.List{}, true
	failed.Decision = engine.Refused(engine.Timeout, "the policy took too long", s.Revision)
	if got := beside(t, s, c, list, unasked, failed); len(got) != 0 {
		t.Error(got)
	}
	if got := beside(t, s, nil, decided(s, "/")); len(got) != 0 {
		t.Error(got)
	}
	var none *Shadow
	none.Put(decided(s, "/"))
	none.Close()
	// What the candidate could not ask says nothing of it.
	before := counts(t)
	asking := compile(t, `decision := {"allow": "owner" in gateway.grants("a", "room:a")}`, engine.WithGrants(func(context.Context, string, string) ([]string, error) { return nil, errors.New("down") }))
	if got := beside(t, s, asking, decided(s, "/")); len(got) != 0 || grown(t, before)["skipped"] != 1 {
		t.Error(got, grown(t, before))
	}
}

// Events have a bound; what is over it is told with the next one, and counted by the metric all along.
func TestEventsAreBounded(t *testing.T) {
	s, c := compile(t, live), compile(t, `decision := {"allow": false, "reason": "closed"}`)
	before := counts(t)
	const all = 1000
	var entries []decisionlog.Entry
	for range all {
		entries = append(entries, decided(s, "/"))
	}
	got := beside(t, s, c, entries...)
	n := grown(t, before)
	unreported := 0
	for _, e := range got {
		if u, ok := e["gateway.shadow.unreported"].(float64); ok {
			unreported += int(u)
		}
	}
	if n["refused"]+n["skipped"] != all || len(got) < mostEvents && n["skipped"] == 0 || len(got)+unreported > n["refused"] {
		t.Errorf("%v: %d events, %d unreported", n, len(got), unreported)
	}
	var x Shadow
	x.o.Emit = func(e *event.Event) {
		if e.Fields[len(e.Fields)-1].Key != "gateway.shadow.unreported" || e.Fields[len(e.Fields)-1].Integer != 7 {
			t.Error(e.Fields)
		}
	}
	x.o.Live, x.rules[0], x.rules[1], x.unreported = func() *engine.Snapshot { return s }, decisionlog.NewRules(nil), decisionlog.NewRules(nil), 7
	x.candidate.Store(c)
	e := decided(s, "/")
	x.compare(&e)
	if x.unreported != 0 {
		t.Error("told twice")
	}
}

// A candidate that takes long, or that fails, delays nobody: entries that it has no time for are skipped.
func TestASlowCandidateDelaysNobody(t *testing.T) {
	s := compile(t, live)
	slow := compile(t, `decision := {"allow": count([1 | some x in numbers.range(1, 3000); some y in numbers.range(1, 3000); x + y == 1]) == 0}`)
	before := counts(t)
	var entries []decisionlog.Entry
	for i := range 3 * queueLen {
		e := decided(s, "/")
		e.Input.Path = "/" + string(rune('a'+i%26))
		entries = append(entries, e)
	}
	beside(t, s, slow, entries...)
	n := grown(t, before)
	if n["failed"] == 0 || n["skipped"] < 2*queueLen || n["failed"]+n["skipped"] != len(entries) {
		t.Error(n)
	}
}

// What the decision's own event hides is not in that of the difference either.
func TestDifferencesHideNamesAndTokens(t *testing.T) {
	s := compile(t, live)
	const jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
	named, mistaken := decided(s, "/members/petra"), decided(s, "/files/"+jwt)
	named.Input.Route, mistaken.Input.Resource.ID = "PUT /members/{user}", jwt
	list := beside(t, s, compile(t, `decision := {"allow": false, "reason": "closed"}`), named, mistaken)
	if text := fmt.Sprint(list); len(list) != 2 || strings.Contains(text, "petra") || strings.Contains(text, "eyJ") {
		t.Error(text)
	}
}
