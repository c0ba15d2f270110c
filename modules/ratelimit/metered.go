package ratelimit

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// metered is a body whose length nobody announced: it is charged for as it is read, and ends where a limit does. Were it charged for at its end,
// any number of them could come at once, each for the price of one unit.
type metered struct {
	io.ReadCloser
	h *Handler
	r *http.Request

	mu    sync.Mutex // a proxy may read on while the answer is there already
	sized []limit.Charge
	bytes int64
	paid  []limit.Charge // what came on top, and may come back with the answer: one of each zone
	over  []limit.Charge // what was refused; nil: nothing
	how   limit.Decision
}

var errOver = errors.New("the body is longer than a limit lets it be")

// meter takes the place of a body whose length is not known, where a zone counts by it; else it is nil.
func (h *Handler) meter(r *http.Request, charges []limit.Charge) *metered {
	if r.ContentLength >= 0 || r.Body == nil {
		return nil
	}
	m := &metered{ReadCloser: r.Body, h: h, r: r}
	for i := range charges {
		c := &charges[i]
		if z := aboutOf(c.Zone).zone; z != nil && z.Cost.bySize() && !c.Result.Skipped && !c.Result.Shadowed {
			m.sized = append(m.sized, limit.Charge{Zone: c.Zone, Subject: c.Subject})
		}
	}
	if len(m.sized) == 0 {
		return nil
	}
	return m
}

// Read implements io.Reader.
func (m *metered) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	if !m.pay(int64(n)) {
		return 0, caddyhttp.Error(http.StatusTooManyRequests, errOver)
	}
	return n, err
}

// pay charges for the units that begin with the next n bytes. What is refused has come all the same, and is a debt.
func (m *metered) pay(n int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over != nil {
		return false
	}
	var due []limit.Charge
	for _, c := range m.sized {
		cost := aboutOf(c.Zone).zone.Cost
		if c.Cost = cost.of(m.bytes+n) - cost.of(m.bytes); c.Cost > 0 {
			due = append(due, c)
		}
	}
	m.bytes += n
	if len(due) == 0 {
		return true
	}
	d := m.h.limiter.Take(m.r.Context(), due)
	if d.Allowed {
		for i := range due {
			if len(aboutOf(due[i].Zone).zone.counts) > 0 {
				m.keep(due[i])
			}
		}
		return true
	}
	m.over, m.how = due, d
	_ = m.h.limiter.Debit(m.r.Context(), due) // counted by the limiter as a question that failed
	return false
}

// keep adds to what may come back. Of each zone it is one charge, the newest, with the units of those before.
func (m *metered) keep(c limit.Charge) {
	for i := range m.paid {
		if m.paid[i].Zone == c.Zone {
			c.Result.Charged += m.paid[i].Result.Charged
			m.paid[i] = c
			return
		}
	}
	m.paid = append(m.paid, c)
}

// refused answers for a body that was too long, where nobody has answered yet, and tells whether it did.
func (m *metered) refused(w *watched, rc *reqctx.Request) bool {
	if m == nil {
		return false
	}
	m.mu.Lock()
	over, d := m.over, m.how
	m.mu.Unlock()
	if over == nil {
		return false
	}
	count(over, d)
	note(rc, over, d)
	m.h.misbehaved(rc, over)
	switch {
	case w.status != 0:
		return false
	case d.Unavailable:
		// Fail closed: a zone that says so could not be counted.
		problem.Write(w, m.r, problem.Problem{Status: http.StatusServiceUnavailable, RetryAfter: time.Second})
		return true
	}
	delete(w.Header(), policyField)
	delete(w.Header(), limitField)
	announce(w.Header(), over, false)
	refuse(w, m.r, over)
	return true
}

// back is what came on top and does not count with this answer.
func (m *metered) back(status int) (back []limit.Charge) {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.paid {
		if status != 0 && !aboutOf(c.Zone).zone.counts.has(status) {
			back = append(back, c)
		}
	}
	m.paid = nil
	return back
}
