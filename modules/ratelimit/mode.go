package ratelimit

import (
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// modeChanged tells the operator that limits are counted in Redis no more, or again.
func (h *Handler) modeChanged(c limit.Change) {
	e := &event.Event{Category: "configuration", Action: "rate-limit-mode", Outcome: event.Success, Reason: "Redis answers again", Duration: c.Lasted}
	mode := "redis"
	setAvailable(!c.Lost)
	if c.Lost {
		e.Outcome, e.Reason, mode = event.Failure, "Redis does not answer", "failure"
		h.logger.Warn("Redis does not answer: limits go by on_failure", zap.Int64("nodes", c.Nodes))
	} else {
		h.logger.Info("Redis answers again: limits are counted there", zap.Duration("lost_for", c.Lasted))
	}
	if h.ground.Events == nil {
		return
	}
	e.Fields = []zap.Field{zap.String("gateway.limits.mode", mode), zap.Int64("gateway.limits.nodes", c.Nodes)}
	h.ground.Events.Emit(e)
}
