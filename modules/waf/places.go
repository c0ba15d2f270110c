package waf

import (
	"github.com/corazawaf/coraza/v3/types"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/convosphere/gateway/modules/internal/event"
)

const (
	maxPlaces = 16 // of one rule
	maxPlace  = 100
)

// explain logs where each rule found what it matched, at level debug: an operator who wants to exclude a field must know its name.
// What was found there is never written down.
func (h *Handler) explain(tx types.Transaction, requestID string) {
	if !h.logger.Core().Enabled(zapcore.DebugLevel) {
		return
	}
	for _, m := range tx.MatchedRules() {
		if l, ok := m.(interface{ Log() bool }); ok && !l.Log() {
			continue
		}
		var places []string
		for _, d := range m.MatchedDatas() {
			place := d.Variable().Name()
			if d.Key() != "" {
				place += ":" + d.Key()
			}
			if len(places) < maxPlaces {
				places = append(places, event.Cut(place, maxPlace))
			}
		}
		h.logger.Debug("rule matched", zap.String("request_id", requestID), zap.Int("rule", m.Rule().ID()), zap.Strings("found_in", places))
	}
}
