package protect

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// parseSocket reads a socket block.
func (h *Handler) parseSocket(d *caddyfile.Dispenser) error {
	var s Socket
	if !d.NextArg() {
		return d.ArgErr()
	}
	s.Path = d.Val()
	if err := end(d); err != nil {
		return err
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "type":
			err = one(d, &s.Type)
		case "in":
			err = parseMessages(d, &s.In)
		case "out":
			err = parseMessages(d, &s.Out)
		default:
			err = d.Errf("unknown subdirective %q: socket knows type, in and out", d.Val())
		}
		if err != nil {
			return err
		}
	}
	h.Sockets = append(h.Sockets, s)
	if _, err := compileSockets(h.Sockets); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// parseMessages reads an in or out block.
func parseMessages(d *caddyfile.Dispenser, to *[]Messages) error {
	m := Messages{Types: d.RemainingArgs()}
	var rs records
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() == "size" {
			if err := parseSizes(d, &m.Sizes); err != nil {
				return err
			}
			continue
		}
		known, err := rs.parseOne(d, nil)
		if err == nil && !known {
			err = d.Errf("unknown subdirective %q: messages know key_set, record, id, mint, encrypt, index and size", d.Val())
		}
		if err != nil {
			return err
		}
	}
	var err error
	if m.Records, err = rs.all(d); err != nil {
		return err
	}
	*to = append(*to, m)
	return nil
}

// parseSizes reads pointers to the lengths of encrypted files.
func parseSizes(d *caddyfile.Dispenser, to *[]string) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.ArgErr()
	}
	*to = append(*to, args...)
	return nil
}
