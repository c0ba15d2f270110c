package ratelimit

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

const (
	topSize = 1000
	topHalf = 10 * time.Minute
	// Of requests that are admitted one in so many is looked at for who spends the most: a prime, so that no pattern of requests slips through.
	topSample = 13
)

// registry is what operators ask of this process: the handlers that run, and who spent the most and was refused the most.
type registry struct {
	mu       sync.Mutex
	handlers []*Handler // the newest last

	refused, spent *limit.Top
	requests       atomic.Uint64
}

func newRegistry() *registry {
	return &registry{refused: limit.NewTop(topSize, topHalf), spent: limit.NewTop(topSize, topHalf)}
}

func (r *registry) add(h *Handler) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handlers = append(r.handlers, h)
}

func (r *registry) remove(h *Handler) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handlers = slices.DeleteFunc(r.handlers, func(o *Handler) bool { return o == h })
}

// hold gives the handlers, whose grounds stay open until release.
func (r *registry) hold() (handlers []*Handler, release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var releases []func()
	for _, h := range slices.Backward(r.handlers) {
		handlers = append(handlers, h)
		releases = append(releases, h.ground.Hold())
	}
	return handlers, func() {
		for _, f := range releases {
			f()
		}
	}
}

// tally notes who was refused, and of some requests who was charged.
func (h *Handler) tally(a *asked, charges []limit.Charge, d limit.Decision) {
	reg := h.state.registry
	if d.Allowed && reg.requests.Add(1)%topSample != 0 {
		return
	}
	now := time.Now()
	for i := range charges {
		c := &charges[i]
		who := func() []string { return h.readable(a, c) }
		switch {
		case c.Result.Refused:
			reg.refused.Add(c.Zone, c.Subject, 1, now, who)
		case d.Allowed && c.Result.Charged > 0:
			reg.spent.Add(c.Zone, c.Subject, c.Result.Charged*topSample, now, who)
		}
	}
}

// running is the registry of this process, nil where no handler runs.
func running() *registry {
	var r *registry
	states.Range(func(_, v any) bool {
		r = v.(*state).registry
		return false
	})
	return r
}
