package host

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/inforce"
)

// ErrNotRunning is what is answered while no configuration is in force.
var ErrNotRunning = errors.New("no configuration is in force")

// apps are those whose settings are shown, and which of their members other parts stand for.
var apps = map[string][]string{
	"gateway": {"identity", "policy", "monitor"}, "gw_identity": nil, "gw_policy": nil, "gw_monitor": nil,
	"http": {"servers"}, "tls": nil, "pki": nil,
}

// Running is the configuration in force: with what handlers and apps have made of it, defaults included, and without secrets.
func Running() (inforce.Gateway, error) { return running(caddy.ActiveContext()) }

func running(ctx caddy.Context) (inforce.Gateway, error) {
	g := inforce.Gateway{At: time.Now().UTC(), Apps: map[string]any{}}
	if ctx.Context == nil {
		return g, ErrNotRunning
	}
	g.Admin, g.Logging = core(ctx, "Admin"), core(ctx, "Logging")
	for name, without := range apps {
		app, err := ctx.AppIfConfigured(name)
		if errors.Is(err, caddy.ErrNotConfigured) {
			continue
		}
		if err != nil {
			return g, fmt.Errorf("app %s: %w", name, err)
		}
		settings := settingsOf(app)
		for _, w := range without {
			delete(settings, w)
		}
		g.Apps[name] = settings
		if h, ok := app.(*caddyhttp.App); ok {
			for _, server := range slices.Sorted(maps.Keys(h.Servers)) {
				g.Servers = append(g.Servers, serverOf(server, h.Servers[server]))
			}
		}
	}
	certificates(ctx, &g)
	return g, nil
}

// AdminOf is what a configuration says of Caddy's admin endpoint; nil where it can't be told.
func AdminOf(ctx caddy.Context) inforce.Tree { return core(ctx, "Admin") }

// core is a part of Caddy's own configuration, of which contexts have no more than a hidden field. Where a Caddy names it otherwise nothing is told.
func core(ctx caddy.Context, part string) inforce.Tree {
	cfg := reflect.ValueOf(ctx).FieldByName("cfg")
	if !cfg.IsValid() || cfg.Kind() != reflect.Pointer || cfg.IsNil() {
		return nil
	}
	v := cfg.Elem().FieldByName(part)
	if !v.IsValid() {
		return nil
	}
	tree, ok := inforce.Hide(part, plain(v, 0)).(inforce.Tree)
	if !ok {
		return inforce.Tree{} // it is not configured: what Caddy does by itself
	}
	return tree
}

// settingsOf is what a module was told, and made of it.
func settingsOf(module any) inforce.Tree {
	tree, _ := inforce.Hide("", plain(reflect.ValueOf(module), 0)).(inforce.Tree)
	return tree
}

func serverOf(name string, s *caddyhttp.Server) inforce.Server {
	settings := settingsOf(s)
	for _, shown := range []string{"routes", "tls_connection_policies", "listen", "errors", "named_routes"} {
		delete(settings, shown)
	}
	out := inforce.Server{Name: name, Listen: s.Listen, Settings: settings, Automatic: s.AutoHTTPS == nil || !s.AutoHTTPS.Disabled}
	for _, policy := range s.TLSConnPolicies {
		out.TLS = append(out.TLS, settingsOf(policy))
	}
	for i := range s.Routes {
		out.Sites = append(out.Sites, siteOf(&s.Routes[i]))
	}
	return out
}

// siteOf is a route of a server: a Caddyfile makes one of each site.
func siteOf(r *caddyhttp.Route) inforce.Site {
	return inforce.Site{Hosts: Hosts(r), Handlers: handlersOf(caddyhttp.RouteList{*r}, nil, 0)}
}

// Hosts are those that a route is for.
func Hosts(r *caddyhttp.Route) (all []string) {
	for _, set := range r.MatcherSets {
		for _, m := range set {
			if hosts, ok := m.(*caddyhttp.MatchHost); ok {
				all = append(all, *hosts...)
			}
		}
	}
	return all
}

// mostNested bounds blocks within blocks.
const mostNested = 32

func handlersOf(routes caddyhttp.RouteList, match []inforce.Tree, depth int) []inforce.Handler {
	var all []inforce.Handler
	if depth > mostNested {
		return all
	}
	for i := range routes {
		r := &routes[i]
		within := slices.Clip(match)
		if m := matchOf(r, depth); m != nil {
			within = append(within, m)
		}
		for _, h := range r.Handlers {
			if sub, ok := h.(*caddyhttp.Subroute); ok {
				all = append(all, handlersOf(sub.Routes, within, depth+1)...)
				continue
			}
			all = append(all, inforce.Handler{Module: moduleName(h), Match: within, Settings: settingsOf(h)})
		}
	}
	return all
}

// matchOf are the conditions of a route. The hosts of a site are the site's own.
func matchOf(r *caddyhttp.Route, depth int) inforce.Tree {
	var sets []any
	for _, set := range r.MatcherSets {
		tree := inforce.Tree{}
		for _, m := range set {
			if _, hosts := m.(*caddyhttp.MatchHost); hosts && depth == 0 {
				continue
			}
			tree[moduleName(m)] = plain(reflect.ValueOf(m), 0)
		}
		if len(tree) > 0 {
			sets = append(sets, inforce.Hide("match", tree))
		}
	}
	if sets == nil {
		return nil
	}
	return inforce.Tree{"any": sets}
}

func moduleName(m any) string {
	if module, ok := m.(caddy.Module); ok {
		return module.CaddyModule().ID.Name()
	}
	if _, ok := m.(http.Handler); ok {
		return "handler"
	}
	return "unknown"
}
