package authorize

import (
	"time"

	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// prove refuses a person of whom a response wants a second factor, until they have given one after it: whoever holds their session and nothing else gets no
// further. Programs can't give one and are not asked.
func (h *Handler) prove(rc *reqctx.Request, d *engine.Decision) {
	id := rc.Identity
	if !d.Allow || id == nil || id.Kind == reqctx.KindService || id.Kind == reqctx.KindForeign {
		return
	}
	since := h.ground.Measures.Since(measure.Caller(rc), measure.SecondFactor)
	if since.IsZero() || !id.MFATime.Before(since.Truncate(time.Second)) { // tokens tell it in whole seconds, so that of one second it counts as given after
		return
	}
	d.Allow, d.Reason = false, "a response asks for a second factor"
	// Within so long: a factor that was given before the measure is none. Whole seconds, at least one, since less means any time.
	d.Obligations.StepUp, d.Obligations.MaxAge = true, max(time.Second, h.now().Sub(since).Truncate(time.Second))
}
