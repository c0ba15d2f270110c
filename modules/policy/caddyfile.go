package policy

import (
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UnmarshalCaddyfile sets up the app from Caddyfile tokens, inside the global option `gateway`. Syntax:
//
//	policy {
//		timeout <duration>
//		folder  <path>
//	}
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // policy
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		switch d.Val() {
		case "timeout":
			if !d.NextArg() {
				return d.ArgErr()
			}
			dur, err := caddy.ParseDuration(d.Val())
			if err != nil || dur < time.Millisecond || dur > 10*time.Second {
				return d.Errf("policy timeout %q: write a duration from 1ms to 10s, as 100ms", d.Val())
			}
			a.Timeout = caddy.Duration(dur)
		case "folder":
			if !d.Args(&a.Folder) {
				return d.ArgErr()
			}
		default:
			return d.Errf("unknown subdirective %q: policy knows timeout and folder", d.Val())
		}
		if d.NextArg() {
			return d.ArgErr()
		}
	}
	return nil
}

var _ caddyfile.Unmarshaler = (*App)(nil)
