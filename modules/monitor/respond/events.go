package respond

import (
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// reasons are what events say of each state, and its action.
var reasons = map[string]struct{ action, outcome, reason string }{
	Proposed:  {"response-proposed", event.Unknown, "a person is to decide on a response"},
	Held:      {"response-held", event.Unknown, "machines did as much as they may in an hour"},
	Applied:   {"response-applied", event.Success, "a response is in force"},
	Done:      {"response-applied", event.Success, "a response was carried out"},
	Ended:     {"response-ended", event.Success, "the time of a response is over"},
	Undone:    {"response-undone", event.Success, "a response was undone"},
	Failed:    {"response-failed", event.Failure, "a response could not be carried out"},
	Dismissed: {"response-dismissed", event.Success, "a person decided against a response"},
}

// tell records what became of a response: who, to whom, why, and how it is undone. What operators wrote is not told.
func (d *Desk) tell(r *Response) {
	what, ok := reasons[r.State]
	if !ok {
		return // it is under way
	}
	e := &event.Event{
		Category: "intrusion_detection", Action: what.action, Outcome: what.outcome, Reason: what.reason,
		Fields: []zap.Field{
			zap.String("gateway.response.id", r.ID), zap.String("gateway.response.action", r.Action), zap.Stringer("gateway.response.subject", r.Subject),
			zap.String("gateway.response.mode", r.Mode), zap.String("gateway.response.by", r.By),
		},
	}
	for _, f := range []struct{ key, value string }{
		{"gateway.finding.rule", r.Rule}, {"gateway.finding.id", r.Finding}, {"gateway.incident.id", r.Incident}, {"gateway.response.undo", r.Undo()},
	} {
		if f.value != "" {
			e.Fields = append(e.Fields, zap.String(f.key, f.value))
		}
	}
	if !r.Expires.IsZero() {
		e.Fields = append(e.Fields, zap.String("gateway.response.expires", r.Expires.UTC().Format(time.RFC3339)))
	}
	switch r.Subject.Kind {
	case finding.Client:
		e.SourceIP = address(r.Subject.ID)
	case finding.User:
		e.UserID = r.Subject.ID
	case finding.Session:
		e.Session = r.Subject.ID
	}
	d.Events.Emit(e)
}

// address is a client's address, "" where it stands for several.
func address(client string) string {
	if _, err := netip.ParseAddr(client); err != nil {
		return ""
	}
	return client
}
