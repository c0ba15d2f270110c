package waf

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// never as raised_paranoia: nobody is inspected at another level.
const never = -1

// measuresOf is what is in force against whom, nil without the app gateway.
func measuresOf(ctx caddy.Context) (*measure.View, error) {
	g, err := host.Ground(ctx)
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return g.Measures, nil
}

// raisedLevel is the blocking level for whom a response has inspected more strictly; 0: there is none above.
func (h *Handler) raisedLevel() int {
	switch {
	case h.RaisedParanoia == never || h.Mode == Off || h.Paranoia >= highestParanoia:
		return 0
	case h.RaisedParanoia == 0:
		return h.Paranoia + 1
	}
	return h.RaisedParanoia
}

// raised is the handler with rules of a higher level. They take as much memory again, so they are compiled when they are first asked for.
type raised struct {
	ready atomic.Pointer[Handler]

	mu       sync.Mutex
	begun    bool
	closed   bool
	building sync.WaitGroup
}

// strict is the handler at the level that a response has the client inspected at; h itself where none does, and in the seconds in which its rules
// are compiled for the first time.
func (h *Handler) strict(rc *reqctx.Request) *Handler {
	if h.raised == nil || !h.measures.Of(measure.Caller(rc)).Has(measure.Paranoia) {
		return h
	}
	if up := h.raised.ready.Load(); up != nil {
		return up
	}
	h.raised.begin(h)
	return h
}

func (r *raised) begin(h *Handler) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun || r.closed { // a request that a reload overtook goes on with the rules that it has
		return
	}
	r.begun = true
	r.building.Go(func() { r.build(h) })
}

func (r *raised) build(h *Handler) {
	up := *h
	up.Paranoia, up.raised = h.raisedLevel(), nil
	up.DetectionParanoia = max(h.DetectionParanoia, up.Paranoia)
	if err := up.load(); err != nil { // these rules are those in use, at another level: it can't be
		h.logger.Error("the rules of a higher paranoia level can't be loaded: clients are inspected at the usual one", zap.Error(err))
		return
	}
	r.ready.Store(&up)
}

// close waits for what is compiled, and lets go of it.
func (r *raised) close() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.building.Wait()
	if up := r.ready.Load(); up != nil {
		return up.rules.unload()
	}
	return nil
}
