package monitor

import (
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UnmarshalCaddyfile sets up the app from Caddyfile tokens, inside the global option `gateway`. Syntax:
//
//	monitor off
//	monitor {
//		alert { … }           # see parseAlerts
//		anomaly off | { … }   # see parseAnomaly
//		figures off | { … }   # see parseFigures
//		incidents off | { … } # see parseIncidents
//		journal off | { … }   # see parseJournal
//		respond <mode> | { … } # see parseRespond
//		rules { … }           # see parseRules
//	}
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // monitor
	if d.NextArg() {
		if a.Off = d.Val() == "off"; !a.Off {
			return d.Errf("monitor %q: write `monitor off`, or a block", d.Val())
		}
		if d.NextArg() || d.NextBlock(0) {
			return d.Err("`monitor off` takes nothing else")
		}
		return nil
	}
	seen := map[string]bool{}
	for d.NextBlock(0) {
		name := d.Val()
		if seen[name] && !repeated[name] {
			return d.Errf("%s is given twice", name)
		}
		seen[name] = true
		read, ok := subdirectives[name]
		if !ok {
			return d.Errf("unknown subdirective %q: monitor knows %s", name, strings.Join(slices.Sorted(maps.Keys(subdirectives)), ", "))
		}
		if err := read(a, d); err != nil {
			return err
		}
	}
	return nil
}

// subdirectives are read with the dispenser at their name. They leave it at the last token that is theirs.
var subdirectives = map[string]func(*App, *caddyfile.Dispenser) error{
	"alert":     (*App).parseAlerts,
	"anomaly":   (*App).parseAnomaly,
	"figures":   (*App).parseFigures,
	"fleet":     (*App).parseFleet,
	"incidents": (*App).parseIncidents,
	"journal":   (*App).parseJournal,
	"respond":   (*App).parseRespond,
	"rules":     (*App).parseRules,
	"windows":   (*App).parseWindows,
}

// repeated are those that may be given several times.
var repeated = map[string]bool{}

var _ caddyfile.Unmarshaler = (*App)(nil)
