package identity

import (
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// remember reads: remember [{ idle <duration>, absolute <duration>, except <role>... }]
func remember(a *App, d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	a.Remember = new(Remember)
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if seen[name] {
			return d.Errf("%s is given twice", name)
		}
		seen[name] = true
		var err error
		switch name {
		case "idle":
			err = span(d, &a.Remember.Idle)
		case "absolute":
			err = span(d, &a.Remember.Absolute)
		case "except":
			if a.Remember.Except = d.RemainingArgs(); len(a.Remember.Except) == 0 {
				err = d.ArgErr()
			}
		default:
			err = d.Errf("unknown subdirective %q: remember knows idle, absolute and except", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rememberDevice reads: remember_device <duration>|off
func rememberDevice(a *App, d *caddyfile.Dispenser) error {
	if v := d.RemainingArgs(); len(v) == 1 && v[0] == "off" {
		a.RememberDevice = &TrustedDevices{Off: true}
		return nil
	} else if len(v) != 1 {
		return d.ArgErr()
	}
	d.Prev()
	a.RememberDevice = new(TrustedDevices)
	return span(d, &a.RememberDevice.For)
}

// maxSessions reads: max_sessions <n> [oldest|refuse]
func maxSessions(a *App, d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 0 || len(args) > 2 {
		return d.ArgErr()
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n <= 0 {
		return d.Errf("max_sessions: %q is no whole number above 0", args[0])
	}
	a.MaxSessions = &MaxSessions{Count: n}
	if len(args) == 2 {
		a.MaxSessions.Full = args[1]
	}
	return nil
}
