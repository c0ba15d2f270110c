package ratelimit

import (
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

func init() { httpcaddyfile.RegisterHandlerDirective("gw_rate_limit", parse) }

func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	l := new(Handler)
	return l, l.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile reads the directive:
//
//	gw_rate_limit [<matcher>] {
//		zone <name> {
//			match      [<method>[,<method>…]] <path>   # may be repeated
//			key        client | user | session | role | host | global …
//			rate       <count>/<period>                # 10/1m, 100/s
//			burst      <count>
//			tier       <name> <count>/<period> [<burst>]   # for whom the policy says it; may be repeated
//			on_failure local | open | closed
//			messages                                   # counts socket messages
//		}
//		zone <name> off                                # of a default zone
//		defaults off                                   # all of them
//		sockets       <count> | off                    # open ones by client; 100
//		store_timeout <duration>                       # 50ms
//		shed off                                       # of the guard of the node itself
//		shed {
//			target <duration>                          # of waiting for a processor; 250ms
//			tiers  <name>…                             # lowest first; standard premium staff
//		}
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		switch name := d.Val(); name {
		case "zone":
			z, err := unmarshalZone(d)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(h.Zones, func(o *Zone) bool { return o.Name == z.Name }) {
				return d.Errf("zone %s is there twice", z.Name)
			}
			h.Zones = append(h.Zones, z)
		case "shed":
			if err := h.shedOption(d); err != nil {
				return err
			}
		case "defaults", "sockets", "store_timeout":
			var arg string
			if !d.AllArgs(&arg) {
				return d.ArgErr()
			}
			if err := h.setting(d, name, arg); err != nil {
				return err
			}
		default:
			return d.Errf("unknown subdirective %q: gw_rate_limit knows zone, defaults, sockets, shed and store_timeout", name)
		}
	}
	// Checked here, too, where file and line are known; on copies, since defaults stay out of the JSON.
	probe := &Handler{NoDefaults: h.NoDefaults}
	for _, z := range h.Zones {
		zone := *z
		probe.Zones = append(probe.Zones, &zone)
	}
	if err := probe.compile(); err != nil {
		return d.Errf("gw_rate_limit: %v", err)
	}
	return nil
}

func (h *Handler) setting(d *caddyfile.Dispenser, name, arg string) error {
	switch name {
	case "defaults":
		if arg != "off" {
			return d.Errf("defaults %q: it can be off", arg)
		}
		h.NoDefaults = true
	case "sockets":
		n, err := strconv.Atoi(arg)
		switch {
		case arg == "off":
			n = -1
		case err != nil || n < 1:
			return d.Errf("sockets %q: it is a count from 1, or off", arg)
		}
		h.Sockets = n
	case "store_timeout":
		t, err := caddy.ParseDuration(arg)
		if err != nil || t <= 0 {
			return d.Errf("store_timeout %q: it is a duration as 50ms", arg)
		}
		h.StoreTimeout = caddy.Duration(t)
	}
	return nil
}

func unmarshalZone(d *caddyfile.Dispenser) (*Zone, error) {
	if !d.NextArg() {
		return nil, d.ArgErr()
	}
	z := &Zone{Name: d.Val()}
	if !zoneName.MatchString(z.Name) {
		return nil, d.Errf("zone %q: a name has lower-case letters, digits, - and _", z.Name)
	}
	if d.NextArg() {
		if d.Val() != "off" || d.NextArg() {
			return nil, d.ArgErr()
		}
		z.Off = true
		return z, nil
	}
	for d.NextBlock(1) {
		if err := z.option(d, d.Val(), d.RemainingArgs()); err != nil {
			return nil, err
		}
	}
	return z, nil
}

// option reads one line of a zone.
func (z *Zone) option(d *caddyfile.Dispenser, name string, args []string) error {
	one := len(args) == 1
	switch name {
	case "match":
		if len(args) < 1 || len(args) > 2 {
			return d.ArgErr()
		}
		route := Route{Path: args[len(args)-1]}
		if len(args) == 2 {
			route.Methods = strings.Split(args[0], ",")
		}
		if check := (Route{slices.Clone(route.Methods), route.Path}); check.validate() != nil {
			return d.WrapErr(check.validate())
		}
		z.Match = append(z.Match, route)
	case "key":
		if len(args) == 0 {
			return d.ArgErr()
		}
		for _, a := range args {
			if !slices.Contains(keys, a) {
				return d.Errf("key %q: it is one of %s", a, strings.Join(keys, ", "))
			}
		}
		z.Key = args
	case "rate":
		if !one {
			return d.ArgErr()
		}
		if _, _, err := limit.ParseRate(args[0]); err != nil {
			return d.WrapErr(err)
		}
		z.Rate = args[0]
	case "burst":
		if !one {
			return d.ArgErr()
		}
		n, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil || n < 1 {
			return d.Errf("burst %q: it is a count from 1", args[0])
		}
		z.Burst = n
	case "tier":
		return z.tierOption(d, args)
	case "on_failure":
		if !one {
			return d.ArgErr()
		}
		if _, ok := onFailure[args[0]]; !ok || args[0] == "" {
			return d.Errf("on_failure %q: it is local, open or closed", args[0])
		}
		z.OnFailure = args[0]
	case "messages":
		if len(args) != 0 {
			return d.ArgErr()
		}
		z.Messages = true
	default:
		return d.Errf("unknown subdirective %q: zone knows match, key, rate, burst, tier, on_failure and messages", name)
	}
	return nil
}

var _ caddyfile.Unmarshaler = (*Handler)(nil)
