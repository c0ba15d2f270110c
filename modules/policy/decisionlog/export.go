package decisionlog

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// Exported is a decision as OPA's decision logs write it (https://www.openpolicyagent.org/docs/management-decision-logs#decision-log-service-api).
type Exported struct {
	Labels      map[string]string `json:"labels"`
	DecisionID  string            `json:"decision_id"`
	Bundles     map[string]Bundle `json:"bundles"`
	Path        string            `json:"path"`
	Input       json.RawMessage   `json:"input,omitempty"` // where the event has it
	Result      Result            `json:"result"`
	Erased      []string          `json:"erased,omitempty"`
	Masked      []string          `json:"masked,omitempty"`
	RequestedBy string            `json:"requested_by,omitempty"`
	Timestamp   time.Time         `json:"timestamp"`
	Metrics     map[string]int64  `json:"metrics"`
	Custom      map[string]any    `json:"custom"` // what OPA has no member for
}

// Bundle names the policy.
type Bundle struct {
	Revision string `json:"revision"`
}

// writtenEvent is what of an event is exported.
type writtenEvent struct {
	Time        time.Time       `json:"@timestamp"`
	Action      string          `json:"event.action"`
	Reason      string          `json:"event.reason"`
	SourceIP    string          `json:"source.ip"`
	ID          string          `json:"gateway.decision.id"`
	Allow       bool            `json:"gateway.decision.allow"`
	Revision    string          `json:"gateway.decision.revision"`
	Micros      int64           `json:"gateway.decision.micros"`
	Input       json.RawMessage `json:"gateway.decision.input"`
	Erased      []string        `json:"gateway.decision.erased"`
	Masked      []string        `json:"gateway.decision.masked"`
	Obligations obligations     `json:"-"`
}

// obligations are members of the event, under the names that the policy has for them.
type obligations struct {
	StepUp   bool     `json:"gateway.decision.step_up"`
	MaxAge   int64    `json:"gateway.decision.max_age"`
	Mask     []string `json:"gateway.decision.mask"`
	Encrypt  []string `json:"gateway.decision.encrypt"`
	Tier     string   `json:"gateway.decision.tier"`
	Expires  int64    `json:"gateway.decision.expires"`
	Incident string   `json:"gateway.decision.incident"`
}

// customs are members of an event that are exported as they are, under these names.
var customs = map[string]string{
	"http.request.id": "request_id", "gateway.route": "route", "user.id": "user_id", "gateway.session": "session",
	"gateway.decision.permission": "permission", "gateway.decision.resource": "resource", "gateway.decision.parent": "parent", "gateway.decision.rule": "rule",
	"gateway.decision.failure": "failure", "gateway.decision.input_digest": "input_digest", "gateway.decision.kept": "kept", "gateway.decision.removed": "removed",
	"gateway.decision.message_type": "message_type", "gateway.decision.classification": "classification", "gateway.decision.fields": "fields", "gateway.decision.input_withheld": "input_withheld",
	"gateway.events_dropped": "events_dropped",
}

// ErrNoDecision says that a line is an event of another kind.
var ErrNoDecision = errors.New("it is no decision")

// Export makes of a line of events what OPA would have logged; ErrNoDecision where it is of another kind.
func Export(line []byte, labels map[string]string) (*Exported, error) {
	var e writtenEvent
	if err := json.Unmarshal(line, &e); err != nil {
		return nil, err
	}
	if e.Action != Action {
		return nil, ErrNoDecision
	}
	if err := json.Unmarshal(line, &e.Obligations); err != nil {
		return nil, err
	}
	var all map[string]any
	if err := json.Unmarshal(line, &all); err != nil {
		return nil, err
	}
	custom := map[string]any{}
	for from, to := range customs {
		if v, ok := all[from]; ok {
			custom[to] = v
		}
	}
	return &Exported{
		Labels: labels, DecisionID: e.ID, Bundles: map[string]Bundle{"gateway": {e.Revision}}, Path: Path, Input: e.Input,
		Result: Result{e.Allow, e.Reason, e.Obligations.result()}, Erased: e.Erased, Masked: e.Masked, RequestedBy: e.SourceIP, Timestamp: e.Time,
		Metrics: map[string]int64{"timer_server_handler_ns": e.Micros * 1000}, Custom: custom,
	}, nil
}

func (o *obligations) result() map[string]any {
	return ResultOf(engine.Decision{Obligations: engine.Obligations{
		StepUp: o.StepUp, MaxAge: time.Duration(o.MaxAge) * time.Second, Mask: o.Mask, Encrypt: o.Encrypt, Tier: o.Tier,
		Expires: time.Duration(o.Expires) * time.Second, Incident: o.Incident,
	}}).Obligations
}

// Export makes of a captured decision what OPA would have logged.
func (c *Captured) Export(labels map[string]string) *Exported {
	custom := map[string]any{"request_id": c.RequestID}
	for k, v := range map[string]string{"rule": c.Rule, "failure": c.Failure} {
		if v != "" {
			custom[k] = v
		}
	}
	x := &Exported{
		Labels: labels, DecisionID: c.ID, Bundles: map[string]Bundle{"gateway": {c.Revision}}, Path: Path, Input: c.Input, Result: c.Result,
		Timestamp: c.Time, Metrics: map[string]int64{"timer_server_handler_ns": c.Micros * 1000}, Custom: custom,
	}
	for _, at := range c.Removed {
		x.Masked = append(x.Masked, "/input/"+strings.ReplaceAll(at, ".", "/"))
	}
	return x
}
