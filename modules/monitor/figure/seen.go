package figure

import (
	"fmt"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/monitor/ecs"
)

// seen is what figures read of an event.
type seen struct {
	action, outcome, reason, route string
	problem, by, level             string
	status, close                  int
	refused                        int64 // requests of a ban that the event stands for
	decided, blocked               bool
	ended                          bool // the answer was cut off, or withheld
}

// seenOf reads an event of the bus.
func seenOf(e *event.Event) seen {
	s := seen{action: e.Action, outcome: e.Outcome, reason: e.Reason, route: e.Route, status: e.Status}
	for i := range e.Fields {
		f := &e.Fields[i]
		switch f.Key {
		case "gateway.problem":
			s.problem = f.String
		case "gateway.problem_by":
			s.by = f.String
		case "gateway.decision.allow":
			s.decided = true
		case "gateway.waf.blocked":
			s.blocked = f.Integer == 1
		case "gateway.waf.response":
			s.ended = true
		case "gateway.socket.close_code":
			s.close = int(f.Integer)
		case "gateway.ban.refused":
			s.refused = f.Integer
		case "gateway.finding.level", "gateway.incident.level":
			s.level = textOf(f)
		}
	}
	return s
}

func textOf(f *zap.Field) string {
	if f.Type == zapcore.StringerType {
		if word, ok := f.Interface.(fmt.Stringer); ok {
			return word.String()
		}
	}
	return f.String
}

// seenIn reads an event as it was written.
func seenIn(e *ecs.Event) seen {
	numberOf := func(name string) int64 {
		n, _ := e.Number(name) // 0 where there is none
		return int64(n)
	}
	s := seen{
		action: e.Text("event.action"), outcome: e.Text("event.outcome"), reason: e.Text("event.reason"), route: e.Text("gateway.route"),
		problem: e.Text("gateway.problem"), by: e.Text("gateway.problem_by"), level: e.Text("gateway.finding.level"),
		status: int(numberOf("http.response.status_code")), close: int(numberOf("gateway.socket.close_code")), refused: numberOf("gateway.ban.refused"),
		decided: e.Has("gateway.decision.allow"), blocked: e.Text("gateway.waf.blocked") == "true", ended: e.Has("gateway.waf.response"),
	}
	if s.level == "" {
		s.level = e.Text("gateway.incident.level")
	}
	return s
}
