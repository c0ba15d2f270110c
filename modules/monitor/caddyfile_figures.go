package monitor

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// parseFigures reads
//
//	figures off
//	figures {
//		keep <duration>
//	}
func (a *App) parseFigures(d *caddyfile.Dispenser) error {
	f := new(Figures)
	a.Figures = f
	if d.NextArg() {
		if f.Off = d.Val() == "off"; !f.Off || d.NextArg() {
			return d.Err("figures: write `figures off`, or a block")
		}
		return nil
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name, value := d.Val(), ""
		if name != "keep" {
			return d.Errf("unknown subdirective %q: figures knows keep", name)
		}
		if f.Keep != 0 {
			return d.Err("figures: keep is given twice")
		}
		if !d.Args(&value) || d.NextArg() {
			return d.ArgErr()
		}
		t, err := caddy.ParseDuration(value)
		if err != nil || t <= 0 {
			return d.Errf("figures: keep %q: it is a duration as 400d", value)
		}
		f.Keep = caddy.Duration(t)
		if err := f.check(); err != nil {
			return d.WrapErr(err)
		}
	}
	return nil
}
