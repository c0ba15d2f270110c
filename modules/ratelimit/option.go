package ratelimit

import (
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// zoneOptions are the lines of a zone.
var zoneOptions = []struct {
	name string
	read func(d *caddyfile.Dispenser, z *Zone, args []string) error
}{
	{"match", matchOption},
	{"key", keyOption},
	{"rate", func(d *caddyfile.Dispenser, z *Zone, args []string) error { return z.readRate(d, args) }},
	{"burst", func(d *caddyfile.Dispenser, z *Zone, args []string) error { return z.readBurst(d, args) }},
	{"quota", func(d *caddyfile.Dispenser, z *Zone, args []string) error { return z.readQuota(d, args) }},
	{"concurrent", func(d *caddyfile.Dispenser, z *Zone, args []string) error { return z.readConcurrent(d, args) }},
	{"tier", tierOption},
	{"cost", costOption},
	{"count", countOption},
	{"mode", modeOption},
	{"on_failure", failureOption},
	{"exempt", func(d *caddyfile.Dispenser, z *Zone, args []string) error { return exemptOption(d, &z.Exempt, args) }},
	{"shadow", func(d *caddyfile.Dispenser, z *Zone, args []string) error { return flagOption(d, &z.Shadow, args) }},
	{"messages", func(d *caddyfile.Dispenser, z *Zone, args []string) error { return flagOption(d, &z.Messages, args) }},
}

// option reads one line of a zone.
func (z *Zone) option(d *caddyfile.Dispenser, name string, args []string) error {
	var known []string
	for _, o := range zoneOptions {
		if o.name == name {
			return o.read(d, z, args)
		}
		known = append(known, o.name)
	}
	return d.Errf("unknown subdirective %q: zone knows %s", name, list(known))
}

// list writes names as people do.
func list(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func matchOption(d *caddyfile.Dispenser, z *Zone, args []string) error {
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
	return nil
}

func keyOption(d *caddyfile.Dispenser, z *Zone, args []string) error {
	if len(args) == 0 {
		return d.ArgErr()
	}
	for _, a := range args {
		if _, err := readKey(a, defaultPrefix); err != nil {
			return d.WrapErr(err)
		}
	}
	z.Key = args
	return nil
}

func modeOption(d *caddyfile.Dispenser, z *Zone, args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return d.ArgErr()
	}
	if _, ok := modes[args[0]]; !ok || args[0] == "" {
		return d.Errf("mode %q: it is exact, leased or local", args[0])
	}
	z.Mode = args[0]
	if len(args) == 2 {
		n, err := strconv.ParseInt(args[1], 10, 64)
		if err != nil || n < 1 || z.Mode != "leased" {
			return d.Errf("mode %s %q: the mode leased can have a number of tokens from 1", z.Mode, args[1])
		}
		z.Lease = n
	}
	return nil
}

func failureOption(d *caddyfile.Dispenser, z *Zone, args []string) error {
	if len(args) != 1 {
		return d.ArgErr()
	}
	if _, ok := onFailure[args[0]]; !ok || args[0] == "" {
		return d.Errf("on_failure %q: it is local, open or closed", args[0])
	}
	z.OnFailure = args[0]
	return nil
}

func flagOption(d *caddyfile.Dispenser, flag *bool, args []string) error {
	if len(args) != 0 {
		return d.ArgErr()
	}
	*flag = true
	return nil
}
