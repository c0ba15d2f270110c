package monitor

import (
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// parseRules reads
//
//	rules {
//		built_in    off
//		folder      <path>...            # of Sigma rules
//		disable     <id or name>...
//		placeholder <name> <value>...
//		skip_broken
//		every       <duration>
//	}
func (a *App) parseRules(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	r := new(Rules)
	a.Rules = r
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name, args := d.Val(), d.RemainingArgs()
		switch name {
		case "built_in":
			if r.BuiltInOff = slices.Equal(args, []string{"off"}); !r.BuiltInOff {
				return d.Err("rules: built_in is on, or `built_in off`")
			}
		case "folder", "disable":
			if len(args) == 0 {
				return d.ArgErr()
			}
			if name == "folder" {
				r.Folders = append(r.Folders, args...)
			} else {
				r.Disable = append(r.Disable, args...)
			}
		case "placeholder":
			if len(args) < 2 {
				return d.ArgErr()
			}
			if r.Placeholders[args[0]] != nil {
				return d.Errf("rules: the placeholder %s is given twice", args[0])
			}
			if r.Placeholders == nil {
				r.Placeholders = map[string][]string{}
			}
			r.Placeholders[args[0]] = args[1:]
		case "skip_broken":
			if len(args) > 0 {
				return d.ArgErr()
			}
			r.SkipBroken = true
		case "every":
			if len(args) != 1 {
				return d.ArgErr()
			}
			every, err := caddy.ParseDuration(args[0])
			if err != nil {
				return d.Errf("rules: every %q is no duration", args[0])
			}
			r.Every = caddy.Duration(every)
		default:
			return d.Errf("rules: unknown subdirective %q: it knows built_in, folder, disable, placeholder, skip_broken and every", name)
		}
	}
	return nil
}
