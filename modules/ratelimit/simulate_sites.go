package ratelimit

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// sites are the rate limits of a configuration, behind the matchers that lead to them.
type sites struct {
	servers [][]siteRoute
	known   map[string]bool   // zones that are tried: whether they are shadows
	unknown map[string]string // zones that can't be tried, and why
	notes   map[string]bool
}

// site is one gw_rate_limit, with the zones alone that events tell enough for.
type site struct{ *Handler }

type siteRoute struct {
	matchers [][]caddyhttp.RequestMatcherWithError // one of the sets has to match, all of it; none: all do
	group    string
	terminal bool
	steps    []siteStep
}

// siteStep is a gw_rate_limit, or routes below.
type siteStep struct {
	limits *site
	routes []siteRoute
}

// sitesOf finds the limits of a configuration; nil is one of nothing but the default zones.
func sitesOf(raw []byte) (*sites, error) {
	s := &sites{known: map[string]bool{}, unknown: map[string]string{}, notes: map[string]bool{}}
	if raw == nil {
		l, err := s.site([]byte("{}"))
		s.servers = [][]siteRoute{{{steps: []siteStep{{limits: l}}}}}
		return s, err
	}
	var c struct {
		Apps struct {
			HTTP struct {
				Servers map[string]struct{ Routes []rawRoute }
			}
		}
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	found := 0
	for _, name := range slices.Sorted(maps.Keys(c.Apps.HTTP.Servers)) {
		routes, n, err := s.routes(ctx, c.Apps.HTTP.Servers[name].Routes)
		if err != nil {
			return nil, fmt.Errorf("server %s: %w", name, err)
		}
		if found += n; n > 0 {
			s.servers = append(s.servers, routes)
		}
	}
	if found == 0 {
		return nil, fmt.Errorf("the configuration has no gw_rate_limit, whose zones could be tried")
	}
	return s, nil
}

type rawRoute struct {
	Group    string
	Match    []map[string]json.RawMessage
	Handle   []json.RawMessage
	Terminal bool
}

// routes compiles routes, and says how many limits are in them.
func (s *sites) routes(ctx caddy.Context, raw []rawRoute) (routes []siteRoute, found int, err error) {
	for _, r := range raw {
		out := siteRoute{group: r.Group, terminal: r.Terminal}
		for _, set := range r.Match {
			matchers, err := s.matchers(ctx, set)
			if err != nil {
				return nil, 0, err
			}
			out.matchers = append(out.matchers, matchers)
		}
		for _, h := range r.Handle {
			var head struct {
				Handler string
				Routes  []rawRoute
			}
			if err := json.Unmarshal(h, &head); err != nil {
				continue // a handler of another shape holds no limits
			}
			var step siteStep
			switch head.Handler {
			case "gw_rate_limit":
				step.limits, err = s.site(h)
				found++
			case "subroute":
				n := 0
				step.routes, n, err = s.routes(ctx, head.Routes)
				found += n
			default:
				continue
			}
			if err != nil {
				return nil, 0, err
			}
			out.steps = append(out.steps, step)
		}
		routes = append(routes, out)
	}
	return routes, found, nil
}

// matchers are those of a set that events tell enough for. The others are taken to match, and said to be.
func (s *sites) matchers(ctx caddy.Context, set map[string]json.RawMessage) (all []caddyhttp.RequestMatcherWithError, err error) {
	for name, raw := range set {
		switch name {
		case "host", "path", "method", "remote_ip", "client_ip":
		default:
			s.notes["the matcher "+name+" looks at what events do not hold: it was taken to match"] = true
			continue
		}
		v, err := ctx.LoadModuleByID("http.matchers."+name, raw)
		if err != nil {
			return nil, fmt.Errorf("matcher %s: %w", name, err)
		}
		m, ok := v.(caddyhttp.RequestMatcherWithError)
		if !ok {
			return nil, fmt.Errorf("matcher %s: it can't be asked", name)
		}
		all = append(all, m)
	}
	return all, nil
}

// site compiles one gw_rate_limit.
func (s *sites) site(raw []byte) (*site, error) {
	h := new(Handler)
	if err := json.Unmarshal(raw, h); err != nil {
		return nil, fmt.Errorf("gw_rate_limit: %w", err)
	}
	if err := h.compile(); err != nil {
		return nil, fmt.Errorf("gw_rate_limit: %w", err)
	}
	for _, z := range slices.Concat(h.requests, h.messages, h.handshakes) {
		if why := z.unknowable(); why != "" {
			s.unknown[z.Name] = why
		} else {
			s.known[z.Name] = z.Shadow
		}
	}
	h.requests = slices.DeleteFunc(h.requests, func(z *Zone) bool { return z.unknowable() != "" })
	return &site{h}, nil
}

// unknowable tells why events do not tell what the zone would do, "" where they do.
func (z *Zone) unknowable() string {
	switch {
	case z.Messages:
		return "it counts messages on sockets, whose times events do not hold"
	case z.limit.Limit.Kind() == limit.Concurrent:
		return "it counts what is held at the same time"
	}
	for _, p := range z.key {
		switch p.kind {
		case byHeader, byField, byCountry:
			return "it counts by " + p.word + ", which events do not hold"
		}
	}
	return ""
}

// of are the limits that a request meets, outermost first.
func (s *sites) of(r *http.Request) (met []*site) {
	ctx := context.WithValue(r.Context(), caddy.ReplacerCtxKey, caddy.NewEmptyReplacer())
	ip := r.RemoteAddr
	ctx = context.WithValue(ctx, caddyhttp.VarsCtxKey, map[string]any{caddyhttp.ClientIPVarKey: ip})
	r = r.WithContext(ctx)
	for _, routes := range s.servers {
		if walkSites(routes, r, &met); len(met) > 0 {
			return met
		}
	}
	return nil
}

// walkSites goes the way of a request, as Caddy's routes have it.
func walkSites(routes []siteRoute, r *http.Request, met *[]*site) (done bool) {
	taken := map[string]bool{}
	for i := range routes {
		route := &routes[i]
		if route.group != "" && taken[route.group] || !route.match(r) {
			continue
		}
		taken[route.group] = true
		for _, step := range route.steps {
			if step.limits != nil {
				*met = append(*met, step.limits)
			} else if walkSites(step.routes, r, met) {
				return true
			}
		}
		if route.terminal {
			return true
		}
	}
	return false
}

func (route *siteRoute) match(r *http.Request) bool {
	if len(route.matchers) == 0 {
		return true
	}
	for _, set := range route.matchers {
		all := true
		for _, m := range set {
			ok, err := m.MatchWithError(r)
			all = all && ok && err == nil
		}
		if all {
			return true
		}
	}
	return false
}
