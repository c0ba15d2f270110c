package identity

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// throttling reads:
//
//	throttle {
//		client|account|pair|device <free> [<first wait> [<longest wait>]]
//		challenge <number> [<work>] | off
//		queue     <number>
//	}
func throttling(a *App, d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	t := new(Throttle)
	a.Throttle = t
	rules := map[string]**Tries{"client": &t.Client, "account": &t.Account, "pair": &t.Pair, "device": &t.Device}
	numbers := map[string]*int{"queue": &t.Queue}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if seen[name] {
			return d.Errf("%s is given twice", name)
		}
		seen[name] = true
		var err error
		if rule, ok := rules[name]; ok {
			*rule = new(Tries)
			err = (*rule).unmarshal(d)
		} else if name == "challenge" {
			err = t.unmarshalChallenge(d)
		} else if to, ok := numbers[name]; ok {
			var n uint64
			n, err = number(d, 31)
			*to = int(n)
		} else {
			err = d.Errf("unknown subdirective %q: throttle knows account, challenge, client, device, pair and queue", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *Tries) unmarshal(d *caddyfile.Dispenser) error {
	name, args := d.Val(), d.RemainingArgs()
	if len(args) == 0 || len(args) > 3 {
		return d.ArgErr()
	}
	n, err := strconv.ParseUint(args[0], 10, 31)
	if err != nil || n == 0 {
		return d.Errf("%s: %q is no whole number above 0", name, args[0])
	}
	t.Free = int(n)
	for i, to := range []*caddy.Duration{&t.First, &t.Longest} {
		if len(args) < i+2 {
			break
		}
		wait, err := caddy.ParseDuration(args[i+1])
		if err != nil || wait <= 0 {
			return d.Errf("%s: %q is no duration such as 30s or 1h", name, args[i+1])
		}
		*to = caddy.Duration(wait)
	}
	return nil
}

func (t *Throttle) unmarshalChallenge(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 1 && args[0] == "off" {
		t.Challenge = -1
		return nil
	}
	if len(args) == 0 || len(args) > 2 {
		return d.ArgErr()
	}
	for i, to := range []*int{&t.Challenge, &t.ChallengeWork} {
		if len(args) <= i {
			break
		}
		n, err := strconv.ParseUint(args[i], 10, 31)
		if err != nil || n == 0 {
			return d.Errf("challenge: %q is no whole number above 0", args[i])
		}
		*to = int(n)
	}
	if err := t.check(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}
