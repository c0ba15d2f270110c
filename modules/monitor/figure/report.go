package figure

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// Report is the figures of a time.
type Report struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Since   time.Time `json:"kept_since,omitzero"` // before that nothing is known
	Step    int64     `json:"step_seconds"`        // what it was read in: From is the beginning of one
	Nodes   []Node    `json:"nodes"`
	Traffic Traffic   `json:"traffic"`
	Logins  SignIns   `json:"sign_ins"`
	Found   Found     `json:"found"`
	Work    Work      `json:"incidents"`
	Covered Coverage  `json:"policy_coverage"`
	Price   Price     `json:"cost"`         // of all parts together, per request
	Prices  []Price   `json:"cost_by_part"` // of each
	Lost    int64     `json:"events_lost"`  // that found no place: what they would tell is in none of these figures
	series  *series
}

// Traffic is what became of requests.
type Traffic struct {
	Requests     int64  `json:"requests"`
	Passed       int64  `json:"passed"`
	Asked        int64  `json:"asked"`
	Refused      int64  `json:"refused"`
	Failed       int64  `json:"failed"`
	Backend      int64  `json:"backend_failed"`
	Gone         int64  `json:"client_gone"`
	RefusedBy    Values `json:"refused_by"`
	FailedBy     Values `json:"failed_by"`
	Availability Share  `json:"availability"` // requests that the gateway did not fail
	Uptime       Share  `json:"uptime"`       // in seconds: a node was up
}

// SignIns are logins.
type SignIns struct {
	OK          int64 `json:"succeeded"`
	Failed      int64 `json:"failed"`
	WrongFactor int64 `json:"second_factors_wrong"`
	BadToken    int64 `json:"bad_tokens"`
}

// Found is what detection saw.
type Found struct {
	Findings  int64  `json:"findings"`
	ByLevel   Values `json:"by_level"`
	Responses int64  `json:"responses"`
}

// Node is one that was up in the time.
type Node struct {
	Name string `json:"name"`
	Up   Share  `json:"up"` // seconds
}

// Coverage is how much of what was asked for has a rule of its own.
type Coverage struct {
	Requests   Share     `json:"requests"` // whose path a route names
	Routes     []OnRoute `json:"routes"`   // that are configured, or were seen; of whole days
	Configured int64     `json:"configured"`
	Seen       int64     `json:"seen"`  // of the configured ones
	Known      bool      `json:"known"` // which routes are configured
}

// OnRoute is one route.
type OnRoute struct {
	Route      string `json:"route"`
	Requests   int64  `json:"requests"`
	Configured bool   `json:"configured"`
	Own        bool   `json:"own,omitempty"` // of the gateway's own pages, which nobody configures
}

// Named says who names the route, for people.
func (r OnRoute) Named() string {
	switch {
	case r.Own:
		return "the gateway itself"
	case r.Configured:
		return "the configuration"
	}
	return "no configuration in force"
}

// Sources are what a report asks besides the store. Each may be nil.
type Sources struct {
	// Incidents gives those that were opened in the time, the first of them; more: there are others.
	Incidents func(ctx context.Context, from, to time.Time) (all []Incident, more bool, err error)
	// Routes are those that the configuration names, as events have them.
	Routes func() []string
}

// Report gives the figures of a time. Both its ends are widened to whole steps.
func (s *Store) Report(ctx context.Context, from, to time.Time, src Sources) (*Report, error) {
	step := s.Step(from, to)
	from, to = from.UTC().Truncate(step), to.UTC()
	r := &Report{From: from, To: to, Step: int64(step / time.Second)}
	var err error
	if r.Since, err = s.Since(ctx); err != nil {
		return nil, err
	}
	if r.series, err = s.read(ctx, step, from, to); err != nil {
		return nil, err
	}
	sum := r.series.sum()
	r.count(sum)
	r.uptime(s.now())
	if src.Incidents != nil {
		all, more, err := src.Incidents(ctx, from, to)
		if err != nil {
			return nil, err
		}
		r.Work = workOf(all, more)
	}
	routes := sum.Of(Route)
	if step != Day {
		days, err := s.Sum(ctx, Day, from, to)
		if err != nil {
			return nil, err
		}
		routes = days.Of(Route)
	}
	r.Covered.Requests = Share{sum[Decided] - sum[Unlisted], sum[Decided]}
	r.Covered.routes(routes, src.Routes)
	return r, nil
}

func (r *Report) count(sum Values) {
	r.Traffic = Traffic{
		Requests: sum[Requests], Passed: sum[Passed], Asked: sum[Asked], Refused: sum[Refused], Failed: sum[Failed], Backend: sum[Backend], Gone: sum[Gone],
		RefusedBy: sum.Of(By), FailedBy: sum.Of(FailedBy), Availability: Share{sum[Requests] - sum[Failed], sum[Requests]},
	}
	r.Logins = SignIns{sum[Logins], sum[NoLogin], sum[NoFactor], sum[NoToken]}
	r.Found = Found{sum[Findings], sum.Of(Finding), sum[Applied]}
	r.Price, r.Prices, r.Lost = priceOf(sum, OfAll), prices(sum), sum[Lost]
}

// uptime sums up when nodes were up: of each, and of the best one in each step, since nobody knows how the times of two nodes lie within it. What was before
// the first step of all does not count against it, nor does that step: nobody knows when in it the first node began.
func (r *Report) uptime(now time.Time) {
	if !r.Any() {
		return
	}
	begin, end, points := r.From, r.To, r.series.points
	if !r.Since.Before(begin.Truncate(Day)) {
		begin = points[0].at.Add(time.Duration(r.Step) * time.Second)
	}
	if end.After(now) {
		end = now
	}
	whole := int64(end.Sub(begin) / time.Second)
	if whole <= 0 {
		return
	}
	best, nodes := map[time.Time]int64{}, Values{}
	for i := range points {
		if p := &points[i]; !p.at.Before(begin) {
			up := r.series.of(p, Up)
			best[p.at] = max(best[p.at], up)
			nodes[p.node] += up
		}
	}
	sum := int64(0)
	for _, up := range best {
		sum += up
	}
	r.Traffic.Uptime = Share{min(whole, sum/1e6), whole}
	for name, up := range nodes {
		r.Nodes = append(r.Nodes, Node{name, Share{min(whole, up/1e6), whole}})
	}
	slices.SortFunc(r.Nodes, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
}

func (c *Coverage) routes(seen Values, configured func() []string) {
	names := map[string]bool{}
	if configured != nil {
		c.Known = true
		for _, name := range configured() {
			names[name] = true
		}
	}
	c.Configured = int64(len(names))
	c.Routes = []OnRoute{}
	for name := range names {
		if seen[name] > 0 {
			c.Seen++
		}
		c.Routes = append(c.Routes, OnRoute{Route: name, Requests: seen[name], Configured: true})
	}
	for name, n := range seen {
		if !names[name] {
			// The portal's routes stand in events without a method.
			c.Routes = append(c.Routes, OnRoute{Route: name, Requests: n, Own: strings.HasPrefix(name, "/")})
		}
	}
	slices.SortFunc(c.Routes, func(a, b OnRoute) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Route, b.Route))
	})
}
