package policy

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// slowEvery is how often slow decisions are an event: one slow rule makes every request slow.
const slowEvery = time.Minute

// slowness tells of decisions that take long, before they run into the timeout and refuse good people.
type slowness struct {
	emit  func(*event.Event)
	now   func() time.Time
	last  atomic.Int64 // when there was an event, in nanoseconds since 1970
	since atomic.Int64 // slow ones after that
}

// observe is told of each one. It is on the path of a request: it takes no lock and does not wait.
func (s *slowness) observe(in *engine.Input, d *engine.Decision, took time.Duration) {
	slow.Inc()
	n := s.since.Add(1)
	now, last := s.now().UnixNano(), s.last.Load()
	if last != 0 && now-last < int64(slowEvery) || !s.last.CompareAndSwap(last, now) {
		return
	}
	s.since.Add(-n)
	s.emit(&event.Event{
		Category: "iam", Action: "policy-slow", Outcome: event.Failure, Reason: "decisions take long",
		Fields: []zap.Field{
			zap.String("gateway.policy.revision", d.Revision),
			zap.String("gateway.decision.permission", in.Permission),
			zap.Int64("gateway.decision.micros", took.Microseconds()),
			zap.Int64("gateway.decision.slow", n),
		},
	})
}
