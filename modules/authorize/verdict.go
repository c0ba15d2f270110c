package authorize

import (
	"context"
	"time"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// verdict is a decision that an open socket keeps: until a grant that it may rest on, the policy or its data change, or its time is over.
type verdict struct {
	decision engine.Decision
	objects  [2]string // that the stamp is of: the resource and its parent
	stamp    uint64
	until    time.Time // zero: it does not end by itself
	keep     bool      // else it holds for the one time
}

// keepTime is how long a decision is kept of a policy that looked at the clock and did not say how long.
const keepTime = 30 * time.Second

// settle decides something that may be asked again.
func (h *Handler) settle(ctx context.Context, in *engine.Input) (v verdict) {
	parent := in.Parent
	for range 2 {
		v.objects = [2]string{in.Resource.String(), parent.String()}
		v.stamp = h.policy.Stamp(v.objects[:]...) // before the decision: what changes meanwhile makes it old
		v.decision = h.decide(ctx, in)
		if v.decision.Failure != engine.None {
			return v
		}
		if v.decision.Parent == parent {
			v.keep, v.until = true, h.until(&v.decision)
			return v
		}
		parent = v.decision.Parent // the one that grants know: now the stamp is taken of that one, too
	}
	return v
}

// until is when a decision made now ends by itself.
func (h *Handler) until(d *engine.Decision) time.Time {
	switch {
	case d.Obligations.Expires > 0:
		return h.now().Add(d.Obligations.Expires)
	case d.Steady:
		return time.Time{}
	}
	return h.now().Add(keepTime)
}

// holds tells whether the decision would be made again.
func (h *Handler) holds(v *verdict) bool {
	return v.keep && (v.until.IsZero() || h.now().Before(v.until)) && v.decision.Revision == h.policy.Revision() && v.stamp == h.policy.Stamp(v.objects[:]...)
}
