package decisionlog

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/plugins/logs"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// lineOf is an event as the file has it.
func lineOf(t testing.TB, e map[string]any) []byte {
	t.Helper()
	e["@timestamp"] = at.Format("2006-01-02T15:04:05.000000Z07:00")
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What is exported is what OPA itself reads as its own.
func TestExportIsReadByOPA(t *testing.T) {
	s := compile(t, allows, `mask contains "/input/identity/name"`)
	e := full(entry(s))
	e.Decision.Obligations = engine.Obligations{Log: engine.LogFull, Tier: "premium", Mask: []string{"a"}, Expires: time.Minute, Incident: "break-glass"}
	line := lineOf(t, loggedWith(t, Options{}, s, e)[0])
	x, err := Export(line, map[string]string{"app": "chat"})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	var opa logs.EventV1
	if err := json.Unmarshal(raw, &opa); err != nil {
		t.Fatal(err)
	}
	input, result := (*opa.Input).(map[string]any), *opa.Result
	if opa.DecisionID != x.DecisionID || len(opa.DecisionID) != 26 || opa.Path != "gateway/decision" || !opa.Timestamp.Equal(at) || opa.RequestedBy != "192.0.2.7" || opa.Labels["app"] != "chat" ||
		opa.Bundles["gateway"].Revision != s.Revision || !reflect.DeepEqual(opa.Erased, []string{"/input/identity/name"}) || opa.Metrics["timer_server_handler_ns"] != 42000. {
		t.Errorf("%+v", opa)
	}
	if identity := input["identity"].(map[string]any); identity["subject"] != "id-1" || identity["name"] != nil {
		t.Error(input)
	}
	if !reflect.DeepEqual(result, map[string]any{"allow": true, "reason": "author", "obligations": map[string]any{"tier": "premium", "mask": []any{"a"}, "expires": 60., "incident": "break-glass"}}) {
		t.Error(result)
	}
	if opa.Custom["request_id"] != "R1" || opa.Custom["permission"] != "message:delete" || opa.Custom["input_digest"] != engine.Digest(e.Input.Value()) {
		t.Error(opa.Custom)
	}
}

func TestExportTakesNothingElse(t *testing.T) {
	for line, want := range map[string]error{`{"event.action":"http-request"}`: ErrNoDecision, `{}`: ErrNoDecision, `[]`: nil, `{"event.action":7}`: nil, ``: nil, `{"event.action":"policy-decision","gateway.decision.step_up":1}`: nil} {
		if x, err := Export([]byte(line), nil); x != nil || err == nil || errors.Is(err, ErrNoDecision) != (want != nil) {
			t.Errorf("%s: %v %v", line, x, err)
		}
	}
}

func FuzzExport(f *testing.F) {
	f.Add([]byte(`{"event.action":"policy-decision","gateway.decision.allow":true,"gateway.decision.input":{"a":1}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		x, err := Export(line, map[string]string{"a": "b"})
		if err != nil {
			return
		}
		raw, err := json.Marshal(x)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		var opa logs.EventV1
		if err := json.Unmarshal(raw, &opa); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	})
}
