package monitor

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// parseFleet reads
//
//	fleet off
//	fleet {
//		spool    <size>
//		lateness <duration>
//	}
func (a *App) parseFleet(d *caddyfile.Dispenser) error {
	a.Fleet = new(Fleet)
	if d.NextArg() {
		if a.Fleet.Off = d.Val() == "off"; !a.Fleet.Off || d.NextArg() {
			return d.Err("fleet: write `fleet off`, or a block")
		}
		return nil
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name, value := d.Val(), ""
		if !d.Args(&value) || d.NextArg() {
			return d.ArgErr()
		}
		switch name {
		case "spool":
			n, err := humanize.ParseBytes(value)
			if err != nil || n > 1<<40 {
				return d.Errf("fleet: spool %q: write a size, as 64MiB", value)
			}
			a.Fleet.Spool = int64(n)
		case "lateness":
			t, err := caddy.ParseDuration(value)
			if err != nil {
				return d.Errf("fleet: lateness %q: write a time, as 10m", value)
			}
			a.Fleet.Lateness = caddy.Duration(t)
		default:
			return d.Errf("unknown subdirective %q: fleet knows spool and lateness", name)
		}
	}
	return nil
}

// parseWindows reads
//
//	windows {
//		memory <size>
//	}
func (a *App) parseWindows(d *caddyfile.Dispenser) error {
	a.Windows = new(Windows)
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name, value := d.Val(), ""
		if name != "memory" {
			return d.Errf("unknown subdirective %q: windows knows memory", name)
		}
		if !d.Args(&value) || d.NextArg() {
			return d.ArgErr()
		}
		n, err := humanize.ParseBytes(value)
		if err != nil || n > 1<<40 {
			return d.Errf("windows: memory %q: write a size, as 256MiB", value)
		}
		a.Windows.Memory = int64(n)
	}
	return nil
}
