package ratelimit

import (
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// ServeHTTP charges the request to its zones, or refuses it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if wsframe.Extended(r) {
		return host.FromConnect(h, w, r, next)
	}
	r, rc := reqctx.Ensure(r)
	next = rc.Cost.Begin(cost.RateLimit, next)
	defer rc.Cost.End()
	defer h.ground.Hold()()
	a := h.asked(w, r, rc)
	if h.overloaded(w, r, rc, a.client) {
		return nil
	}
	cleared := takeClearance(r.Header)
	if h.Exempt.holds(&a) {
		return next.ServeHTTP(w, r)
	}
	var space [8]limit.Charge
	charges, settle := h.charge(space[:0], h.requests, &a)
	handshake := wsframe.IsHandshake(r)
	if handshake {
		charges, _ = h.charge(charges, h.handshakes, &a)
	}
	d := h.limiter.Take(r.Context(), charges)
	count(charges, d)
	note(rc, charges, d)
	h.tally(&a, charges, d)
	if d.Unavailable {
		// Fail closed: a zone that says so could not be counted.
		problem.Write(w, r, problem.Problem{Status: http.StatusServiceUnavailable, RetryAfter: time.Second})
		return nil
	}
	announce(w.Header(), charges, d.Allowed)
	if !d.Allowed {
		h.misbehaved(rc, charges)
		refuse(w, r, charges)
		return nil
	}
	if held := h.state.leases.hold(h.limiter, charges); held != nil {
		defer held.release()
	}
	if handshake {
		opening := a // a copy that may outlive this call
		next = h.socket(&opening, next)
	}
	if h.suspects(&a) {
		next = h.behind(cleared, a.addr, h.challenged(rc, a.level), next)
	}
	if settle {
		return h.serveSettled(w, r, charges, next)
	}
	return next.ServeHTTP(w, r)
}

// charge adds a charge for each zone that applies. settle tells whether one of them may change with the answer.
func (h *Handler) charge(charges []limit.Charge, zones []*Zone, a *asked) (_ []limit.Charge, settle bool) {
	var subjects [maxZones + 1]limit.Subject // by key, so that zones of the same key share the work
	var known uint64
	var lease limit.Lease
	for _, z := range zones {
		pattern, ok := z.matches(a.r.Method, a.path)
		if !ok || z.Exempt.holds(a) {
			continue
		}
		if known&(1<<z.spec) == 0 {
			known |= 1 << z.spec
			if !a.body.looked && has(h.specs[z.spec], byField) && h.limiter.Refuses(charges) {
				// Who is refused anyway has no body waited for and read. Should they be admitted in the next moment, they are counted with the unreadable.
				a.body = document{looked: true, invalid: true}
			}
			subjects[z.spec] = a.subject(h.specs[z.spec], pattern)
		}
		if z.concurrent && lease == (limit.Lease{}) {
			lease = newLease()
		}
		charges = append(charges, limit.Charge{Zone: z.at(a), Subject: subjects[z.spec], Cost: z.Cost.of(a.size), Lease: lease})
		settle = settle || z.settle
	}
	return charges, settle
}
