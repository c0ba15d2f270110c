package decisionlog

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	dto "github.com/prometheus/client_model/go"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/policy/engine"
)

func without(m map[string]any, keys ...string) map[string]any {
	for _, k := range keys {
		delete(m, k)
	}
	return m
}

func TestEvent(t *testing.T) {
	s := compile(t, allows, "")
	e := entry(s)
	e.Decision.Obligations.Log = engine.LogBrief
	refused := e
	refused.Decision = engine.Decision{Reason: "a recent second factor is needed", Revision: s.Revision, Obligations: engine.Obligations{StepUp: true, MaxAge: 10 * time.Minute}}
	failed := entry(s)
	failed.Decision = engine.Refused(engine.Timeout, "the policy took too long", s.Revision)
	list := entry(s)
	list.List, list.Input.Resource = &List{Kept: 2, Removed: 7}, engine.Object{}
	list.Decision.Parent = engine.Object{}
	message := entry(s)
	message.Input.Message, message.Input.Truncated = &engine.Message{Type: "typing", Direction: "in"}, true
	got := loggedWith(t, Options{}, s, e, refused, failed, list, message)
	if len(got) != 5 {
		t.Fatal(got)
	}
	id, digest := got[0]["gateway.decision.id"], got[0]["gateway.decision.input_digest"]
	if len(id.(string)) != 26 || digest != engine.Digest(e.Input.Value()) {
		t.Errorf("%v %v", id, digest)
	}
	common := map[string]any{
		"event.category": "iam", "event.type": "info", "event.action": "policy-decision", "http.request.id": "R1", "http.request.method": "DELETE", "url.domain": "chat.example.com",
		"url.path": "/api/rooms/x/messages/1", "gateway.route": "DELETE /api/rooms/{room}/messages/{id}", "source.ip": "192.0.2.7",
		"user.id": "id-1", "user.roles": []any{"user"}, "gateway.session": "s1",
		"gateway.decision.permission": "message:delete", "gateway.decision.revision": s.Revision, "gateway.decision.micros": 42.,
	}
	for i, own := range []map[string]any{
		{"event.outcome": "success", "event.reason": "author", "gateway.decision.allow": true, "gateway.decision.tier": "standard", "gateway.decision.resource": "message:1", "gateway.decision.parent": "room:x"},
		{"event.outcome": "failure", "event.reason": "a recent second factor is needed", "gateway.decision.allow": false, "gateway.decision.step_up": true, "gateway.decision.max_age": 600., "gateway.decision.resource": "message:1"},
		{"event.outcome": "failure", "event.reason": "the policy took too long", "gateway.decision.allow": false, "gateway.decision.failure": "timeout", "gateway.decision.resource": "message:1"},
		{"event.outcome": "success", "event.reason": "author", "gateway.decision.allow": true, "gateway.decision.tier": "standard", "gateway.decision.kept": 2., "gateway.decision.removed": 7.},
		{
			"event.outcome": "success", "event.reason": "author", "gateway.decision.allow": true, "gateway.decision.tier": "standard", "gateway.decision.resource": "message:1", "gateway.decision.parent": "room:x",
			"gateway.decision.message_type": "typing", "gateway.decision.message_direction": "in", "gateway.decision.truncated": true,
		},
	} {
		want := map[string]any{}
		for _, m := range []map[string]any{common, own} {
			for k, v := range m {
				want[k] = v
			}
		}
		if want["gateway.decision.resource"] != nil {
			want["gateway.resource.type"], want["gateway.resource.id"] = "message", "1"
		}
		if got := without(got[i], "gateway.decision.id", "gateway.decision.input_digest"); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
	}
}

func TestWhatIsLogged(t *testing.T) {
	s := compile(t, allows, "")
	allowed, refused, quiet, failed := entry(s), entry(s), entry(s), entry(s)
	refused.Decision.Allow = false
	quiet.Decision.Obligations.Log = engine.LogNone
	failed.Decision = engine.Refused(engine.Failed, "the policy failed", s.Revision)
	failed.Decision.Obligations.Log = engine.LogNone
	for what, want := range map[string]int{All: 4, Denied: 3, Off: 0} {
		if got := loggedWith(t, Options{What: what}, s, allowed, refused, quiet, failed, full(allowed)); len(got) != want {
			t.Errorf("%s: %d events: %v", what, len(got), got)
		}
	}
	var none *Log
	none.Put(allowed)
	none.Close()
}

func count(t *testing.T, c interface{ Write(*dto.Metric) error }) int {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return int(m.GetCounter().GetValue())
}

// Skipper: a full decision-log buffer blocked answers. Here it never does; what is lost is counted and told.
func TestAFullQueueBlocksNobody(t *testing.T) {
	s := compile(t, allows, "")
	var to sink
	wait, first := make(chan struct{}), make(chan struct{}, 1)
	l := Open(Options{What: All, Snapshot: func() *engine.Snapshot { return s }, Emit: func(e *event.Event) {
		select {
		case first <- struct{}{}:
			<-wait // the disk hangs
		default:
		}
		to.emit(e)
	}})
	w, d := count(t, written), count(t, dropped)
	const all = 2 * queueLen
	for range all { // returns, though nothing is written
		l.Put(entry(s))
	}
	close(wait)
	l.Close()
	events, told := 0, 0
	for _, e := range to.events() {
		switch e["event.action"] {
		case Action:
			events++
		case "policy-decisions-dropped":
			told += int(e["gateway.decision.dropped"].(float64))
		}
	}
	if events+told != all || told < queueLen-1 || count(t, written)-w != events || count(t, dropped)-d != told {
		t.Errorf("%d events, %d told lost; counted %d and %d", events, told, count(t, written)-w, count(t, dropped)-d)
	}
}

// Bodies that wait have a bound of their own.
func TestBodiesThatWaitAreBounded(t *testing.T) {
	s := compile(t, allows, "")
	wait, first := make(chan struct{}), make(chan struct{}, 1)
	var to sink
	l := Open(Options{What: All, Snapshot: func() *engine.Snapshot { return s }, Emit: func(e *event.Event) {
		select {
		case first <- struct{}{}:
			<-wait
		default:
		}
		to.emit(e)
	}})
	e := entry(s)
	e.Input.Body = ast.String(strings.Repeat("x", 1<<20))
	before := count(t, dropped)
	for range 4 * queueWeight >> 20 {
		l.Put(e)
	}
	if held := l.queue.weight.Load(); held > queueWeight {
		t.Errorf("%d bytes wait", held)
	}
	if lost := count(t, dropped) - before; lost < 2*queueWeight>>20 {
		t.Errorf("%d were lost", lost)
	}
	close(wait)
	l.Close()
	if l.queue.weight.Load() != 0 {
		t.Error("the weight of what has left is still counted")
	}
}

// Skipper: decisions were lost at a reload. Here a log that a reload has closed still writes what overtaken requests bring, and the decisions of
// a policy that is not in force any more are events too.
func TestNothingIsLostAtAReload(t *testing.T) {
	old, fresh := compile(t, allows, `mask contains "/input/identity"`), compile(t, `decision := {"allow": false, "reason": "author"}`, "")
	var to sink
	current := old
	l := Open(Options{What: All, Emit: to.emit, Snapshot: func() *engine.Snapshot { return current }})
	l.Close()
	l.Put(full(entry(old)))
	current = fresh
	l.Put(full(entry(old))) // the log remembers the last one
	l.Put(full(entry(fresh)))
	l.Put(full(entry(old)))
	got := to.events()
	if len(got) != 4 {
		t.Fatal(got)
	}
	for i, want := range []string{old.Revision, old.Revision, fresh.Revision, old.Revision} {
		if got[i]["gateway.decision.revision"] != want {
			t.Errorf("%d: %v", i, got[i])
		}
	}
	if got[1]["gateway.decision.erased"] == nil || got[2]["gateway.decision.input"] == nil {
		t.Error(got)
	}
	// Its masks are gone: fail closed.
	if got[3]["gateway.decision.input"] != nil || got[3]["gateway.decision.input_withheld"] != true {
		t.Error(got[3])
	}
}

// The rule is looked for once for each kind of decision.
func TestRule(t *testing.T) {
	s := compile(t, allows, "")
	asked := 0
	trace := func(_ context.Context, with *engine.Snapshot, _ ast.Value, o engine.Options) (engine.Decision, string, error) {
		asked++
		if with != s || !o.Now.Equal(at) {
			t.Error(with, o)
		}
		return engine.Decision{Allow: true, Reason: "author"}, "messages.rego:14", nil
	}
	other, elsewhere := entry(s), entry(s)
	other.Input.Permission = "message:edit"
	elsewhere.Decision = engine.Decision{Reason: "the resource is not in that parent", Revision: s.Revision} // the gateway's own
	failed := entry(s)
	failed.Decision = engine.Refused(engine.Grants, "grants can't be read", s.Revision)
	got := loggedWith(t, Options{Rule: trace}, s, entry(s), entry(s), other, elsewhere, elsewhere, failed)
	if asked != 3 {
		t.Errorf("asked %d times", asked)
	}
	for i, want := range []any{"messages.rego:14", "messages.rego:14", "messages.rego:14", nil, nil, nil} {
		if got[i]["gateway.decision.rule"] != want {
			t.Errorf("%d: %v", i, got[i])
		}
	}
}

// Whatever goes wrong, the event goes out.
func TestTroubleCostsNoEvent(t *testing.T) {
	s := compile(t, allows, "")
	for name, trace := range map[string]Tracer{
		"error": func(context.Context, *engine.Snapshot, ast.Value, engine.Options) (engine.Decision, string, error) {
			return engine.Decision{}, "", errors.New("no")
		},
		"panic": func(context.Context, *engine.Snapshot, ast.Value, engine.Options) (engine.Decision, string, error) {
			panic("no")
		},
	} {
		told := 0
		got := loggedWith(t, Options{Rule: trace, Error: func(error) { told++ }}, s, entry(s), entry(s), entry(s))
		if len(got) != 3 || got[0]["gateway.decision.rule"] != nil || told != 1 {
			t.Errorf("%s: told %d times: %v", name, told, got)
		}
	}
}

// Tracing may take a tenth of the time at most.
func TestTracingIsBounded(t *testing.T) {
	s := compile(t, allows, "")
	asked := 0
	r := NewRules(func(context.Context, *engine.Snapshot, ast.Value, engine.Options) (engine.Decision, string, error) {
		asked++
		return engine.Decision{Allow: true, Reason: "author"}, "a.rego:1", nil
	})
	e := entry(s)
	e.Decision.Allow = true
	r.credit, r.since = 0, time.Now().Add(time.Hour) // all is used up
	if rule, err := r.Find(s, "x", &e.Decision, e.Input.Value, engine.Options{}); rule != "" || err != nil || asked != 0 {
		t.Error(rule, err, asked)
	}
	r.credit, r.since = 0, time.Now().Add(-time.Second)
	if rule, err := r.Find(s, "x", &e.Decision, e.Input.Value, engine.Options{}); rule != "a.rego:1" || err != nil || asked != 1 {
		t.Error(rule, err, asked)
	}
}
