package monitor

import (
	"net/netip"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// eventOf is the event that tells of a finding.
func eventOf(f *finding.Finding) *event.Event {
	e := &event.Event{
		Category: "intrusion_detection", Action: "finding", Outcome: event.Unknown, Reason: f.Explain,
		Fields: []zap.Field{
			zap.String("gateway.finding.id", f.ID), zap.String("gateway.finding.kind", f.Kind), zap.String("gateway.finding.rule", f.Rule),
			zap.String("gateway.finding.title", f.Title), zap.Stringer("gateway.finding.level", f.Level), zap.Int("gateway.finding.count", f.Count),
			zap.Time("gateway.finding.first", f.First), zap.Time("gateway.finding.last", f.Last),
		},
	}
	if f.Distinct > 0 {
		e.Fields = append(e.Fields, zap.Int("gateway.finding.distinct", f.Distinct))
	}
	if len(f.Subjects) > 0 {
		e.Fields = append(e.Fields, zap.Array("gateway.finding.subjects", texts[finding.Subject](f.Subjects)))
	}
	if len(f.Tags) > 0 {
		e.Fields = append(e.Fields, zap.Strings("gateway.finding.tags", f.Tags))
	}
	if len(f.Events) > 0 {
		e.Fields = append(e.Fields, zap.Strings("gateway.finding.events", f.Events))
	}
	if f.Score != 0 {
		e.Fields = append(e.Fields, zap.Float64("gateway.finding.score", f.Score))
	}
	if id, ok := f.Subject(finding.Client); ok {
		if _, err := netip.ParseAddr(id); err == nil { // an IPv6 client is a prefix
			e.SourceIP = id
		}
	}
	e.UserID, _ = f.Subject(finding.User)
	e.Session, _ = f.Subject(finding.Session)
	return e
}

// texts writes things as what they say of themselves.
type texts[T interface{ String() string }] []T

// MarshalLogArray implements zapcore.ArrayMarshaler.
func (all texts[T]) MarshalLogArray(enc zapcore.ArrayEncoder) error {
	for _, one := range all {
		enc.AppendString(one.String())
	}
	return nil
}
