package upload

import (
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// size reads a number of bytes, as 25MiB.
func size(d *caddyfile.Dispenser, to *int64) error {
	name, arg := d.Val(), ""
	if !d.AllArgs(&arg) {
		return d.ArgErr()
	}
	n, err := humanize.ParseBytes(arg)
	if err != nil || n < 1 || n > mostSize {
		return d.Errf("%s %q: write a size up to 1TiB, as 25MiB", name, arg)
	}
	*to = int64(n)
	return nil
}

// count reads a number above 0.
func count[T int | int64](d *caddyfile.Dispenser, to *T) error {
	name, arg := d.Val(), ""
	if !d.AllArgs(&arg) {
		return d.ArgErr()
	}
	n, err := strconv.ParseInt(arg, 10, 32)
	if err != nil || n < 1 {
		return d.Errf("%s %q: write a number above 0", name, arg)
	}
	*to = T(n)
	return nil
}
