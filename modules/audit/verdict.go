package audit

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// verdictFields is what an event tells of the WAF: nothing of a request in which no rule matched and which was inspected whole.
func verdictFields(v *reqctx.Verdict) []zap.Field {
	var fields []zap.Field
	if v.Uninspected != "" {
		fields = append(fields, zap.String("gateway.waf.uninspected", v.Uninspected))
	}
	if len(v.Rules) == 0 {
		return fields
	}
	fields = append(fields,
		zap.Bool("gateway.waf.blocked", v.Blocked),
		zap.Int("gateway.waf.score.inbound", v.Score),
		zap.Int("gateway.waf.score.detection", v.Detection),
		zap.Int("gateway.waf.score.outbound", v.Outbound),
		zap.Int("gateway.waf.paranoia.blocking", v.Paranoia),
		zap.Int("gateway.waf.paranoia.detection", v.DetectionParanoia),
	)
	if len(v.Matches) > 0 {
		fields = append(fields, zap.Array("gateway.waf.matches", matches(v.Matches)))
	}
	return fields
}

type matches []reqctx.Match

// MarshalLogArray implements zapcore.ArrayMarshaler.
func (all matches) MarshalLogArray(enc zapcore.ArrayEncoder) error {
	for _, m := range all {
		if err := enc.AppendObject(match(m)); err != nil {
			return err
		}
	}
	return nil
}

type match reqctx.Match

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (m match) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	enc.AddInt("rule", m.Rule)
	if m.Severity != "" {
		enc.AddString("severity", m.Severity)
	}
	if m.Message != "" {
		enc.AddString("message", m.Message)
	}
	if m.Score != 0 {
		enc.AddInt("score", m.Score)
	}
	if m.Excerpt != "" {
		enc.AddString("excerpt", m.Excerpt)
	}
	if len(m.Variables) > 0 {
		zap.Strings("variable", m.Variables).AddTo(enc)
	}
	return nil
}
