package health

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	a := new(Handler)
	return a, a.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Syntax:
//
//	gw_health {
//		live    <path>      # default: /healthz
//		ready   <path>      # default: /readyz
//		require <part>...   # default: none
//		details             # default: told on this machine alone
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for d.NextBlock(0) {
		name := d.Val()
		if seen[name] {
			return d.Errf("%s is given twice", name)
		}
		seen[name] = true
		args := d.RemainingArgs()
		switch {
		case name == "live" && len(args) == 1:
			h.Live = args[0]
		case name == "ready" && len(args) == 1:
			h.Ready = args[0]
		case name == "require" && len(args) > 0:
			h.Require = args
		case name == "details" && len(args) == 0:
			h.Details = true
		case name == "live", name == "ready", name == "require", name == "details":
			return d.ArgErr()
		default:
			return d.Errf("unknown subdirective %q: gw_health knows live, ready, require and details", name)
		}
	}
	return nil
}

var _ caddyfile.Unmarshaler = (*Handler)(nil)
