package ratelimit

import (
	"errors"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// settlement is what is left to do when the answer is known: give back what a status does not count, charge for what a body was longer.
//
// All is charged before, so that requests that come together can't all pass.
type settlement struct {
	h       *Handler
	r       *http.Request
	charges []limit.Charge
	body    *metered // nil: its length was known
	once    sync.Once
}

// serveSettled serves a request of which some charges depend on its answer or its body.
func (h *Handler) serveSettled(w http.ResponseWriter, r *http.Request, charges []limit.Charge, next caddyhttp.Handler) error {
	s := settlement{h: h, r: r, charges: charges}
	if r.ContentLength < 0 && r.Body != nil {
		s.body = &metered{ReadCloser: r.Body}
		r.Body = s.body
	}
	seen := &watched{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
	seen.opened = func() { s.settle(http.StatusSwitchingProtocols) }
	status, returned := 0, false
	defer func() {
		if !returned {
			status = seen.ended(errPanic, false)
		}
		s.settle(status)
	}()
	err := next.ServeHTTP(seen, r)
	status, returned = seen.ended(err, r.Context().Err() != nil), true
	return err
}

// errPanic stands for what nobody returned.
var errPanic = errors.New("a handler panicked")

// settle does it, once. What Redis can't be asked for now stays charged: fail closed.
func (s *settlement) settle(status int) {
	s.once.Do(func() {
		var back, more []limit.Charge
		for i := range s.charges {
			c := s.charges[i]
			z := aboutOf(c.Zone).zone
			if z == nil || c.Result.Skipped {
				continue
			}
			switch {
			case len(z.counts) > 0 && status != 0 && !z.counts.has(status):
				back = append(back, c)
			case s.body != nil && z.Cost.bySize() && !c.Result.Shadowed:
				c.Cost = z.Cost.of(s.body.bytes) - 1
				if c.Cost > 0 {
					more = append(more, c)
				}
			}
		}
		if len(back) > 0 {
			_ = s.h.limiter.Refund(s.r.Context(), back) // counted by the limiter as a question that failed
		}
		if len(more) > 0 {
			_ = s.h.limiter.Debit(s.r.Context(), more)
		}
	})
}
