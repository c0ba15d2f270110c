package ratelimit

import (
	"container/heap"
	"context"
	"encoding/json"
	"time"

	"github.com/convosphere/gateway/modules/internal/tier"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// maxPending is how many events are held to bring them into the order in which their requests came: an event is written when its request ends.
const maxPending = 1 << 14

// simulation charges the requests of events to the zones of sites, on the events' own clock, as one process with an endless memory of names would.
type simulation struct {
	sites   *sites
	now     time.Time // never goes back
	tiers   *tier.Table
	limiter *limit.Limiter // made at the first event, whose time its clock begins at
	pending pendingEvents
	lines   int
	report  Simulated
}

func newSimulation(s *sites) *simulation {
	sim := &simulation{sites: s, report: newSimulated(s)}
	sim.tiers = tier.New(func() time.Time { return sim.now })
	return sim
}

func (s *simulation) close() {
	if s.limiter != nil {
		s.limiter.Close()
	}
}

// line takes one line of an event file.
func (s *simulation) line(text []byte) (readable bool) {
	var e told
	if json.Unmarshal(text, &e) != nil || e.Time.IsZero() {
		return false
	}
	switch {
	case e.Action != "http-request" && e.Action != "websocket":
		return true // of something else than a request
	case e.Problem == "banned" || e.Problem == "overloaded":
		s.report.Left.add("requests that were refused before limits were asked", 1)
		return true
	}
	s.lines++
	e.line = s.lines
	heap.Push(&s.pending, &e)
	if len(s.pending) > maxPending {
		s.request(heap.Pop(&s.pending).(*told))
	}
	return true
}

// finish charges what is left, and returns what came of all.
func (s *simulation) finish() *Simulated {
	for len(s.pending) > 0 {
		s.request(heap.Pop(&s.pending).(*told))
	}
	s.report.finish()
	return &s.report
}

func (s *simulation) request(e *told) {
	s.advance(e.came())
	rep := &s.report
	a := e.asked()
	if a == nil {
		rep.Left.add("events without a request's method, path and address", 1)
		return
	}
	rep.seen(e)
	refused := false
	for _, site := range s.sites.of(a.r) {
		a.tier, a.prefix, a.client = s.tiers.Of(e.User), site.prefix, site.prefix.of(a.addr)
		if a.tier == "" {
			a.tier = site.tierOfRoles(e.Roles)
		}
		if site.Exempt.holds(a) {
			continue
		}
		charges, _ := site.charge(nil, site.requests, a)
		d := s.limiter.Take(context.Background(), charges)
		rep.charged(e, site, a, charges, d)
		if !d.Allowed {
			refused = true
			break // the handlers further in never see it
		}
		s.settle(e, site, charges)
	}
	rep.decided(e, refused)
	s.tiers.Set(e.User, e.Tier) // counts from the next request on
}

// settle gives back what the answer's status does not count. Of who was refused then, nobody knows what the answer would have been: it counts.
func (s *simulation) settle(e *told, site *site, charges []limit.Charge) {
	var back []limit.Charge
	for _, c := range charges {
		if z := aboutOf(c.Zone).zone; !c.Result.Skipped && len(z.counts) > 0 && !e.limited() && !z.counts.has(e.Status) {
			back = append(back, c)
		}
	}
	if len(back) > 0 {
		_ = s.limiter.Refund(context.Background(), back) // nothing fails in memory
	}
}

func (s *simulation) advance(to time.Time) {
	if to.After(s.now) {
		s.now = to
	}
	if s.limiter == nil {
		s.limiter = limit.NewLimiter(limit.NewState(0, func() time.Time { return s.now }), limit.Options{})
	}
}

// pendingEvents are ordered by when their requests came, and then as they were written.
type pendingEvents []*told

func (p pendingEvents) Len() int      { return len(p) }
func (p pendingEvents) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *pendingEvents) Push(x any)   { *p = append(*p, x.(*told)) }
func (p pendingEvents) Less(i, j int) bool {
	if c := p[i].came().Compare(p[j].came()); c != 0 {
		return c < 0
	}
	return p[i].line < p[j].line
}
func (p *pendingEvents) Pop() any {
	last := len(*p) - 1
	e := (*p)[last]
	*p = (*p)[:last]
	return e
}
