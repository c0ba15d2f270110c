package gateway

import (
	"fmt"
	"net/netip"
	"reflect"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/host"
)

func (a *App) parseAllow(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.ArgErr()
	}
	for _, arg := range args {
		if arg == "private_ranges" { // as in Caddy's trusted_proxies
			a.Allow = append(a.Allow, caddyhttp.PrivateRangesCIDR()...)
			continue
		}
		if _, err := caddyhttp.CIDRExpressionToPrefix(arg); err != nil {
			return d.Errf("allow: %q is neither an address nor a prefix, as in: allow 192.0.2.7 2001:db8::/32", arg)
		}
		a.Allow = append(a.Allow, arg)
	}
	return nil
}

func (a *App) allowed() ([]netip.Prefix, error) { return prefixes("allow", a.Allow) }

func prefixes(of string, all []string) ([]netip.Prefix, error) {
	out := make([]netip.Prefix, 0, len(all))
	for _, s := range all {
		p, err := caddyhttp.CIDRExpressionToPrefix(s)
		if err != nil {
			return nil, fmt.Errorf("gateway: %s: %q is neither an address nor a prefix", of, s)
		}
		out = append(out, p)
	}
	return out, nil
}

// protectProxies tells the bans which proxies the servers trust.
func (a *App) protectProxies() error {
	app, err := host.App[*caddyhttp.App](a.ctx, "http")
	if err != nil {
		return nil //nolint:nilerror // no servers, no proxies
	}
	var all []netip.Prefix
	for _, server := range app.Servers {
		ranges, err := prefixes("trusted_proxies", staticProxies(server))
		if err != nil {
			return err
		}
		all = append(all, ranges...)
	}
	a.ground.Bans.Protect(all)
	return nil
}

// staticProxies are the ranges of `trusted_proxies static …`. Caddy shows them to nobody once it has read them, so they are looked up in the
// server; where it should keep them elsewhere one day, a test says so. Of other sources nothing is known beforehand: gw_client, which
// Caddy tells of each request whether it came by a trusted proxy, lets them pass.
func staticProxies(server *caddyhttp.Server) (ranges []string) {
	source := reflect.ValueOf(server).Elem().FieldByName("trustedProxies")
	if !source.IsValid() || source.Kind() != reflect.Interface || source.IsNil() || source.Elem().Type() != reflect.TypeFor[*caddyhttp.StaticIPRange]() {
		return nil
	}
	all := source.Elem().Elem().FieldByName("Ranges")
	for i := range all.Len() {
		ranges = append(ranges, all.Index(i).String())
	}
	return ranges
}
