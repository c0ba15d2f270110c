package ratelimit

import (
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
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
//			match      [<method>[,<method>…]] <path>       # may be repeated
//			key        client[/<IPv4 bits>/<IPv6 bits>] | user | session | role | tier | token | route | host | country
//			           | header:<Name> | json:<pointer> | connection | global …
//			rate       <count>/<period>                    # 10/1m, 100/s
//			burst      <count>
//			quota      <count>/day | <count>/month         # in place of a rate
//			concurrent <count> [<expiry>]                  # in flight, in place of a rate
//			tier       <name> <count>/<period> [<burst>]   # for whom the policy says it, or a role of that name; may be repeated
//			cost       <units> | bytes <size>
//			count      status <status>…                    # 401 5xx
//			mode       exact | leased [<tokens>] | local
//			on_failure local | open | closed
//			exempt     <network>… | role <name>… | tier <name>…   # may be repeated
//			shadow
//			messages                                       # counts socket messages
//		}
//		zone <name> off                                    # of a default zone
//		defaults off                                       # all of them
//		exempt        <network>… | role <name>… | tier <name>…
//		client_prefix <IPv4 bits> <IPv6 bits>              # 32 64
//		sockets       <count> | off                        # open ones by client; 100
//		warn          <count> | off                        # messages over a limit before their socket closes; 5
//		store_timeout <duration>                           # 20ms
//		shed off                                           # of the guard of the node itself
//		shed {
//			target <duration>                              # of waiting for a processor; 250ms
//			tiers  <name>…                                 # lowest first; standard premium staff
//		}
//		challenge off                                      # nobody has to solve a puzzle
//		challenge {
//			work      <bits>                               # it takes 2^bits hashes; 18
//			clearance <duration>                           # of who solved it; 30m
//			wait      <duration>                           # of who can't; 30s
//		}
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		if err := h.setting(d, d.Val()); err != nil {
			return err
		}
	}
	// Checked here, too, where file and line are known; on a copy, since defaults stay out of the JSON.
	if err := h.clone().compile(); err != nil {
		return d.Errf("gw_rate_limit: %v", err)
	}
	return nil
}

// settings are the lines of the directive.
var settings = []struct {
	name string
	read func(d *caddyfile.Dispenser, h *Handler) error
}{
	{"zone", zoneSetting},
	{"defaults", defaultsSetting},
	{"exempt", func(d *caddyfile.Dispenser, h *Handler) error { return exemptOption(d, &h.Exempt, d.RemainingArgs()) }},
	{"client_prefix", prefixSetting},
	{"sockets", socketsSetting},
	{"warn", warnSetting},
	{"challenge", func(d *caddyfile.Dispenser, h *Handler) error { return h.challengeOption(d) }},
	{"shed", func(d *caddyfile.Dispenser, h *Handler) error { return h.shedOption(d) }},
	{"store_timeout", timeoutSetting},
}

func (h *Handler) setting(d *caddyfile.Dispenser, name string) error {
	var known []string
	for _, s := range settings {
		if s.name == name {
			return s.read(d, h)
		}
		known = append(known, s.name)
	}
	return d.Errf("unknown subdirective %q: gw_rate_limit knows %s", name, list(known))
}

func zoneSetting(d *caddyfile.Dispenser, h *Handler) error {
	z, err := unmarshalZone(d)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(h.Zones, func(o *Zone) bool { return o.Name == z.Name }) {
		return d.Errf("zone %s is there twice", z.Name)
	}
	h.Zones = append(h.Zones, z)
	return nil
}

func defaultsSetting(d *caddyfile.Dispenser, h *Handler) error {
	var arg string
	if !d.AllArgs(&arg) {
		return d.ArgErr()
	}
	if arg != "off" {
		return d.Errf("defaults %q: it can be off", arg)
	}
	h.NoDefaults = true
	return nil
}

func prefixSetting(d *caddyfile.Dispenser, h *Handler) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.ArgErr()
	}
	p, err := readPrefix(args)
	if err != nil {
		return d.WrapErr(err)
	}
	h.ClientPrefix = &p
	return nil
}

func socketsSetting(d *caddyfile.Dispenser, h *Handler) (err error) {
	h.Sockets, err = countOrOff(d)
	return err
}

func warnSetting(d *caddyfile.Dispenser, h *Handler) (err error) {
	h.Warn, err = countOrOff(d)
	return err
}

// countOrOff reads a setting that is a count, or off, which is -1.
func countOrOff(d *caddyfile.Dispenser) (int, error) {
	name, arg := d.Val(), ""
	if !d.AllArgs(&arg) {
		return 0, d.ArgErr()
	}
	if arg == "off" {
		return -1, nil
	}
	n, err := strconv.Atoi(arg)
	if err != nil || n < 1 {
		return 0, d.Errf("%s %q: it is a count from 1, or off", name, arg)
	}
	return n, nil
}

func timeoutSetting(d *caddyfile.Dispenser, h *Handler) error {
	var arg string
	if !d.AllArgs(&arg) {
		return d.ArgErr()
	}
	t, err := caddy.ParseDuration(arg)
	if err != nil || t <= 0 {
		return d.Errf("store_timeout %q: it is a duration as 20ms", arg)
	}
	h.StoreTimeout = caddy.Duration(t)
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

var _ caddyfile.Unmarshaler = (*Handler)(nil)
