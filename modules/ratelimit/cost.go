package ratelimit

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// Cost is how many units of its zones a request takes. The zero value is one.
type Cost struct {
	// So many.
	Units int64 `json:"units,omitempty"`

	// One for each so many bytes of the body that are begun, and one where there is none.
	Bytes int64 `json:"bytes,omitempty"`
}

const (
	maxUnits    = 1_000_000
	maxUnitSize = 1 << 40
)

func (c *Cost) validate() error {
	switch {
	case c == nil:
		return nil
	case c.Units != 0 && c.Bytes != 0:
		return errors.New("cost: it is a number of units, or by bytes")
	case c.Units < 0 || c.Units > maxUnits:
		return fmt.Errorf("cost: from 1 unit to %d", maxUnits)
	case c.Bytes < 0 || c.Bytes > maxUnitSize:
		return fmt.Errorf("cost: a unit has from 1 byte to %d", int64(maxUnitSize))
	}
	return nil
}

// of is the cost of a request with a body of so many bytes; below 0: it is not known yet, and is one until then.
func (c *Cost) of(length int64) int64 {
	switch {
	case c == nil:
		return 1
	case c.Bytes > 0:
		return max(1, (max(0, length)-1)/c.Bytes+1)
	}
	return max(1, c.Units)
}

// bySize tells whether the body's size matters.
func (c *Cost) bySize() bool { return c != nil && c.Bytes > 0 }

// unit is how many bytes a unit stands for; 0: units are no bytes.
func (c *Cost) unit() int64 {
	if c == nil {
		return 0
	}
	return c.Bytes
}

func costOption(d *caddyfile.Dispenser, z *Zone, args []string) error {
	if len(args) == 0 || len(args) != 1 && (len(args) != 2 || args[0] != "bytes") {
		return d.ArgErr()
	}
	c := new(Cost)
	if len(args) == 2 {
		n, err := humanize.ParseBytes(args[1])
		if err != nil || n < 1 || n > maxUnitSize {
			return d.Errf("cost bytes %q: it is the size of a unit, as 64KiB", args[1])
		}
		c.Bytes = int64(n)
	} else {
		n, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil || n < 1 || n > maxUnits {
			return d.Errf("cost %q: it is a number of units from 1 to %d, or bytes and a size", args[0], maxUnits)
		}
		c.Units = n
	}
	z.Cost = c
	return nil
}
