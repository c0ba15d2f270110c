package ratelimit

import (
	"errors"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// settlement is what is left to do when the answer is known: give back what a status does not count.
//
// All is charged before, so that requests that come together can't all pass.
type settlement struct {
	h       *Handler
	r       *http.Request
	charges []limit.Charge
	body    *metered // nil: its length was known, or does not matter
	once    sync.Once
}

// serveSettled serves a request of which some charges depend on its answer or its body.
func (h *Handler) serveSettled(w http.ResponseWriter, r *http.Request, charges []limit.Charge, next caddyhttp.Handler) error {
	s := settlement{h: h, r: r, charges: charges}
	if s.body = h.meter(r, charges); s.body != nil {
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
	if s.body.refused(seen, reqctx.From(r.Context())) {
		err = nil
	}
	status, returned = seen.ended(err, r.Context().Err() != nil), true
	return err
}

// errPanic stands for what nobody returned.
var errPanic = errors.New("a handler panicked")

// settle does it, once. What Redis can't be asked for now stays charged: fail closed.
func (s *settlement) settle(status int) {
	s.once.Do(func() {
		var back []limit.Charge
		for i := range s.charges {
			c := s.charges[i]
			z := aboutOf(c.Zone).zone
			if z == nil || c.Result.Skipped {
				continue
			}
			if len(z.counts) > 0 && status != 0 && !z.counts.has(status) {
				back = append(back, c)
			}
		}
		for _, some := range [][]limit.Charge{back, s.body.back(status)} { // apart: both may be of one zone
			if len(some) > 0 {
				_ = s.h.limiter.Refund(s.r.Context(), some) // counted by the limiter as a question that failed
			}
		}
	})
}
