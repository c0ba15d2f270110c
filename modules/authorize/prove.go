package authorize

import (
	"time"

	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// Why a response refuses somebody for now.
const (
	factorAsked = "a response asks for a second factor"
	loginAsked  = "a response asks for another login"
)

// prove refuses a person of whom a response wants a second factor, until they have given one after it: whoever holds their session and nothing else gets no
// further. Who has none gives their password again, or signs in: else whoever tries wrong passwords for a name could shut its owner out. Programs can give
// neither and are not asked.
func (h *Handler) prove(rc *reqctx.Request, d *engine.Decision) {
	id := rc.Identity
	if !d.Allow || id == nil || id.Kind == reqctx.KindService || id.Kind == reqctx.KindForeign {
		return
	}
	since := h.ground.Measures.Since(measure.Caller(rc), measure.SecondFactor)
	given, reason := id.MFATime, factorAsked
	if id.MFATime.IsZero() && !id.Trusted { // a login asks for the second factor of everybody who has one, but on a device where it is remembered
		given, reason = id.AuthTime, loginAsked
	}
	if since.IsZero() || !given.Before(since.Truncate(time.Second)) { // tokens tell it in whole seconds, so that of one second it counts as given after
		return
	}
	d.Allow, d.Reason = false, reason
	// Within so long: a factor that was given before the measure is none. Whole seconds, at least one, since less means any time.
	d.Obligations.StepUp, d.Obligations.MaxAge = true, max(time.Second, h.now().Sub(since).Truncate(time.Second))
}
