package incident

import (
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

const category = "intrusion_detection"

// tell says what a finding did. What people wrote is in no event.
func (b *Book) tell(i *Incident, c Change, f *finding.Finding, merged []string) {
	e := &event.Event{Category: category, Outcome: event.Success, Fields: append(fields(i), zap.String("gateway.finding.id", f.ID))}
	switch c {
	case Opened:
		e.Action, e.Reason = "incident-opened", "a finding is about nothing that was open"
	case Raised:
		e.Action, e.Reason = "incident-changed", "a finding is worse than those before"
	default:
		if len(merged) == 0 {
			return
		}
		e.Action, e.Reason = "incident-changed", "a finding joins incidents"
	}
	if len(merged) > 0 {
		e.Fields = append(e.Fields, zap.Strings("gateway.incident.merged", merged))
	}
	e.SourceIP, _ = f.Subject(finding.Client)
	e.UserID, _ = f.Subject(finding.User)
	e.Session, _ = f.Subject(finding.Session)
	b.events.Emit(e)
}

// tellEdited says what somebody did. What they wrote is in no event.
func (b *Book) tellEdited(i *Incident, who string, edited []Edited) {
	if len(edited) == 0 {
		return
	}
	e := &event.Event{Category: category, Action: "incident-changed", Outcome: event.Success, Reason: "somebody works on it"}
	var changed []string
	for _, one := range edited {
		changed = append(changed, one.Field)
		if one.Field == "state" && one.After == Closed {
			e.Action, e.Reason = "incident-closed", "somebody closed it"
		}
	}
	e.Fields = append(fields(i), zap.String("gateway.incident.by", who), zap.Strings("gateway.incident.changed", changed), zap.Int64("gateway.incident.version", i.Version))
	if i.Owner != "" {
		e.Fields = append(e.Fields, zap.String("gateway.incident.assignee", i.Owner))
	}
	if i.Verdict != "" {
		e.Fields = append(e.Fields, zap.String("gateway.incident.verdict", i.Verdict))
	}
	b.events.Emit(e)
}

func fields(i *Incident) []zap.Field {
	return []zap.Field{
		zap.String("gateway.incident.id", i.ID), zap.String("gateway.incident.state", i.State), zap.Stringer("gateway.incident.level", i.Level),
		zap.String("gateway.incident.title", i.Title), zap.Int("gateway.incident.findings", i.Count),
	}
}
