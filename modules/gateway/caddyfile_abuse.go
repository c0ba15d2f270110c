package gateway

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/internal/abuse"
)

// UnmarshalCaddyfile reads:
//
//	abuse off
//	abuse {
//		points    <signal> <points>…                 # limited 1 attack 10 login 3 token 2 challenge 3; may be repeated
//		half_life <duration>                         # 10m
//		tight     <score>|off                        # 20
//		challenge <score>|off                        # 50
//		ban       <score> [<first> [<longest>]]|off  # 150 10m 24h
//	}
func (a *Abuse) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		if d.Val() != "off" || d.NextArg() {
			return d.Err("abuse: write `abuse off` or a block")
		}
		a.Off = true
		return nil
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name, args := d.Val(), d.RemainingArgs()
		if seen[name] && name != "points" {
			return d.Errf("abuse: %s is given twice", name)
		}
		seen[name] = true
		if err := a.option(d, name, args); err != nil {
			return err
		}
	}
	if _, err := a.config(); err != nil {
		return d.Errf("abuse: %v", err)
	}
	return nil
}

func (a *Abuse) option(d *caddyfile.Dispenser, name string, args []string) error {
	switch name {
	case "points":
		return a.parsePoints(d, args)
	case "half_life":
		if len(args) != 1 {
			return d.ArgErr()
		}
		return parseSpan(d, name, args[0], &a.HalfLife)
	case "tight", "challenge":
		if len(args) != 1 {
			return d.ArgErr()
		}
		if name == "tight" {
			return parseScore(d, name, args[0], &a.Tight)
		}
		return parseScore(d, name, args[0], &a.Challenge)
	case "ban":
		return a.parseBan(d, args)
	}
	return d.Errf("unknown subdirective %q: abuse knows points, half_life, tight, challenge and ban", name)
}

func (a *Abuse) parsePoints(d *caddyfile.Dispenser, args []string) error {
	if len(args) == 0 || len(args)%2 != 0 {
		return d.Err("points: write signals and what each counts, as in: points attack 10 login 3")
	}
	if a.Points == nil {
		a.Points = map[string]float64{}
	}
	for i := 0; i < len(args); i += 2 {
		word := args[i]
		if _, ok := abuse.ParseSignal(word); !ok {
			return d.Errf("points: %q is no signal: they are %s", word, signalWords())
		}
		if _, twice := a.Points[word]; twice {
			return d.Errf("points: %s is given twice", word)
		}
		n, err := strconv.ParseFloat(args[i+1], 64)
		if err != nil || !(n >= 0) {
			return d.Errf("points: %q is not a number from 0", args[i+1])
		}
		a.Points[word] = n
	}
	return nil
}

func (a *Abuse) parseBan(d *caddyfile.Dispenser, args []string) error {
	if len(args) == 0 || len(args) > 3 {
		return d.ArgErr()
	}
	if err := parseScore(d, "ban", args[0], &a.Ban); err != nil {
		return err
	}
	if len(args) > 1 && a.Ban < 0 {
		return d.Err("ban: one that is off has no time")
	}
	for i, to := range []*caddy.Duration{&a.First, &a.Longest} {
		if len(args) > i+1 {
			if err := parseSpan(d, "ban", args[i+1], to); err != nil {
				return err
			}
		}
	}
	return nil
}

// parseScore reads a score above 0, or off, which is -1.
func parseScore(d *caddyfile.Dispenser, option, arg string, to *float64) error {
	if arg == "off" {
		*to = -1
		return nil
	}
	n, err := strconv.ParseFloat(arg, 64)
	if err != nil || !(n > 0) {
		return d.Errf("%s: %q is not a score above 0, nor off", option, arg)
	}
	*to = n
	return nil
}

func parseSpan(d *caddyfile.Dispenser, option, arg string, to *caddy.Duration) error {
	v, err := caddy.ParseDuration(arg)
	if err != nil || v <= 0 {
		return d.Errf("%s: %q is not a duration, as 10m", option, arg)
	}
	*to = caddy.Duration(v)
	return nil
}
