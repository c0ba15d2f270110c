package monitor

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// parseJournal reads
//
//	journal off
//	journal {
//		keep       <duration>
//		max_events <number>
//		max_size   <size>
//	}
func (a *App) parseJournal(d *caddyfile.Dispenser) error {
	j := new(Journal)
	a.Journal = j
	if d.NextArg() {
		if j.Off = d.Val() == "off"; !j.Off || d.NextArg() {
			return d.Err("journal: write `journal off`, or a block")
		}
		return nil
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name, value := d.Val(), ""
		if seen[name] {
			return d.Errf("journal: %s is given twice", name)
		}
		seen[name] = true
		if !d.Args(&value) || d.NextArg() {
			return d.ArgErr()
		}
		switch name {
		case "keep":
			t, err := caddy.ParseDuration(value)
			if err != nil || t <= 0 {
				return d.Errf("journal: keep %q: it is a duration as 7d", value)
			}
			j.Keep = caddy.Duration(t)
		case "max_events":
			n, err := strconv.Atoi(value)
			if err != nil || n <= 0 {
				return d.Errf("journal: max_events %q: it is a number", value)
			}
			j.MaxEvents = n
		case "max_size":
			n, err := humanize.ParseBytes(value)
			if err != nil || n == 0 || n > 1<<50 {
				return d.Errf("journal: max_size %q: it is a size as 1GiB", value)
			}
			j.MaxSize = int64(n)
		default:
			return d.Errf("unknown subdirective %q: journal knows keep, max_events and max_size", name)
		}
		if _, err := j.settings(); err != nil {
			return d.WrapErr(err)
		}
	}
	return nil
}
