package protect

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/internal/route"
)

// parseFile reads a file block.
func (h *Handler) parseFile(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Err("write `file <methods> <path> { … }`, as `file GET,PUT /files/{id} { … }`")
	}
	f := File{Methods: route.ParseMethods(args[0]), Path: args[1]}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := f.parseOne(d); err != nil {
			return err
		}
	}
	h.Files = append(h.Files, f)
	if _, err := compileFiles(h.Files); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func (f *File) parseOne(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "key_set":
		return one(d, &f.KeySet)
	case "record":
		args := d.RemainingArgs()
		if f.Type != "" || len(args) == 0 || len(args) > 2 {
			return d.Err("write `record <type> [<id>]` once, as `record file {id}`")
		}
		if f.Type = args[0]; len(args) == 2 {
			f.ID = args[1]
		}
		return nil
	case "mint":
		args := d.RemainingArgs()
		if f.Mint != "" || len(args) != 3 || args[0] != "header" || args[2] != "ulid" {
			return d.Err("write `mint header <name> ulid` once, as `mint header X-Record-Id ulid`")
		}
		f.Mint = args[1]
		return nil
	case "part":
		args := d.RemainingArgs()
		if len(args) == 0 {
			return d.ArgErr()
		}
		f.Parts = append(f.Parts, args...)
		return nil
	}
	return d.Errf("unknown subdirective %q: file knows key_set, record, mint and part", d.Val())
}
