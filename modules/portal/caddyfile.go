package portal

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(Handler{})
	httpcaddyfile.RegisterHandlerDirective("gw_portal", parse)
}

func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile reads:
//
//	gw_portal [<matcher>] {
//		brand <name>   # what the pages call the place; default ConvoSphere
//		home  <path>   # where a login leads that came from nowhere; default /
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if seen[d.Val()] {
			return d.Errf("%s is given twice", d.Val())
		}
		seen[d.Val()] = true
		name, args := d.Val(), d.RemainingArgs()
		if name != "brand" && name != "home" {
			return d.Errf("unknown subdirective %q: gw_portal knows brand and home", name)
		}
		if len(args) != 1 || args[0] == "" {
			return d.ArgErr()
		}
		if name == "brand" {
			h.Brand = args[0]
			continue
		}
		if safeReturn(args[0], "") == "" {
			return d.Errf("home: %q is not a path of this site, as in: home /rooms", args[0])
		}
		h.Home = args[0]
	}
	return nil
}
